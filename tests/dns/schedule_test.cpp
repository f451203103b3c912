#include "dns/schedule.hpp"

#include <doctest/doctest.h>

using namespace withdrawd;
using namespace withdrawd::dns;
using namespace std::chrono_literals;

namespace {
const core::Time begun = core::Time{} + 1h;
}

TEST_CASE("tries are spread evenly over the timeout, then it is time to give up") {
  Schedule schedule(begun, 1s, 4);
  for (const auto at : {0ms, 250ms, 500ms, 750ms}) {
    CHECK(schedule.next() == begun + at);
    CHECK_FALSE(schedule.due(begun + at - 1ns));
    CHECK(schedule.due(begun + at));
    CHECK_FALSE(schedule.due(begun + at));
  }
  CHECK(schedule.next() == begun + 1s);
  CHECK(schedule.deadline() == begun + 1s);
  CHECK_FALSE(schedule.due(begun + 1s));
}

TEST_CASE("no tries at all means one") {
  Schedule schedule(begun, 1s, 0);
  CHECK(schedule.due(begun));
  CHECK_FALSE(schedule.due(begun + 999ms));
}

TEST_CASE("a first refusal does not count and brings one try more, 10 ms later") {
  Schedule schedule(begun, 1s, 2);
  REQUIRE(schedule.due(begun));
  CHECK_FALSE(schedule.refused(begun + 1ms));
  CHECK(schedule.refused_last());
  CHECK(schedule.next() == begun + 11ms);
  CHECK_FALSE(schedule.due(begun + 10ms));
  CHECK(schedule.due(begun + 11ms));
  CHECK_FALSE(schedule.refused_last());
  CHECK(schedule.next() == begun + 500ms);

  SUBCASE("a second refusal counts") {
    CHECK(schedule.refused(begun + 12ms));
  }
  SUBCASE("without one the even spread goes on") {
    CHECK(schedule.due(begun + 500ms));
  }
}

TEST_CASE("refusals within 10 ms of the first do not count, and the try more still comes") {
  Schedule schedule(begun, 50ms, 10);
  REQUIRE(schedule.due(begun));
  CHECK_FALSE(schedule.refused(begun));
  REQUIRE(schedule.due(begun + 5ms));
  CHECK_FALSE(schedule.refused(begun + 5ms));
  CHECK(schedule.due(begun + 10ms));
  CHECK(schedule.refused(begun + 10ms));
}

TEST_CASE("a port refused so late that there is no time to ask again was refused last") {
  Schedule schedule(begun, 10ms, 1);
  REQUIRE(schedule.due(begun));
  CHECK_FALSE(schedule.refused(begun + 1ms));
  CHECK(schedule.next() == begun + 10ms);
  CHECK_FALSE(schedule.due(begun + 10ms));
  CHECK(schedule.refused_last());
}

TEST_CASE("starting over tries at once and forgets what was refused") {
  Schedule schedule(begun, 1s, 2);
  REQUIRE(schedule.due(begun));
  REQUIRE_FALSE(schedule.refused(begun));
  schedule.start_over(begun + 1ms);
  CHECK_FALSE(schedule.refused_last());
  CHECK(schedule.next() == begun + 1ms);
  CHECK(schedule.due(begun + 1ms));
  CHECK_FALSE(schedule.refused(begun + 30ms));
  CHECK(schedule.next() == begun + 40ms);
}
