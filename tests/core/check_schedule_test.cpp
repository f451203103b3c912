#include "core/check_schedule.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

const Time start = Time{} + 1000s;

std::vector<std::size_t> asked(CheckSchedule& checks, Time now) {
  Effects effects;
  checks.ask_due(now, effects);
  std::vector<std::size_t> indices;
  for (const Effect& effect : effects) indices.push_back(std::get<AskCheck>(effect).check);
  return indices;
}

using Indices = std::vector<std::size_t>;

}  // namespace

TEST_CASE("the first askings are spread over a fast interval") {
  const std::vector<Check> four{check("a"), check("b"), check("c"), check("d")};
  CheckSchedule checks(four, false, start);
  CHECK(asked(checks, start) == Indices{0});
  CHECK(checks.next_due() == start + 50ms);
  CHECK(asked(checks, start + 50ms) == Indices{1});
  CHECK(asked(checks, start + 150ms) == Indices{2, 3});
  CHECK(checks.next_due() == std::nullopt);
}

TEST_CASE("a check is not asked again before it has answered") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  CHECK(asked(checks, start) == Indices{0});
  CHECK(asked(checks, start + 10s) == Indices{});
}

TEST_CASE("the interval runs from asking to asking, however slow the answer") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  asked(checks, start);
  checks.answered({0, SmallWorld::good()}, start + 300ms);
  CHECK(checks.next_due() == start + 800ms);
}

TEST_CASE("an answer that took longer than the interval is followed by the next question at once") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  asked(checks, start);
  checks.answered({0, SmallWorld::bad()}, start + 1s);
  CHECK(asked(checks, start + 1s) == Indices{0});
  // And from then on it has its old place again.
  checks.answered({0, SmallWorld::good()}, start + 1s + 1ms);
  CHECK(checks.next_due() == start + 1600ms);
}

TEST_CASE("checks that go by their interval are spread over it, also after all were late") {
  const std::vector<Check> four{check("a"), check("b"), check("c"), check("d")};
  CheckSchedule checks(four, false, start);
  const auto one_round = [&](Time now) {
    for (const std::size_t index : asked(checks, now)) {
      checks.answered({index, SmallWorld::good()}, now);
    }
  };
  for (Time now = start; now < start + 800ms; now += 1ms) one_round(now);
  const auto spread_out = [&](Time from) {
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(checks.next_due() == from + i * 200ms);
      CHECK(asked(checks, from + i * 200ms) == Indices{i});
      checks.answered({i, SmallWorld::good()}, from + i * 200ms + 1ms);
    }
  };
  spread_out(start + 800ms);
  // withdrawd was stopped, or the machine slept.
  one_round(start + 5min + 31ms);
  one_round(start + 5min + 799ms);
  spread_out(start + 5min + 800ms);
}

TEST_CASE("a late timer does not shift a check's phase") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  asked(checks, start);
  checks.answered({0, SmallWorld::good()}, start + 1ms);
  CHECK(asked(checks, start + 830ms) == Indices{0});
  checks.answered({0, SmallWorld::good()}, start + 831ms);
  CHECK(checks.next_due() == start + 1600ms);
}

TEST_CASE("whoever slept for an hour asks once, not twice to catch up") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  asked(checks, start);
  checks.answered({0, SmallWorld::good()}, start + 1ms);
  CHECK(asked(checks, start + 1h) == Indices{0});
  checks.answered({0, SmallWorld::good()}, start + 1h + 1ms);
  CHECK(checks.next_due() == start + 1h + 800ms);
}

TEST_CASE("near an edge a check is asked at the fast interval") {
  const std::vector<Check> one{check("a", 1, 2)};
  CheckSchedule checks(one, false, start);
  asked(checks, start);
  checks.answered({0, SmallWorld::good()}, start + 1ms);
  asked(checks, start + 800ms);
  checks.answered({0, SmallWorld::bad()}, start + 801ms);
  CHECK(checks.next_due() == start + 1000ms);
}

TEST_CASE("nothing is asked while the checks are held") {
  const std::vector<Check> two{check("a"), check("b")};
  CheckSchedule checks(two, false, start);
  asked(checks, start);
  checks.hold(start + 2s);
  CHECK(checks.next_due() == start + 2s);
  CHECK(asked(checks, start + 1999ms) == Indices{});
  // An answer that was under way does not wait for longer than that.
  checks.answered({0, SmallWorld::good()}, start + 1s);
  CHECK(asked(checks, start + 2s) == Indices{1, 0});  // in the order in which they were due
}

TEST_CASE("a check that continues from an earlier run is nothing to act on before it was asked") {
  const std::vector<Check> one{check("a", 3, 3)};
  CheckSchedule checks(one, false, start);
  checks.resume(0, {Health::up, 7, true});
  CHECK(checks.health(0) == Health::up);
  CHECK(checks.verdict(0) == Health::unknown);
  checks.answered({0, SmallWorld::bad()}, start + 1ms);
  CHECK(checks.verdict(0) == Health::up);
}

TEST_CASE("a change of health is reported once") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  CHECK(checks.answered({0, SmallWorld::good()}, start));
  CHECK_FALSE(checks.answered({0, SmallWorld::good()}, start + 800ms));
  CHECK(checks.answered({0, SmallWorld::bad()}, start + 1600ms));
}

TEST_CASE("in a single round the first outcome decides") {
  const std::vector<Check> two{check("a", 3, 3), check("b", 3, 3)};
  CheckSchedule checks(two, true, start);
  CHECK(checks.answered({0, SmallWorld::good()}, start));
  CHECK(checks.answered({1, SmallWorld::bad()}, start));
  CHECK(checks.health(0) == Health::up);
  CHECK(checks.health(1) == Health::down);
}

TEST_CASE("in a single round too what an earlier run had counted takes fall outcomes to change") {
  const std::vector<Check> one{check("a", 3, 3)};
  CheckSchedule checks(one, true, start);
  checks.resume(0, {Health::up, 7, true});
  CHECK_FALSE(checks.answered({0, SmallWorld::bad()}, start));
  CHECK(checks.health(0) == Health::up);
}

TEST_CASE("all have been answered when the last one has") {
  const std::vector<Check> two{check("a"), check("b")};
  CheckSchedule checks(two, false, start);
  checks.answered({0, SmallWorld::good()}, start);
  CHECK_FALSE(checks.all_answered());
  checks.answered({1, SmallWorld::bad()}, start);
  CHECK(checks.all_answered());
}

TEST_CASE("the story has all that is known of a fault") {
  const std::vector<Check> one{check("resolver", 3, 2)};
  CheckSchedule checks(one, false, start);
  checks.answered(
      {0,
       {OutcomeKind::timeout, 800ms, "no answer in 800 ms (over TCP, after a truncated answer)"}},
      start);
  CHECK(checks.story(0) ==
        "check \"resolver\" timed out 1 of 2 (127.0.0.1:53, A www.test.com, no answer in 800 ms "
        "(over TCP, after a truncated answer), 800 ms)");
  checks.answered({0, {OutcomeKind::nxdomain, 31ms, "NXDOMAIN, EDE 15 (Blocked), NSID fra1"}},
                  start);
  CHECK(checks.story(0) ==
        "check \"resolver\" NXDOMAIN, EDE 15 (Blocked), NSID fra1 2 of 2 (127.0.0.1:53, A "
        "www.test.com, 31 ms)");
}

TEST_CASE("the story names check, outcome, count, question and latency") {
  const std::vector<Check> one{check("resolver", 3, 2)};
  CheckSchedule checks(one, false, start);
  CHECK(checks.story(0) == "check \"resolver\" has not been answered yet");
  checks.answered({0, {OutcomeKind::timeout, 1s, ""}}, start);
  CHECK(checks.story(0) ==
        "check \"resolver\" timed out 1 of 2 (127.0.0.1:53, A www.test.com, 1.0 s)");
  checks.answered({0, {OutcomeKind::error, 31ms, "SERVFAIL"}}, start);
  CHECK(checks.story(0) ==
        "check \"resolver\" SERVFAIL 2 of 2 (127.0.0.1:53, A www.test.com, 31 ms)");
  checks.answered({0, {OutcomeKind::nxdomain, 31ms, ""}}, start);
  CHECK(checks.story(0) ==
        "check \"resolver\" NXDOMAIN 2 of 2 (127.0.0.1:53, A www.test.com, 31 ms)");
  checks.answered({0, {OutcomeKind::ok, 31ms, "192.0.2.53"}}, start);
  CHECK(checks.story(0) ==
        "check \"resolver\" ok 1 of 3 (127.0.0.1:53, A www.test.com, 192.0.2.53, 31 ms)");
}

namespace {

const Outcome unable{OutcomeKind::unable, 0ms, "cannot ask (Too many open files)"};

}  // namespace

TEST_CASE("a check that this host is unable to ask keeps its health, and is asked again soon") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  checks.resume(0, {Health::up, 3, true});
  asked(checks, start);
  checks.answered({0, SmallWorld::good()}, start);
  asked(checks, start + 800ms);
  CHECK_FALSE(checks.answered({0, unable}, start + 800ms));
  CHECK(checks.passed_over(0));
  CHECK(checks.verdict(0) == Health::up);
  CHECK(checks.next_due() == start + 1s);
  CHECK(checks.story(0).find("Too many open files), which does not count yet") !=
        std::string::npos);
  asked(checks, start + 1s);
  checks.answered({0, SmallWorld::good()}, start + 1s);
  CHECK_FALSE(checks.passed_over(0));
  CHECK(checks.verdict(0) == Health::up);
}

TEST_CASE("what this host is unable to ask for ten seconds is down") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  checks.resume(0, {Health::up, 3, true});
  checks.answered({0, SmallWorld::good()}, start);
  CHECK_FALSE(checks.answered({0, unable}, start));
  CHECK_FALSE(checks.answered({0, unable}, start + CheckSchedule::unable_for - 1ms));
  CHECK(checks.answered({0, unable}, start + CheckSchedule::unable_for));
  CHECK(checks.verdict(0) == Health::down);
  CHECK(checks.story(0).find("1 of 1") != std::string::npos);
}

TEST_CASE("ten seconds of being unable to ask begin anew with each answer") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  checks.resume(0, {Health::up, 3, true});
  checks.answered({0, unable}, start);
  checks.answered({0, SmallWorld::good()}, start + 9s);
  CHECK_FALSE(checks.answered({0, unable}, start + 11s));
  CHECK(checks.health(0) == Health::up);
}

TEST_CASE("a bad answer between two that could not be asked for counts") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  checks.resume(0, {Health::up, 3, true});
  checks.answered({0, unable}, start);
  CHECK(checks.answered({0, SmallWorld::bad()}, start + 1s));
  CHECK_FALSE(checks.answered({0, unable}, start + 2s));
  CHECK(checks.verdict(0) == Health::down);
}

TEST_CASE("who could not ask at all has no verdict, whatever an earlier run had counted") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, true, start);
  checks.resume(0, {Health::down, 1, false});
  CHECK_FALSE(checks.answered({0, unable}, start));
  CHECK(checks.verdict(0) == Health::unknown);
  CHECK(checks.all_answered());
}
