#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

const Time start = Time{} + 1000s;
const Prefix p = prefix("192.0.2.0/24");

std::vector<AskCheck> asked(CheckSchedule& checks, Time now) {
  Effects effects;
  checks.ask_due(now, effects);
  std::vector<AskCheck> all;
  for (const Effect& effect : effects) all.push_back(std::get<AskCheck>(effect));
  return all;
}

/// Up, announced, and a while after its last asking.
void settle(SmallWorld& world) {
  world.run_for(5s);
  REQUIRE(world.announced("192.0.2.0/24"));
  world.run_for(100ms);
  world.sent.clear();
}

}  // namespace

TEST_CASE("a check whose process died is asked at once, and withdrawn for its outcome") {
  SmallWorld world(one_rule());
  settle(world);
  const Duration died = world.now();
  world.dns[0] = SmallWorld::bad(OutcomeKind::error);
  world.feed(ProcessDied{0});
  CHECK(world.asked.back() == died);
  world.run_until([&] { return !world.sent.empty(); });
  CHECK(world.sent.back().statement == "no network 192.0.2.0/24");
  CHECK(world.now() - died <= world.dns_latency + world.latency);
}

TEST_CASE("a death alone withdraws nothing: a server that still answers stays announced") {
  SmallWorld world(one_rule());
  settle(world);
  for (int i = 0; i < 20; ++i) {
    world.feed(ProcessDied{0});
    world.run_for(7ms);
  }
  world.run_for(5s);
  CHECK(world.sent.empty());
  CHECK(world.controller().report(Time{} + 2000s).checks.at(0).health == Health::up);
}

TEST_CASE("what was answered before the last death does not count") {
  SmallWorld world(one_rule());
  settle(world);
  world.dns_latency = 10ms;
  world.feed(ProcessDied{0});  // asked; another process of the server is still alive, and answers
  world.run_for(5ms);
  world.dns[0] = SmallWorld::bad(OutcomeKind::error);
  world.feed(ProcessDied{0});  // that one, too
  const auto askings = world.asked.size();
  world.run_for(11ms);
  CHECK(world.report().checks.at(0).health == Health::down);
  CHECK(world.asked.size() == askings);
}

TEST_CASE("an asking that nobody will answer any more is overtaken by the next death") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  const auto first = asked(checks, start);
  checks.process_died(0, start + 2ms);
  const auto second = asked(checks, start + 2ms);
  REQUIRE(second.size() == 1);
  CHECK_FALSE(checks.awaits({0, SmallWorld::good(), first.at(0).asking}));
  CHECK(checks.awaits({0, SmallWorld::good(), second.at(0).asking}));
}

TEST_CASE("deaths without end do not keep a check from its outcome") {
  SmallWorld world(one_rule());
  settle(world);
  world.dns_latency = 800ms;
  world.dns[0] = SmallWorld::bad();
  for (int i = 0; i < 1000; ++i) {
    world.feed(ProcessDied{0});
    world.run_for(1ms);
  }
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  // Few of them are asked for: those in the moment after an asking began.
  CHECK(world.asked.size() < 120);
}

TEST_CASE("a death while an old question is out has the check asked again when it is answered") {
  const std::vector<Check> one{check("a")};
  CheckSchedule checks(one, false, start);
  const auto first = asked(checks, start);
  checks.process_died(0, start + 400ms);
  CHECK(asked(checks, start + 400ms).empty());
  CHECK(checks.awaits({0, SmallWorld::good(), first.at(0).asking}));
  checks.answered({0, SmallWorld::good(), first.at(0).asking}, start + 500ms);
  CHECK(checks.next_due() == start + 500ms);
}

TEST_CASE("with fall = 2 the second asking after a death comes at the fast interval") {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 1, 2)};
  SmallWorld world(std::move(settings));
  settle(world);
  world.dns[0] = SmallWorld::bad(OutcomeKind::error);
  const Duration died = world.now();
  world.feed(ProcessDied{0});
  world.run_until([&] { return !world.sent.empty(); });
  CHECK(world.now() - died <= 200ms + 2 * world.dns_latency + world.latency);
}

TEST_CASE("in hard mode a death has the check asked at once, too") {
  Settings settings = one_rule();
  settings.mode = Mode::hard;
  settings.rules.clear();
  SmallWorld world(std::move(settings));
  world.run_for(5s);
  world.run_for(100ms);
  world.dns[0] = SmallWorld::bad(OutcomeKind::error);
  const Duration died = world.now();
  world.feed(ProcessDied{0});
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.stopped.back() - died <= 10ms);
}
