#include "core/controller.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Manner = SmallWorld::Manner;

const Prefix p = prefix("192.0.2.0/24");

Settings single_round() {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 3, 3)};
  settings.first_outcome_decides = true;
  return settings;
}

/// Drives as `once` does.
Duration until_over(SmallWorld& world) {
  return world.run_until(
      [&] { return world.controller().at_rest() || world.controller().stuck(); });
}

}  // namespace

TEST_CASE("bgpd is read and the checks are asked as soon as the Controller is woken") {
  Controller controller(one_rule(), {}, Time{} + 1s);
  const auto effects = controller.wake(Time{} + 1s);
  REQUIRE(effects.size() == 2);
  CHECK(std::get<AskCheck>(effects[0]).check == 0);
  CHECK(std::get<ReadBgpd>(effects[1]).lookups == std::vector<Lookup>{{p, {}}});
  CHECK(controller.busy());
  CHECK_FALSE(controller.next_wake());
}

TEST_CASE("one operation on bgpd at a time") {
  SmallWorld world(one_rule());
  world.latency = 300ms;
  for (int i = 0; i < 100; ++i) {
    world.dns[0] = i % 2 == 0 ? SmallWorld::bad() : SmallWorld::good();
    world.run_for(700ms);
  }
  std::vector<Duration> begun = world.read;
  for (const auto& sent : world.sent) begun.push_back(sent.at);
  std::ranges::sort(begun);
  for (std::size_t i = 1; i < begun.size(); ++i) CHECK(begun[i] - begun[i - 1] >= 300ms);
}

TEST_CASE("a change of health is told, the rest is for debugging") {
  SmallWorld world(one_rule());
  world.run_for(5s);
  CHECK(world.count_told(Severity::info, "up, was unknown") == 1);
  CHECK(world.count_told(Severity::debug, "check \"resolver\" ok") == 6);
  world.dns[0] = SmallWorld::bad();
  world.run_for(5s);
  CHECK(world.count_told(Severity::warning,
                         "timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 "
                         "ms): down, was up") == 1);
}

TEST_CASE("a single round ends when bgpd is as it should be") {
  SmallWorld world(single_round());
  CHECK(until_over(world) < 100ms);
  CHECK(world.announced("192.0.2.0/24"));
  CHECK(world.controller().at_rest());
}

TEST_CASE("a single round with bgpd as it should be at its first read ends at rest, not stuck") {
  // The second check answers after bgpd was read: what was read is older than the last verdict.
  Settings settings = single_round();
  settings.checks.push_back(check("other", 3, 3));
  settings.rules.push_back(rule("other", {prefix("203.0.113.0/24")}, {1}));
  SmallWorld world(std::move(settings));
  for (const Rule& one : world.controller().settings().rules) {
    world.networks().emplace(one.prefixes.front(), NetworkOptions{});
  }
  until_over(world);
  CHECK(world.controller().at_rest());
  CHECK(world.sent.empty());
}

TEST_CASE("a single round ends when bgpd cannot be reached and no prefix is sick") {
  SmallWorld world(single_round());
  world.manner = Manner::unreachable;
  CHECK(until_over(world) < 100ms);
  CHECK(world.controller().stuck());
  CHECK_FALSE(world.report().bgpd_reachable);
}

TEST_CASE("a single round goes as far as the fallback when it must") {
  SmallWorld world(single_round());
  world.networks().emplace(p, NetworkOptions{});
  world.dns[0] = SmallWorld::bad();
  world.manner = Manner::locked;
  CHECK(until_over(world) > 5s);
  CHECK_FALSE(world.running);
  CHECK(world.controller().at_rest());
}

TEST_CASE("a single round whose rule forbids the fallback ends when that has been told") {
  Settings settings = single_round();
  settings.rules[0].may_fall_back = false;
  SmallWorld world(std::move(settings));
  world.networks().emplace(p, NetworkOptions{});
  world.dns[0] = SmallWorld::bad();
  world.manner = Manner::locked;
  CHECK(until_over(world) < 6s);
  CHECK(world.controller().stuck());
  CHECK(world.report().failing);
}

TEST_CASE("a single round ends when a prefix is configured and bgpd does not announce it") {
  SmallWorld world(single_round());
  world.table[p] = false;
  CHECK(until_over(world) < 3s);
  CHECK(world.controller().stuck());
}

TEST_CASE("a single round ends when bgpd cannot be started again") {
  Memory memory;
  memory.fallback = {.killed = true, .kills = 1};
  SmallWorld world(single_round(), memory);
  world.running = false;
  world.restart_fails = true;
  CHECK(until_over(world) < 10s);
  CHECK(world.restarted.size() == 1);
}

TEST_CASE("a single round is not over because a connection has just ended") {
  SmallWorld world(single_round());
  world.run_until([&] { return world.controller().at_rest(); });
  world.lose_connection();
  CHECK_FALSE(world.controller().stuck());
  CHECK_FALSE(world.controller().at_rest());
  world.run_until([&] { return world.controller().at_rest(); });
}

TEST_CASE("memory goes round: what one run leaves is what the next one starts with") {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 3, 3)};
  Memory memory;
  memory.checks["resolver"] = {Health::down, 2, true};
  memory.options[{"anycast", p}] = {.route_map = vty_name("TAG")};
  memory.fallback = {.killed = true, .kills = 3, .last_kill = Time{}};
  const Controller controller(settings, memory, Time{} + 1s);
  CHECK(controller.memory() == memory);
}

TEST_CASE("memory of checks and rules that are no more is forgotten") {
  Memory memory;
  memory.checks["other"] = {Health::down, 2, true};
  memory.options[{"other", prefix("203.0.113.0/24")}] = {.route_map = vty_name("TAG")};
  const Controller controller(one_rule(), memory, Time{} + 1s);
  CHECK_FALSE(controller.memory().checks.contains("other"));
  CHECK(controller.memory().options.empty());
}

TEST_CASE("counts continue: two good outcomes before, one now, and the prefix comes back") {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 3, 3)};
  Memory memory;
  memory.checks["resolver"] = {Health::down, 2, true};
  SmallWorld world(std::move(settings), memory);
  world.run_for(100ms);
  CHECK(world.announced("192.0.2.0/24"));
}

TEST_CASE("the report says of each prefix what is, what should be, and why") {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{.route_map = vty_name("TAG")});
  world.config.route_maps = {"TAG"};
  world.run_for(1s);
  auto report = world.report();
  REQUIRE(report.prefixes.size() == 1);
  CHECK(report.prefixes[0].rule == "anycast");
  CHECK(report.prefixes[0].instance == "router bgp 65001");
  CHECK(report.prefixes[0].desired == Desired::announced);
  CHECK(report.prefixes[0].configured == true);
  CHECK(report.prefixes[0].in_table == true);
  CHECK(report.prefixes[0].options == NetworkOptions{.route_map = vty_name("TAG")});
  CHECK(report.prefixes[0].agrees);
  CHECK(report.bgpd_reachable);
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  report = world.report();
  CHECK(report.checks[0].health == Health::down);
  CHECK(report.prefixes[0].desired == Desired::withdrawn);
  CHECK(report.prefixes[0].configured == false);
  CHECK(report.prefixes[0].in_table == false);
  CHECK(report.prefixes[0].options == NetworkOptions{.route_map = vty_name("TAG")});
  CHECK(report.prefixes[0].why.find("timed out") != std::string::npos);
}

TEST_CASE("a Controller that was moved goes on") {
  Controller first(one_rule(), {}, Time{} + 1s);
  first.wake(Time{} + 1s);
  Controller second = std::move(first);
  second.on(CheckAnswered{0, SmallWorld::good()}, Time{} + 2s);
  const auto effects = second.on(
      BgpdRead{Observed{{{Instance{asn, {}, {}}}, {}}, {{{p, {}}, false}}}, ""}, Time{} + 2s);
  CHECK(std::ranges::any_of(
      effects, [](const Effect& effect) { return std::holds_alternative<ApplyPlan>(effect); }));
}

TEST_CASE("without rules, bgpd is left alone") {
  Settings settings = one_rule();
  settings.rules.clear();
  SmallWorld world(std::move(settings));
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.read.empty());
  CHECK(world.sent.empty());
  CHECK(world.stopped.empty());
}
