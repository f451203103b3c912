#include "core/exposure.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;
using namespace std::chrono_literals;

namespace {

constexpr Time at(std::chrono::seconds time) {
  return Time{} + time;
}

/// Three prefixes of which the last may not fall back, all exposed, the second one first.
Exposure three() {
  Exposure exposure;
  exposure.add(true, 0);
  exposure.add(true, 0);
  exposure.add(false, 0);
  exposure.set(1, true, at(1s));
  exposure.set(0, true, at(2s));
  exposure.set(2, true, at(3s));
  return exposure;
}

}  // namespace

TEST_CASE("exposed is counted from the first moment on, until it ends") {
  Exposure exposure = three();
  exposure.set(1, true, at(5s));
  CHECK(exposure.since(1) == at(1s));
  CHECK(exposure.first() == at(1s));
  exposure.set(1, false, at(6s));
  CHECK(exposure.first() == at(2s));
  exposure.set(0, false, at(6s));
  CHECK_FALSE(exposure.first());
  CHECK(exposure.any());  // the one that may not fall back
  exposure.set(2, false, at(6s));
  CHECK_FALSE(exposure.any());
}

TEST_CASE("the longest of each number of kills, and of those that may not fall back") {
  Exposure exposure = three();
  auto longest = exposure.longest(false);
  CHECK(longest.may_fall_back == std::map<unsigned, std::size_t>{{0, 1}});
  CHECK(longest.may_not == 2);
  exposure.set_kills(1, 2);
  longest = exposure.longest(false);
  CHECK(longest.may_fall_back == std::map<unsigned, std::size_t>{{0, 0}, {2, 1}});
  longest = exposure.longest(true);
  CHECK(longest.may_fall_back.empty());
  CHECK(longest.may_not == 1);
}

TEST_CASE("time in which nothing could be done does not count") {
  Exposure exposure = three();
  const auto before = exposure.revision();
  exposure.delay(10s);
  CHECK(exposure.first() == at(11s));
  CHECK(exposure.since_before(at(11s)) == std::vector<std::size_t>{1});
  CHECK(exposure.revision() != before);
}

TEST_CASE("kills are remembered by themselves, also while nothing is exposed") {
  Exposure exposure;
  exposure.add(true, 3);
  CHECK(exposure.any_kills());
  const auto before = exposure.kills_revision();
  exposure.set(0, true, at(1s));
  CHECK(exposure.kills_revision() == before);
  exposure.set_kills(0, 0);
  CHECK(exposure.kills_revision() != before);
  CHECK_FALSE(exposure.any_kills());
}
