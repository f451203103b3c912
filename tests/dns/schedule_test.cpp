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

TEST_CASE("where silence is to be broken early, there is one try more, once") {
  Schedule schedule(begun, 800ms, 2, 100ms);
  REQUIRE(schedule.due(begun));
  CHECK(schedule.next() == begun + 100ms);

  SUBCASE("silence goes on") {
    CHECK_FALSE(schedule.due(begun + 99ms));
    CHECK(schedule.due(begun + 100ms));
    CHECK_FALSE(schedule.due(begun + 100ms));
    CHECK(schedule.next() == begun + 400ms);
    CHECK(schedule.due(begun + 400ms));
    CHECK(schedule.next() == begun + 800ms);
  }
  SUBCASE("it is refused: that is asked again soon, as ever") {
    CHECK(schedule.due(begun + 100ms));
    CHECK_FALSE(schedule.refused(begun + 101ms));
    CHECK(schedule.due(begun + 111ms));
    CHECK(schedule.refused(begun + 112ms));
  }
  SUBCASE("a refusal before is no silence") {
    CHECK_FALSE(schedule.refused(begun + 1ms));
    CHECK(schedule.due(begun + 11ms));
    CHECK(schedule.next() == begun + 400ms);
  }
  SUBCASE("nor is an answer that was cut: TCP begins anew") {
    schedule.start_over(begun + 1ms);
    CHECK(schedule.due(begun + 1ms));
    CHECK(schedule.next() == begun + 400ms);
  }
}

TEST_CASE("one try is one try, however long the silence") {
  Schedule schedule(begun, 800ms, 1, 100ms);
  CHECK(schedule.due(begun));
  CHECK(schedule.next() == begun + 800ms);
}

TEST_CASE("a try that is due anyhow is none more") {
  for (const auto again : {400ms, 500ms}) {
    Schedule schedule(begun, 800ms, 2, again);
    CHECK(schedule.due(begun));
    CHECK(schedule.next() == begun + 400ms);
    CHECK(schedule.due(begun + 400ms));
    CHECK(schedule.next() == begun + 800ms);
  }
  Schedule many(begun, 800ms, 8, 100ms);
  CHECK(many.due(begun));
  CHECK(many.due(begun + 100ms));
  CHECK_FALSE(many.due(begun + 100ms));
  CHECK(many.next() == begun + 200ms);
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

TEST_CASE("what failed on this host was no try: there is one more for it soon, once") {
  Schedule schedule(begun, 800ms, 2);
  REQUIRE(schedule.due(begun));
  CHECK(schedule.failed_here(begun));
  CHECK(schedule.next() == begun + Schedule::pause);
  CHECK(schedule.due(begun + 10ms));
  CHECK(schedule.failed_here(begun + 10ms));
  CHECK(schedule.next() == begun + 400ms);
  CHECK(schedule.due(begun + 400ms));
  CHECK_FALSE(schedule.failed_here(begun + 400ms));
  CHECK_FALSE(schedule.refused_last());
}
