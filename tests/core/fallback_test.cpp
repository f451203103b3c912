#include "core/fallback.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Statements = std::vector<std::string>;
using Manner = SmallWorld::Manner;

const Prefix p = prefix("192.0.2.0/24");
const Prefix q = prefix("198.51.100.0/24");

/// Two rules, each with a check and a prefix of its own, both healthy and announced.
SmallWorld two_rules(bool may_fall_back = true) {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {q}, {1})};
  settings.rules[0].may_fall_back = may_fall_back;
  for (Rule& rule : settings.rules) rule.damping.on = false;
  SmallWorld world(std::move(settings));
  world.networks() = {{p, {}}, {q, {}}};
  world.file = world.config;
  world.run_for(3s);
  REQUIRE(world.controller().at_rest());
  world.told.clear();
  return world;
}

/// The same, but the first prefix is in the table without a statement, and sick from the start.
SmallWorld redistributed(const Memory& memory = {}) {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {q}, {1})};
  SmallWorld world(std::move(settings), memory);
  world.networks() = {{q, {}}};
  world.table[p] = true;
  world.file = world.config;
  return world;
}

/// The same, after two kills that have not helped: the first prefix is held.
SmallWorld held() {
  auto world = redistributed();
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.report().failing; });
  return world;
}

/// When the verdict on the first rule falls.
Duration verdict(SmallWorld& world) {
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.count_told(Severity::warning, ": down, was ") > 0; });
  return world.now();
}

}  // namespace

TEST_CASE("a lock of three seconds is waited out: no kill, and the prefix goes") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_for(3s);
  world.manner = Manner::obeys;
  const auto took = world.run_until([&] { return !world.announced("192.0.2.0/24"); });
  CHECK(took < 600ms);
  world.run_for(1min);
  CHECK(world.stopped.empty());
  CHECK(world.announced("198.51.100.0/24"));
}

TEST_CASE("whatever keeps the prefix announced, bgpd is killed exactly fallback.after later") {
  for (const auto manner : {Manner::locked, Manner::refuses, Manner::unreachable, Manner::silent,
                            Manner::no_effect, Manner::hangs}) {
    CAPTURE(static_cast<int>(manner));
    auto world = two_rules();
    world.manner = manner;
    const auto since = verdict(world);
    world.run_until([&] { return !world.stopped.empty(); });
    CHECK(world.stopped.front() - since == 5s);
    CHECK(world.count_told(Severity::critical) == 0);
    world.run_for(10ms);
    CHECK_FALSE(world.running);
    CHECK(world.count_told(Severity::critical, "bgpd (pid 4711) killed") == 1);
  }
}

TEST_CASE("an hour in which nothing could be done is no reason to kill bgpd") {
  for (const bool for_good : {false, true}) {
    CAPTURE(for_good);
    auto world = two_rules();
    world.manner = Manner::locked;
    const auto since = verdict(world);
    world.run_for(2s);
    world.stand_still(1h);
    world.run_for(1s);
    CHECK(world.count_told(Severity::warning, "stood still for 1 h") == 1);
    CHECK(world.stopped.empty());
    if (for_good) {
      world.run_until([&] { return !world.stopped.empty(); });
      const auto after = world.stopped.front() - since - 1h;
      CHECK(after > 4s);
      CHECK(after <= 5s);
      continue;
    }
    world.manner = Manner::obeys;
    CHECK(world.run_until([&] { return !world.announced("192.0.2.0/24"); }) < 600ms);
    world.run_for(1min);
    CHECK(world.stopped.empty());
  }
}

TEST_CASE("while an operation hangs the fallback does not wait for it") {
  auto world = two_rules();
  world.latency = 30s;
  world.run_for(10s);  // a read is under way
  REQUIRE(world.controller().busy());
  const auto since = verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.stopped.front() - since == 5s);
}

TEST_CASE("fallback.after is the operator's") {
  Settings settings = one_rule();
  settings.fallback.after = 1500ms;
  SmallWorld world(std::move(settings));
  world.networks().emplace(p, NetworkOptions{});
  world.manner = Manner::locked;
  const auto since = verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.stopped.front() - since == 1500ms);
}

TEST_CASE("where the soft path works nobody is killed") {
  auto world = two_rules();
  for (int i = 0; i < 50; ++i) {
    world.dns[0] = world.dns[0].healthy() ? SmallWorld::bad() : SmallWorld::good();
    world.run_for(4s);
  }
  CHECK(world.stopped.empty());
  CHECK(world.sent.size() == 50);
}

TEST_CASE("a verdict that turns in time saves bgpd") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_for(3s);
  world.dns[0] = SmallWorld::good();
  world.run_for(1min);
  CHECK(world.stopped.empty());
}

TEST_CASE("each time that a prefix gets stuck counts from its own beginning") {
  auto world = two_rules();
  world.manner = Manner::locked;
  for (int i = 0; i < 5; ++i) {
    verdict(world);
    world.run_for(3s);
    world.dns[0] = SmallWorld::good();
    world.run_for(1s);
    world.told.clear();
  }
  CHECK(world.stopped.empty());
}

TEST_CASE("a silent bgpd is not killed when the prefix was seen to be gone before") {
  auto world = two_rules();
  verdict(world);
  world.run_for(2s);
  REQUIRE(world.controller().at_rest());
  world.manner = Manner::silent;
  world.run_for(10min);
  CHECK(world.stopped.empty());
  CHECK(world.read.size() > 50);
}

TEST_CASE("a silent bgpd that still has the prefix is killed") {
  auto world = two_rules();
  world.manner = Manner::silent;
  world.run_for(15s);
  CHECK(world.stopped.empty());  // nothing is sick
  const auto since = verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.stopped.front() - since == 5s);
}

TEST_CASE("a silent bgpd whose table was about to follow the statement is killed") {
  auto world = two_rules();
  world.table[p] = false;
  world.run_for(11s);
  REQUIRE(world.report().prefixes[0].in_table == false);
  world.manner = Manner::silent;
  world.table.clear();
  verdict(world);
  world.run_until([&] { return !world.running; });
}

TEST_CASE("a statement that is not in the table and cannot be taken away is no reason for a kill") {
  auto world = two_rules();
  world.table[p] = false;  // import-check
  world.run_for(11s);
  world.manner = Manner::locked;
  verdict(world);
  world.run_for(1min);
  CHECK(world.stopped.empty());
}

TEST_CASE("what the lock's holder withdraws with his own hands needs no kill") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_for(2s);
  world.networks().erase(p);
  world.run_for(1min);
  CHECK(world.stopped.empty());
}

TEST_CASE("a prefix in the table without a statement cannot be withdrawn softly") {
  auto world = redistributed();
  const auto since = verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.stopped.front() - since == 5s);
  CHECK(world.count_told(Severity::error, "redistribute") == 1);
  CHECK(world.sent.empty());
}

TEST_CASE(
    "a rule that forbids the fallback: told once at the highest level, and nobody is killed") {
  auto world = two_rules(false);
  world.manner = Manner::locked;
  const auto since = verdict(world);
  world.run_until([&] { return world.count_told(Severity::critical) > 0; });
  CHECK(world.told.back().at - since == 5s);
  CHECK(world.told.back().text.find("192.0.2.0/24 could not be withdrawn: send statements: "
                                    "locked") != std::string::npos);
  CHECK(world.report().failing);
  world.run_for(10min);
  CHECK(world.count_told(Severity::critical) == 1);
  CHECK(world.stopped.empty());
  world.manner = Manner::obeys;
  world.run_for(2s);
  CHECK_FALSE(world.report().failing);
  CHECK(world.count_told(Severity::warning, "no sick prefix is announced any longer") == 1);
}

TEST_CASE("bgpd dead: nothing is announced, so nobody is killed and the log stays calm") {
  auto world = two_rules();
  world.running = false;
  world.lose_connection();
  verdict(world);
  world.run_for(55s);
  CHECK(world.stopped.empty());
  CHECK(world.restarted.empty());
  CHECK(world.count_told(Severity::critical) == 0);
  CHECK(world.count_told(Severity::error) == 1);
}

TEST_CASE("bgpd that dies by itself when it is to be killed is nothing to worry about") {
  auto world = two_rules();
  world.manner = Manner::locked;
  const auto since = verdict(world);
  world.run_for(since + 5s - world.now() - 1ms);
  world.running = false;
  world.run_for(20s);
  CHECK(world.stopped.size() == 1);
  CHECK(world.count_told(Severity::critical) == 0);
  CHECK(world.report().bgpd_gone);
}

TEST_CASE("a bgpd that answers but is nowhere among the processes: a human is needed") {
  auto world = two_rules();
  world.manner = Manner::locked;
  world.stop_finds_nothing = true;
  verdict(world);
  world.run_for(50s);
  CHECK(world.count_told(Severity::critical, "correct the process name or pid file") == 1);
  CHECK(world.report().failing);
  CHECK_FALSE(world.report().bgpd_gone);
  CHECK(world.stopped.size() > 10);
}

TEST_CASE("a bgpd that accepts and does not answer lives, although no process is found") {
  auto world = two_rules();
  verdict(world);
  world.run_for(1s);
  world.start_bgpd();  // with the sick prefix in its file
  world.manner = Manner::silent;
  world.lose_connection();
  world.hides = true;
  world.run_for(30s);
  CHECK(world.count_told(Severity::warning, "bgpd is not running") == 0);
  CHECK(world.count_told(Severity::critical, "although bgpd answers or accepts connections") == 1);
  CHECK(world.report().failing);
  CHECK_FALSE(world.report().bgpd_gone);
  world.hides = false;
  world.run_for(2s);
  CHECK_FALSE(world.running);
  CHECK_FALSE(world.report().failing);
}

TEST_CASE("what starts the bgpd that was seen last is remembered, also by the next run") {
  auto world = two_rules();
  world.restart_command = RestartCommand{"systemctl", "restart", "frr@edge.service"};
  world.manner = Manner::locked;
  const auto before = world.controller().revision();
  CHECK_FALSE(world.controller().restart());
  verdict(world);
  world.run_until([&] { return !world.stopped.empty() && !world.running; });
  world.run_for(1ms);
  CHECK(world.controller().restart() == world.restart_command);
  CHECK(world.controller().memory().restart == world.restart_command);
  CHECK_FALSE(world.controller().revision() == before);
}

TEST_CASE("a bgpd that cannot be killed is tried again every second and told once a minute") {
  auto world = two_rules();
  world.manner = Manner::locked;
  world.stop_fails = true;
  verdict(world);
  world.run_for(55s);
  CHECK(world.stopped.size() > 40);
  CHECK(world.stopped.size() < 55);
  CHECK(world.count_told(Severity::critical, "not permitted") == 1);
  CHECK(world.report().failing);
  world.stop_fails = false;
  world.run_for(2s);
  CHECK_FALSE(world.report().failing);
}

TEST_CASE("after the kill bgpd is started again for the prefixes that are wanted") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.manner = Manner::obeys;
  world.run_until([&] { return world.announced("198.51.100.0/24"); });
  CHECK(world.restarted.size() == 1);
  CHECK(world.restarted[0] - world.stopped[0] == 2001ms);
  // Its file announces the sick one as well.
  world.run_for(100ms);
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  world.run_for(1min);
  CHECK(world.stopped.size() == 1);
  CHECK(world.restarted.size() == 1);
  CHECK_FALSE(world.report().bgpd_killed);
  CHECK(world.count_told(Severity::warning, "somebody else") == 0);
}

TEST_CASE("after the kill bgpd stays down until a prefix is wanted") {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{});
  world.run_for(2s);
  world.manner = Manner::locked;
  verdict(world);
  world.run_for(10min);
  CHECK(world.stopped.size() == 1);
  CHECK(world.restarted.empty());
  CHECK(world.report().bgpd_killed);
  CHECK(world.controller().at_rest());
  world.manner = Manner::obeys;
  world.dns[0] = SmallWorld::good();
  world.run_for(3s);
  CHECK(world.restarted.size() == 1);
  CHECK(world.announced("192.0.2.0/24"));
}

TEST_CASE(
    "two kills that have not helped are enough: it holds, says so, and tries ever more seldom") {
  auto world = redistributed();  // it will be there after each restart
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.report().failing; });
  CHECK(world.stopped.size() == 2);
  CHECK(world.restarted[0] - world.stopped[0] - 1ms == 2s);
  CHECK(world.restarted[1] - world.stopped[1] - 1ms == 4s);
  CHECK(world.report().failing_why == "bgpd was killed for it and came back with it");
  world.run_for(9min);
  CHECK(world.stopped.size() == 2);
  CHECK(world.running);
  CHECK(world.announced("198.51.100.0/24"));
  CHECK(world.count_told(Severity::critical, "it is not killed again for 9 min") == 1);
  CHECK(world.count_told(Severity::critical,
                         "192.0.2.0/24 could not be withdrawn: it has no "
                         "network statement") == 3);
  world.run_for(10h);
  std::vector<Duration> pauses;
  for (std::size_t i = 1; i < world.stopped.size(); ++i) {
    pauses.push_back(world.stopped[i] - world.stopped[i - 1] - 1ms);
  }
  REQUIRE(pauses.size() == 6);
  CHECK(pauses[1] == 10min);
  CHECK(pauses[2] == 20min);
  CHECK(pauses[3] == 40min);
  CHECK(world.report().failing);
}

TEST_CASE("a hold ends when the prefix is gone, and lasts for one that is sick again soon") {
  auto world = held();
  world.table[p] = false;  // an operator has acted
  world.run_for(2s);
  CHECK_FALSE(world.report().failing);
  CHECK(world.count_told(Severity::warning, "no sick prefix is announced any longer") == 1);
  world.table[p] = true;
  world.run_for(1min);
  CHECK(world.report().failing);
  CHECK(world.stopped.size() == 2);
  world.dns[0] = SmallWorld::good();
  world.run_for(30s);
  CHECK_FALSE(world.report().failing);
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.report().failing);
  CHECK(world.stopped.size() == 2);
  // Well for so long, it may be another matter.
  world.dns[0] = SmallWorld::good();
  world.run_for(11min);
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.stopped.size() == 4);
}

TEST_CASE("two kills for a prefix are enough, whatever stands in the way of it each time") {
  auto world = two_rules();
  verdict(world);
  constexpr std::array manners{Manner::silent, Manner::locked, Manner::unreachable, Manner::hangs,
                               Manner::no_effect};
  world.networks() = {{p, {}}, {q, {}}};
  for (const auto manner : manners) {
    world.manner = manner;
    world.run_for(20s);
  }
  CHECK(world.stopped.size() == 2);
  CHECK(world.report().failing);
}

TEST_CASE("a bgpd that has just begun is no proof that the one before it obeyed") {
  auto world = redistributed();
  world.networks() = {{p, {}}, {q, {}}};
  world.file = world.config;
  world.manner = Manner::refuses;
  const auto since = verdict(world);
  world.run_until([&] { return world.now() > since + 4300ms; });
  world.manner = Manner::obeys;  // a moment before the kill
  for (int kills = 1; kills <= 2; ++kills) {
    world.run_until([&] { return !world.running; });
    world.table[p] = false;  // not yet, when it is read first
    world.run_until([&] { return world.running; });
    world.run_for(50ms);
    world.table[p] = true;
  }
  world.run_for(5min);
  CHECK(world.stopped.size() == 2);
  CHECK(world.report().failing);
}

TEST_CASE("whoever starts a killed bgpd is noticed, while it is still waited for the dead one") {
  auto world = redistributed();
  world.dns[0] = SmallWorld::bad();
  world.manner = Manner::silent;
  world.patience = 30s;
  world.run_until([&] { return !world.running; });
  world.run_for(500ms);
  world.start_bgpd();
  world.run_for(4s);
  CHECK(world.restarted.empty());
  CHECK(world.count_told(Severity::warning, "was started by somebody else") == 1);
}

TEST_CASE("no kill for what has just been desired no longer") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  SmallWorld world(std::move(settings));
  world.config.route_maps = {"SICK"};
  world.networks() = {{p, {}}};
  world.run_for(3s);
  world.manner = Manner::locked;
  verdict(world);
  const Time now = Time{} + 1000s + world.now();
  world.feed(DrainChanged{{{"anycast", p}}, Drain{"somebody", "", now, now + 5s}, "somebody"});
  world.run_for(1min);
  CHECK(world.count_told(Severity::warning, "no longer drained") == 1);
  CHECK(world.stopped.empty());
}

TEST_CASE("what is held and well for a while is not forgotten when another prefix is let go") {
  auto world = held();
  world.dns[0] = SmallWorld::good();
  world.dns[1] = SmallWorld::bad();
  world.run_for(30s);
  CHECK_FALSE(world.announced("198.51.100.0/24"));
  world.dns = {SmallWorld::bad(), SmallWorld::good()};
  world.run_for(1min);
  CHECK(world.stopped.size() == 2);
  CHECK(world.report().failing);
}

TEST_CASE("what is held does not hide what a kill may help") {
  auto world = held();
  CHECK(world.stopped.size() == 2);
  world.run_for(1min);
  REQUIRE(world.announced("198.51.100.0/24"));
  world.manner = Manner::locked;
  world.dns[1] = SmallWorld::bad();
  world.run_until([&] { return world.stopped.size() == 3; });
  world.run_for(1s);
  CHECK(world.count_told(Severity::critical, "rule \"second\": 198.51.100.0/24 could not be") == 1);
}

TEST_CASE("a later run remembers which kills did not help, until it is told to reload") {
  auto world = held();
  Memory memory = world.controller().memory();
  CHECK(memory.kills == SoftPath::Kills{{{"first", p}, 2}});
  auto later = redistributed(memory);
  later.dns[0] = SmallWorld::bad();
  later.run_for(5min);
  CHECK(later.stopped.empty());
  CHECK(later.report().failing);
  CHECK(later.controller().memory().kills == memory.kills);
  memory = world.controller().memory_for_reload();
  auto reloaded = redistributed(memory);
  reloaded.dns[0] = SmallWorld::bad();
  reloaded.run_for(5min);
  CHECK(reloaded.stopped.size() == 2);
}

TEST_CASE("a kill that helps is worth one each time") {
  Settings settings = one_rule();
  settings.rules[0].damping.on = false;
  SmallWorld world(std::move(settings));
  world.table[p] = true;
  for (std::size_t i = 1; i <= 5; ++i) {
    // Nothing else is wanted: bgpd stays down for as long as it is sick.
    world.dns[0] = SmallWorld::bad();
    world.run_for(1min);
    CHECK(world.stopped.size() == i);
    CHECK_FALSE(world.report().failing);
    world.dns[0] = SmallWorld::good();
    world.run_for(1min);
  }
}

namespace {

/// Announcing, to a peer that keeps what a killed bgpd had announced, and now in somebody's hands.
SmallWorld locked_world_with_graceful_restart() {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{});
  world.config.graceful_restart = GracefulRestart{120s, 1h};
  world.sessions = {.left = {"10.0.0.2"}, .problem = "Operation not permitted"};
  world.run_for(2s);
  world.manner = Manner::locked;
  return world;
}

}  // namespace

TEST_CASE(
    "peers with graceful restart: bgpd is started at once to tell them, and all of it is said") {
  auto world = locked_world_with_graceful_restart();
  verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  world.manner = Manner::obeys;
  SUBCASE("nothing is wanted, and it is started all the same, with nothing to announce") {
    world.run_for(200ms);
    REQUIRE(world.restarted.size() == 1);
    CHECK(world.restarted[0] - world.stopped[0] == 1ms);
    world.run_for(100ms);
    CHECK(world.running);
    CHECK_FALSE(world.announced("192.0.2.0/24"));
    CHECK(world.count_told(Severity::critical,
                           "peers with graceful restart may keep its prefixes for up to 1 h 2 min "
                           "(10.0.0.2; their sessions have no NOTIFICATION: Operation not "
                           "permitted)") == 1);
    CHECK(world.count_told(Severity::warning, "peers keep what it had announced") == 1);
    REQUIRE(world.report().stale);
    CHECK(world.report().stale->peers == std::vector<std::string>{"10.0.0.2"});
    CHECK(*world.report().stale->left <= 1h + 2min);
    world.run_for(63min);
    CHECK_FALSE(world.report().stale);
    CHECK(world.stopped.size() == 1);
  }
  SUBCASE("it cannot be controlled: then it stays down, and what they keep runs out") {
    world.manner = Manner::locked;
    world.run_for(2min);
    CHECK(world.restarted.size() == 1);
    CHECK(world.stopped.size() == 2);
    CHECK_FALSE(world.running);
  }
  SUBCASE("it cannot be controlled, each time in another way: then it stays down as well") {
    for (const auto manner : {Manner::silent, Manner::locked}) {
      const auto stopped = world.stopped.size();
      world.manner = manner;
      for (int i = 0; i < 60 && world.stopped.size() == stopped; ++i) world.run_for(1s);
    }
    CHECK(world.stopped.size() == 2);
    CHECK(world.restarted.size() == 1);
    CHECK_FALSE(world.running);
  }
}

TEST_CASE("a restart that is owed to peers is still owed after a reload and by a later run") {
  auto world = locked_world_with_graceful_restart();
  world.restart_fails = true;
  verdict(world);
  world.run_until([&] { return !world.restarted.empty(); });
  world.run_for(3s);
  REQUIRE_FALSE(world.running);
  for (const bool reload : {true, false}) {
    CAPTURE(reload);
    SmallWorld later(one_rule(),
                     reload ? world.controller().memory_for_reload() : world.controller().memory());
    later.dns[0] = SmallWorld::bad();
    later.running = false;
    // Seen only once it may have read bgpd again: of a run that is new nobody knows what peers
    // keep.
    CHECK(later.report().stale.has_value() == reload);
    later.run_for(5s);
    CHECK(later.restarted.size() == 1);
    CHECK(later.running);
    CHECK_FALSE(later.controller().memory().fallback.restart_owed);
  }
}

TEST_CASE(
    "no peer keeps anything: it stays down until a prefix is wanted, and nothing is claimed") {
  for (const bool ended : {false, true}) {
    CAPTURE(ended);
    SmallWorld world(one_rule());
    world.networks().emplace(p, NetworkOptions{});
    if (ended) {
      world.config.graceful_restart = GracefulRestart{120s, {}};
      world.sessions = {.ended = 2};
    } else {
      world.sessions = {.problem = "Operation not permitted"};  // and no graceful restart
    }
    world.run_for(2s);
    world.manner = Manner::locked;
    verdict(world);
    world.run_for(1min);
    CHECK(world.stopped.size() == 1);
    CHECK(world.restarted.empty());
    CHECK_FALSE(world.report().stale);
    CHECK(world.count_told(Severity::critical, "may keep") == 0);
    CHECK(world.count_told(Severity::critical, "2 BGP sessions ended by a NOTIFICATION") ==
          (ended ? 1 : 0));
  }
}

TEST_CASE("no session was left to be ended: that is no sign that peers keep nothing") {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{});
  world.config.graceful_restart = GracefulRestart{120s, {}};
  world.sessions = {};  // frozen for longer than the hold time, and reset by its peers
  world.run_for(2s);
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  world.manner = Manner::obeys;
  world.run_for(1s);
  CHECK(world.restarted.size() == 1);
  CHECK(world.count_told(Severity::critical,
                         "may keep its prefixes for up to 2 min (their sessions have no "
                         "NOTIFICATION: none was left to send it on)") == 1);
  REQUIRE(world.report().stale);
  CHECK(world.report().stale->peers.empty());
}

TEST_CASE(
    "a bgpd that was never read: whether peers keep anything is not known, and that is said") {
  SmallWorld world(one_rule());
  world.sessions = {.problem = "Operation not permitted"};
  world.manner = Manner::silent;
  verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  world.run_for(1min);
  CHECK(world.restarted.empty());
  CHECK(world.count_told(Severity::critical, "may keep its prefixes until it runs again") == 1);
  REQUIRE(world.report().stale);
  CHECK_FALSE(world.report().stale->left);
}

TEST_CASE("a bgpd that has obeyed meanwhile is restarted as soon as the first time") {
  auto world = two_rules();
  for (int i = 0; i < 4; ++i) {
    world.manner = Manner::locked;
    world.dns[0] = SmallWorld::good();
    world.told.clear();
    world.manner = Manner::obeys;
    world.run_for(10s);
    world.manner = Manner::locked;
    verdict(world);
    world.run_until([&] { return !world.running; });
    world.manner = Manner::obeys;
    world.run_until([&] { return world.restarted.size() == std::size_t(i) + 1; });
    CHECK(world.restarted.back() - world.stopped.back() == 2001ms);
    world.run_for(15s);  // it withdraws the sick prefix when told to
    REQUIRE_FALSE(world.announced("192.0.2.0/24"));
  }
}

TEST_CASE("a restart that fails is tried again, ever more slowly, and told once a minute") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.manner = Manner::obeys;
  world.restart_fails = true;
  world.run_for(50s);
  CHECK(world.restarted.size() >= 4);
  CHECK(world.restarted.size() <= 7);
  CHECK(world.count_told(Severity::critical, "could not be restarted") == 1);
  world.restart_fails = false;
  world.run_for(61s);
  CHECK(world.announced("198.51.100.0/24"));
}

TEST_CASE("a restart that claims success and starts nothing is noticed and repeated") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.manner = Manner::obeys;
  world.restart_does_nothing = true;
  world.run_for(20s);
  CHECK(world.restarted.size() >= 2);
  CHECK(world.report().bgpd_killed);
  world.restart_does_nothing = false;
  world.run_for(61s);
  CHECK(world.announced("198.51.100.0/24"));
  CHECK_FALSE(world.report().bgpd_killed);
}

TEST_CASE("a bgpd that somebody else starts after the kill is noticed, said, and left running") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.run_for(500ms);
  world.manner = Manner::obeys;
  world.start_bgpd();  // watchfrr
  world.run_for(1min);
  CHECK(world.restarted.empty());
  CHECK(world.count_told(Severity::warning, "was started by somebody else") == 1);
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  CHECK(world.announced("198.51.100.0/24"));
}

TEST_CASE("a restart that fails although bgpd runs is not repeated") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.manner = Manner::obeys;
  world.restart_fails = true;  // say, it took longer than its time limit
  world.run_until([&] { return !world.restarted.empty(); });
  world.start_bgpd();
  world.run_for(1min);
  CHECK(world.restarted.size() == 1);
}

TEST_CASE("a read that began before the kill says nothing about bgpd after it") {
  auto world = two_rules();
  world.latency = 5010ms;  // of the read under way when the fallback comes
  world.manner = Manner::obeys;
  world.run_for(10s);
  verdict(world);
  world.run_until([&] { return !world.stopped.empty(); }, 20s);
  world.latency = 2ms;
  world.run_for(500ms);
  // What it had seen arrives now.
  world.feed(BgpdRead{Observed{world.config, {{Lookup{p, {}}, true}, {Lookup{q, {}}, true}}}, ""});
  CHECK(world.report().bgpd_killed);
  CHECK(world.report().bgpd_gone);
  world.run_until([&] { return !world.restarted.empty(); }, 20s);
}

TEST_CASE("a look for the process that began before the kill says nothing about bgpd after it") {
  Settings settings = one_rule();
  settings.checks.push_back(check("b"));
  settings.rules.push_back(rule("second", {q}, {1}));
  Controller controller(std::move(settings), {}, Time{} + 1s);
  Time now = Time{} + 1s;
  const Failure nobody{Trouble::unreachable, {"connect", "refused", ""}};
  controller.wake(now);
  controller.on(CheckAnswered{0, SmallWorld::bad()}, now);
  auto effects = controller.on(BgpdRead{std::unexpected(nobody), ""}, now);
  REQUIRE(std::ranges::any_of(effects,
                              [](const Effect& e) { return std::holds_alternative<FindBgpd>(e); }));
  for (int i = 0; i < 50; ++i) effects = controller.wake(now += 100ms);
  REQUIRE(std::ranges::any_of(effects,
                              [](const Effect& e) { return std::holds_alternative<StopBgpd>(e); }));
  controller.on(BgpdStopped{std::vector<pid_t>{4711}}, now);
  controller.on(BgpdFound{std::vector<pid_t>{4711}}, now);
  CHECK(controller.report(now).bgpd_gone);
  CHECK(controller.report(now).bgpd_killed);
}

TEST_CASE("a later run starts the bgpd that an earlier one has killed") {
  Memory memory;
  memory.fallback = {.killed = true, .kills = 1};
  SmallWorld world(one_rule(), memory);
  world.running = false;
  world.file = world.config;
  world.run_for(2s);
  CHECK(world.restarted.size() == 1);
  world.run_for(2s);
  CHECK(world.announced("192.0.2.0/24"));
}

TEST_CASE("a later run does not restart a bgpd that runs again") {
  Memory memory;
  memory.fallback = {.killed = true, .kills = 1};
  SmallWorld world(one_rule(), memory);
  world.latency = 500ms;  // the verdict is in before bgpd has been read
  world.run_for(10s);
  CHECK(world.restarted.empty());
  CHECK_FALSE(world.controller().memory().fallback.killed);
}

TEST_CASE("whoever dies in the middle of a kill knows about it afterwards") {
  auto world = two_rules();
  world.manner = Manner::locked;
  verdict(world);
  world.run_until([&] { return !world.stopped.empty(); });
  CHECK(world.controller().memory().fallback.killed);
}

TEST_CASE("nobody can see whether somebody else has started a killed bgpd: that is told") {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{});
  world.run_for(2s);
  world.manner = Manner::unreachable;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.find_fails = world.stop_fails = true;
  world.start_bgpd();
  world.run_for(10s);
  CHECK(world.report().failing);
}

TEST_CASE("a process table that cannot be read does not keep a killed bgpd down") {
  auto world = two_rules();
  world.manner = Manner::locked;
  world.find_fails = true;
  verdict(world);
  world.run_until([&] { return !world.running; });
  world.manner = Manner::obeys;
  world.run_for(5s);
  CHECK(world.restarted.size() == 1);
  CHECK(world.announced("198.51.100.0/24"));
}
