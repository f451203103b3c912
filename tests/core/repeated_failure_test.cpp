#include "core/repeated_failure.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace withdrawd;
using namespace std::chrono_literals;
using core::RepeatedFailure;

TEST_CASE("a failure is told at once, then with how often it was, ever more seldom") {
  RepeatedFailure told;
  core::Time now{};
  CHECK(told.news("bgpd is away", now) == "bgpd is away");
  std::vector<std::string> lines;
  for (int i = 0; i < 3600; ++i) {
    now += 1s;
    if (auto line = told.news("bgpd is away", now)) lines.push_back(*line);
  }
  // After 1 and 2 and 4 and 8 minutes, and every ten.
  REQUIRE(lines.size() == 8);
  CHECK(lines[0] == "bgpd is away (60 times in the last 1 min)");
  CHECK(lines[1] == "bgpd is away (120 times in the last 2 min)");
  CHECK(lines.back() == "bgpd is away (600 times in the last 10 min)");
}

TEST_CASE("another failure is news, and so is one that has not been seen for a minute") {
  RepeatedFailure told;
  const core::Time start{};
  CHECK(told.news("one", start));
  CHECK(told.news("another", start));
  CHECK_FALSE(told.news("one", start + 59s));
  CHECK(told.news("one", start + 59s + 60s) == "one");
}
