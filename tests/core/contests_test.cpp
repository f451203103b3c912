#include "core/contests.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;
using namespace std::chrono_literals;

TEST_CASE("five times without a long pause are no accident; then it is told each tenfold") {
  Contests contests(1);
  Time now{};
  std::vector<unsigned> told;
  for (unsigned times = 1; times <= 500; ++times) {
    if (contests.undone(0, now += 1s)) told.push_back(times);
  }
  CHECK(told == std::vector<unsigned>{5, 50, 500});
  CHECK(contests.any());
  CHECK(contests.told(0));
}

TEST_CASE("what happens seldom is no contest") {
  Contests contests(1);
  Time now{};
  for (int i = 0; i < 20; ++i) CHECK_FALSE(contests.undone(0, now += 121s));
  CHECK_FALSE(contests.any());
}

TEST_CASE("a contest is over after a long pause, and each prefix has its own") {
  Contests contests(2);
  Time now{};
  for (int i = 0; i < 5; ++i) contests.undone(0, now += 1s);
  const Time last = now;
  for (int i = 0; i < 5; ++i) contests.undone(1, now += 60s);
  CHECK(contests.told(0));
  const auto over = contests.end(now);
  REQUIRE(over.size() == 1);
  CHECK(over.front().prefix == 0);
  CHECK(over.front().quiet_for == now - last);
  CHECK(contests.any());
  CHECK(contests.end(now + 120s).size() == 1);
  CHECK_FALSE(contests.any());
}

TEST_CASE("while somebody undoes, bgpd is read often, but not most of its time") {
  Contests contests(1);
  CHECK_FALSE(contests.reading_interval(Time{}, 1ms));
  CHECK_FALSE(contests.asks_who(Time{}));
  contests.undone(0, Time{});
  CHECK(contests.reading_interval(Time{} + 1s, 1ms) == 100ms);
  CHECK(contests.reading_interval(Time{} + 1s, 50ms) == 500ms);
  CHECK_FALSE(contests.reading_interval(Time{} + 10s, 1ms));
}

TEST_CASE("who is on the vty is asked once a second, and only that answer counts") {
  Contests contests(1);
  contests.undone(0, Time{});
  CHECK(contests.asks_who(Time{} + 1s));
  CHECK_FALSE(contests.asks_who(Time{} + 1500ms));
  std::vector<std::string> other{"vty[7] from somewhere"}, seen{"vty[9] from 10.0.0.1"};
  contests.answered(Time{}, other);
  contests.answered(Time{} + 1s, seen);
  CHECK(contests.text(0, true, "socket", Time{} + 2s).find("on bgpd's vty: vty[9] from 10.0.0.1") !=
        std::string::npos);
}
