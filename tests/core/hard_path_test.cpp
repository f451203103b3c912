#include "core/hard_path.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

Settings hard(std::size_t checks = 1) {
  Settings settings;
  settings.mode = Mode::hard;
  for (std::size_t i = 0; i < checks; ++i)
    settings.checks.push_back(check("c" + std::to_string(i)));
  return settings;
}

/// All but the lines about single outcomes.
std::vector<SmallWorld::Told> rounds(const SmallWorld& world) {
  std::vector<SmallWorld::Told> lines;
  for (const auto& line : world.told) {
    if (line.text.starts_with("DNS ")) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("hard: DNS ok, bgpd running: nothing, INFO") {
  SmallWorld world(hard());
  world.run_for(100ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::info);
  CHECK(rounds(world)[0].text ==
        "DNS ok, bgpd running (pid 4711): nothing to do: check \"c0\" ok 1 of 1 (127.0.0.1:53, A "
        "www.test.com, 192.0.2.53, 1.0 ms)");
  CHECK(world.controller().at_rest());
  CHECK(world.running);
}

TEST_CASE("hard: every kind of failing DNS, bgpd running: bgpd is stopped, WARNING") {
  for (const auto kind : {OutcomeKind::nxdomain, OutcomeKind::timeout, OutcomeKind::error}) {
    SmallWorld world(hard());
    world.dns[0] = SmallWorld::bad(kind);
    world.run_for(100ms);
    REQUIRE(rounds(world).size() == 1);
    CHECK(rounds(world)[0].severity == Severity::warning);
    CHECK(rounds(world)[0].text.starts_with(
        "DNS failing, bgpd running: bgpd (pid 4711) killed: check \"c0\" "));
    CHECK_FALSE(world.running);
    CHECK(world.controller().at_rest());
  }
}

TEST_CASE("hard: DNS failing, bgpd not running: nothing, WARNING") {
  SmallWorld world(hard());
  world.dns[0] = SmallWorld::bad();
  world.running = false;
  world.run_for(100ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::warning);
  CHECK(rounds(world)[0].text.starts_with("DNS failing, bgpd not running: nothing to do: "));
  CHECK(world.stopped.empty());
  CHECK(world.restarted.empty());
}

TEST_CASE("hard: DNS ok, bgpd not running: bgpd is restarted, whoever stopped it, WARNING") {
  SmallWorld world(hard());
  world.running = false;
  world.run_for(200ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::warning);
  CHECK(rounds(world)[0].text.starts_with("DNS ok, bgpd not running: bgpd restarted: "));
  CHECK(world.running);
  CHECK(world.controller().at_rest());
}

TEST_CASE("hard: one round an answer, for as long as it runs") {
  SmallWorld world(hard());
  world.run_for(79900ms);
  CHECK(rounds(world).size() == 100);
  CHECK(world.found.size() == 100);
  CHECK(world.read.empty());
  CHECK(world.sent.empty());
}

TEST_CASE("hard: after a restart nothing is asked for two seconds") {
  SmallWorld world(hard());
  world.running = false;
  world.run_until([&] { return world.running; });
  const auto restarted = world.now();
  const auto asked = world.asked.size();
  world.run_until([&] { return world.asked.size() > asked; });
  CHECK(world.now() - restarted == 2s);
  // And not twice to catch up, but where its place in the interval is, and then again after that.
  world.run_until([&] { return world.asked.size() > asked + 1; });
  const auto place = world.now();
  CHECK(place - restarted > 2s);
  CHECK(place - restarted <= 2800ms);
  world.run_until([&] { return world.asked.size() > asked + 2; });
  CHECK(world.now() - place == 800ms);
}

TEST_CASE("hard: an answer that comes while bgpd settles begins no round") {
  SmallWorld world(hard(2));
  world.running = false;
  world.dns_latency = 1ms;
  world.run_until([&] { return !world.restarted.empty(); });
  world.run_until([&] { return world.running; });
  const auto looked = world.found.size();
  world.running = false;  // still on its way up
  world.feed(CheckAnswered{1, SmallWorld::good()});
  world.run_for(1900ms);
  CHECK(world.found.size() == looked);
  world.running = true;
  world.run_for(5s);
  CHECK(world.restarted.size() == 1);
}

TEST_CASE("hard: nothing is asked while bgpd is being restarted") {
  SmallWorld world(hard());
  world.running = false;
  world.restart_time = 20s;
  world.run_until([&] { return !world.restarted.empty(); });
  const auto asked = world.asked.size();
  world.run_for(19s);
  CHECK(world.asked.size() == asked);
  CHECK(world.controller().busy());
}

TEST_CASE("hard: bgpd that has gone between the look and the kill is not said to be killed") {
  SmallWorld world(hard());
  world.dns[0] = SmallWorld::bad();
  world.stop_finds_nothing = true;
  world.run_for(100ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::warning);
  CHECK(rounds(world)[0].text.starts_with(
      "DNS failing, bgpd running: it had gone before it was killed: "));
}

TEST_CASE("hard: DNS failing, and nobody can tell which process bgpd is: critical, and a human") {
  SmallWorld world(hard());
  world.find_fails = true;
  world.run_for(100ms);
  CHECK_FALSE(world.report().failing);
  CHECK(world.count_told(Severity::critical) == 0);
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  CHECK(world.count_told(Severity::critical, "DNS failing, and bgpd not stopped: look for bgpd: ") >
        0);
  CHECK(world.report().failing);
  world.find_fails = false;
  world.run_for(2s);
  CHECK_FALSE(world.running);
  CHECK_FALSE(world.report().failing);
}

TEST_CASE("hard: the report says whether bgpd runs, as it was left") {
  SmallWorld world(hard());
  world.run_for(100ms);
  CHECK_FALSE(world.report().bgpd_gone);
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return !world.stopped.empty(); });
  world.run_for(1ms);
  CHECK(world.report().bgpd_gone);
  world.run_for(1min);
  CHECK(world.report().bgpd_gone);
  world.dns[0] = SmallWorld::good();
  world.run_for(1min);
  CHECK(world.running);
  CHECK_FALSE(world.report().bgpd_gone);
  // Nobody knows.
  world.find_fails = true;
  world.run_for(1min);
  CHECK_FALSE(world.report().bgpd_gone);
  CHECK_FALSE(world.report().bgpd_reachable);
}

TEST_CASE("hard: a process table that cannot be read: critical, nothing done, tried again") {
  SmallWorld world(hard());
  world.dns[0] = SmallWorld::bad();
  world.find_fails = true;
  world.run_for(100ms);
  CHECK(world.count_told(Severity::critical, "no /proc") == 1);
  CHECK(world.controller().stuck());
  CHECK_FALSE(world.report().bgpd_reachable);
  CHECK(world.stopped.empty());
  world.find_fails = false;
  world.run_for(1s);
  CHECK_FALSE(world.running);
}

TEST_CASE("hard: a kill that fails: critical, and tried again at the next answer") {
  SmallWorld world(hard());
  world.dns[0] = SmallWorld::bad();
  world.stop_fails = true;
  world.run_for(100ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::critical);
  CHECK(world.controller().stuck());
  CHECK_FALSE(world.controller().at_rest());
  world.stop_fails = false;
  world.run_for(1s);
  CHECK_FALSE(world.running);
}

TEST_CASE("hard: a restart that fails: critical, and tried again after the rest") {
  SmallWorld world(hard());
  world.running = false;
  world.restart_fails = true;
  world.run_for(200ms);
  REQUIRE(rounds(world).size() == 1);
  CHECK(rounds(world)[0].severity == Severity::critical);
  CHECK(world.controller().stuck());
  world.restart_fails = false;
  world.run_for(3s);
  CHECK(world.running);
}

TEST_CASE("hard: one check of several that is down stops bgpd, and all must be up to start it") {
  SmallWorld world(hard(2));
  world.dns[1] = SmallWorld::bad();
  world.run_for(1s);
  CHECK_FALSE(world.running);
  CHECK(world.count_told(Severity::warning, "killed: check \"c1\" timed out") == 1);
  world.dns[0] = SmallWorld::bad();
  world.run_for(1s);  // either may be asked first
  world.dns[1] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.restarted.empty());
  world.dns[0] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.running);
}

TEST_CASE("hard: a check that has not been asked by this run starts and stops nothing") {
  Memory memory;
  memory.checks["c0"] = memory.checks["c1"] = {Health::up, 5, true};
  SmallWorld world(hard(2), memory);
  world.running = false;
  world.dns[1] = SmallWorld::bad();
  world.run_for(5s);
  CHECK(world.restarted.empty());
}

TEST_CASE("hard: an answer during a round that changes the verdict begins the next at once") {
  SmallWorld world(hard(2));
  world.run_for(2s);
  world.run_until([&] { return world.controller().busy(); });
  world.feed(CheckAnswered{1, SmallWorld::bad()});
  const auto took = world.run_until([&] { return !world.running; });
  CHECK(took < 10ms);
}

TEST_CASE("hard: what is heard while bgpd is looked for counts") {
  SmallWorld world(hard(2));
  world.run_for(2s);
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.count_told(Severity::warning, "\"c0\"") == 1; });
  REQUIRE(world.controller().busy());
  world.feed(CheckAnswered{0, SmallWorld::good()});
  world.run_for(100ms);
  CHECK(world.stopped.empty());
}

TEST_CASE("hard: a single round is not over before its last answer has counted") {
  Settings settings = hard(2);
  settings.first_outcome_decides = true;
  Memory memory;
  memory.checks["c0"] = memory.checks["c1"] = {Health::up, 5, true};
  SmallWorld world(std::move(settings), memory);
  world.dns[1] = SmallWorld::bad();
  world.run_until([&] { return world.controller().at_rest() || world.controller().stuck(); });
  CHECK_FALSE(world.running);
}

TEST_CASE("hard: what peers may keep of a killed bgpd is still known after a reload") {
  SmallWorld world(hard());
  world.sessions = {.left = {"10.0.0.2"}, .problem = "Operation not permitted"};
  world.dns[0] = SmallWorld::bad();
  world.run_for(100ms);
  REQUIRE(world.report().stale);
  SmallWorld later(hard(), world.controller().memory_for_reload());
  later.dns[0] = SmallWorld::bad();
  later.running = false;
  later.run_for(3s);
  REQUIRE(later.report().stale);
  CHECK(later.report().stale->peers == std::vector<std::string>{"10.0.0.2"});
  later.dns[0] = SmallWorld::good();
  later.run_for(10s);
  CHECK_FALSE(later.report().stale);
}
