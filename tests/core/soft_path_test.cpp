#include "core/soft_path.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Statements = std::vector<std::string>;
using Manner = SmallWorld::Manner;

const Prefix p = prefix("192.0.2.0/24");
const NetworkOptions tagged{.route_map = vty_name("TAG")};

/// A world where the first verdict is in, and bgpd has what is wanted.
SmallWorld healthy_world(Settings settings = one_rule(), const NetworkOptions& options = {}) {
  SmallWorld world(std::move(settings));
  world.config.route_maps = {"TAG", "OTHER"};
  for (const Rule& rule : world.controller().settings().rules) {
    for (const Prefix& one : rule.prefixes) world.networks().emplace(one, options);
  }
  world.run_for(3s);
  REQUIRE(world.sent.empty());
  REQUIRE(world.controller().at_rest());
  world.told.clear();
  return world;
}

SmallWorld sick_world(Settings settings = one_rule(), const NetworkOptions& options = {}) {
  auto world = healthy_world(std::move(settings), options);
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.networks().empty(); });
  world.run_for(1s);
  REQUIRE(world.sent.size() == 1);
  world.sent.clear();
  world.told.clear();
  return world;
}

}  // namespace

TEST_CASE("healthy and announced: nothing is sent") {
  auto world = healthy_world();
  world.run_for(1h);
  CHECK(world.sent.empty());
  CHECK(world.stopped.empty());
}

TEST_CASE("healthy and not announced: the prefix is announced") {
  SmallWorld world(one_rule());
  world.run_for(1s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24"});
  CHECK(world.controller().at_rest());
}

TEST_CASE("sick and announced: the prefix is withdrawn, at once and once") {
  auto world = healthy_world();
  world.dns[0] = SmallWorld::bad();
  const auto took = world.run_until([&] { return !world.announced("192.0.2.0/24"); });
  CHECK(took < 810ms);
  world.run_for(1min);
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24"});
  CHECK(world.stopped.empty());
}

TEST_CASE("sick and not announced: nothing is sent") {
  SmallWorld world(one_rule());
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.sent.empty());
  CHECK(world.stopped.empty());
  CHECK(world.controller().at_rest());
}

TEST_CASE("while health is unknown bgpd is left as it is") {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 3, 3)};
  SmallWorld world(std::move(settings));
  world.dns[0] = SmallWorld::bad();
  world.networks().emplace(p, NetworkOptions{});
  world.run_for(300ms);
  CHECK(world.report().prefixes[0].desired == Desired::as_it_is);
  CHECK(world.sent.empty());
  world.run_for(1s);
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24"});
}

TEST_CASE("the line about a withdrawal has prefix, cause, and what was sent") {
  auto world = healthy_world();
  world.dns[0] = {OutcomeKind::nxdomain, 1ms, ""};
  world.run_until([&] { return world.count_told(Severity::warning, "withdrawn") == 1; });
  CHECK(world.told.back().text ==
        "rule \"anycast\": 192.0.2.0/24 withdrawn in 2.0 ms through socket: check \"resolver\" "
        "NXDOMAIN 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 ms); sent \"router bgp 65001; "
        "address-family ipv4 unicast; no network 192.0.2.0/24\"");
}

TEST_CASE("the line about a withdrawal names the cause that it had, not what was heard since") {
  auto world = healthy_world();
  world.dns[0] = SmallWorld::bad();
  world.latency = 500ms;
  world.run_until([&] { return !world.sent.empty(); });
  world.feed(CheckAnswered{0, SmallWorld::good()});
  world.run_until([&] { return world.count_told(Severity::warning, "withdrawn") == 1; });
  CHECK(world.count_told(Severity::warning,
                         "withdrawn in 500 ms through socket: check "
                         "\"resolver\" timed out") == 1);
}

TEST_CASE("a rule is down when one of its checks is, and up when all are") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("both", {p}, {0, 1})};
  auto world = healthy_world(std::move(settings));
  world.dns[1] = SmallWorld::bad();
  world.run_for(2s);
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24"});
  world.dns[0] = SmallWorld::bad();
  world.run_for(1s);  // either may be asked first
  world.dns[1] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.sent.size() == 1);
  world.dns[0] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24", "network 192.0.2.0/24"});
}

TEST_CASE("a rule with two checks is left as it is until both have spoken") {
  Settings settings;
  settings.checks = {check("a"), check("b", 3, 3)};
  settings.rules = {rule("both", {p}, {0, 1})};
  SmallWorld world(std::move(settings));
  world.run_for(450ms);
  CHECK(world.sent.empty());
  world.run_for(1s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24"});
}

TEST_CASE("only the prefixes of the sick rule are withdrawn, in one batch") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p, prefix("2001:db8::/32")}, {0}),
                    rule("second", {prefix("198.51.100.0/24")}, {1})};
  auto world = healthy_world(std::move(settings));
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  REQUIRE(world.statements() == Statements{"no network 192.0.2.0/24", "no network 2001:db8::/32"});
  CHECK(world.sent[0].at == world.sent[1].at);
  CHECK(world.announced("198.51.100.0/24"));
}

TEST_CASE("withdrawals are sent before announcements, whatever their families") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {prefix("2001:db8::/32")}, {1})};
  SmallWorld world(std::move(settings));
  world.networks().emplace(prefix("2001:db8::/32"), NetworkOptions{});
  world.dns[1] = SmallWorld::bad();
  world.latency = 200ms;  // both verdicts are in when bgpd has been read
  world.run_for(1s);
  CHECK(world.statements() == Statements{"no network 2001:db8::/32", "network 192.0.2.0/24"});
}

TEST_CASE("what an earlier run had counted is not acted upon before this one has asked") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {prefix("198.51.100.0/24")}, {1})};
  Memory memory;
  memory.checks["a"] = memory.checks["b"] = {Health::up, 5, true};
  SmallWorld world(std::move(settings), memory);
  world.networks().emplace(p, NetworkOptions{});
  world.dns[1] = SmallWorld::bad();  // somebody has withdrawn it meanwhile, rightly
  world.run_for(10s);
  CHECK(world.sent.empty());
}

TEST_CASE("a rule of which nobody knows any longer that it is sick is left as it is") {
  Settings settings;
  settings.checks = {check("a", 2), check("b")};
  settings.rules = {rule("both", {p}, {0, 1})};
  Memory memory;
  memory.checks["a"] = {Health::down, 1, false};
  SmallWorld world(std::move(settings), memory);
  world.networks().emplace(p, NetworkOptions{});
  world.manner = Manner::locked;
  world.feed(CheckAnswered{0, SmallWorld::good()});
  CHECK(world.report().prefixes[0].desired == Desired::withdrawn);
  world.feed(CheckAnswered{0, SmallWorld::good()});
  CHECK(world.report().prefixes[0].desired == Desired::as_it_is);
  world.feed(CheckAnswered{1, SmallWorld::bad()});
  CHECK(world.report().prefixes[0].desired == Desired::withdrawn);
}

TEST_CASE("a prefix comes back with the route-map it had") {
  auto world = sick_world(one_rule(), tagged);
  world.dns[0] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("a prefix comes back with the options it had in an earlier run") {
  auto before =
      sick_world(one_rule(),
                 NetworkOptions{.route_map = vty_name("TAG"), .backdoor = true, .label_index = {}});
  const Memory memory = before.controller().memory();
  SmallWorld world(one_rule(), memory);
  world.config.route_maps = {"TAG"};
  world.run_for(2s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24 route-map TAG backdoor"});
}

TEST_CASE("options are remembered while the statement is away, also when bgpd cannot be read") {
  const SoftPath::Options remembered{{PrefixKey{"anycast", p}, tagged}};
  auto world = sick_world(one_rule(), tagged);
  CHECK(world.controller().memory().options == remembered);
  world.manner = Manner::unreachable;
  world.lose_connection();
  CHECK(world.controller().memory().options == remembered);
}

TEST_CASE("whoever dies while a withdrawal is under way knows the options afterwards") {
  auto world = healthy_world(one_rule(), tagged);
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return !world.sent.empty(); });
  const Memory memory = world.controller().memory();
  SmallWorld next(one_rule(), memory);
  next.config.route_maps = {"TAG"};
  next.run_for(1s);
  CHECK(next.statements() == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("the options that somebody gave the statement last are the ones that count") {
  auto world = healthy_world(one_rule(), tagged);
  world.networks()[p] = {};
  world.run_for(11s);
  CHECK(world.sent.empty());
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  world.dns[0] = SmallWorld::good();
  world.run_for(2s);
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24", "network 192.0.2.0/24"});
}

TEST_CASE("a configured route-map wins over the one that the statement had") {
  Settings settings = one_rule();
  settings.rules[0].route_map = vty_name("OTHER");
  SmallWorld world(std::move(settings));
  world.config.route_maps = {"TAG", "OTHER"};
  world.networks().emplace(
      p, NetworkOptions{.route_map = vty_name("TAG"), .backdoor = true, .label_index = {}});
  world.run_for(5s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24 route-map OTHER backdoor"});
  CHECK(world.controller().at_rest());
}

TEST_CASE("a statement that had a route-map nobody can type again is not announced without it") {
  auto world = sick_world(one_rule(), {.untypable = true});
  world.dns[0] = SmallWorld::good();
  world.run_for(1min);
  CHECK(world.sent.empty());
  CHECK(world.count_told(Severity::error, "announce it by hand, or set route_map") == 1);
  world.networks().emplace(p, NetworkOptions{.untypable = true});
  world.run_for(11s);
  CHECK(world.sent.empty());
  CHECK(world.controller().at_rest());
}

TEST_CASE("a route-map that bgpd does not have is not used, and that is told once") {
  Settings settings = one_rule();
  settings.rules[0].route_map = vty_name("NOWHERE");
  SmallWorld world(std::move(settings));
  world.run_for(1min);
  CHECK(world.sent.empty());
  CHECK(world.count_told(Severity::error, "bgpd has no such route-map") == 1);
  CHECK(world.controller().stuck());
  // Nobody is in a hurry for it.
  CHECK(world.read.size() < 12);
  world.config.route_maps = {"NOWHERE"};
  world.run_for(11s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24 route-map NOWHERE"});
  CHECK(world.controller().at_rest());
}

TEST_CASE("a missing route-map and a missing route are not told in turns") {
  Settings settings = one_rule();
  settings.rules[0].route_map = vty_name("NOWHERE");
  SmallWorld world(std::move(settings));
  world.networks().emplace(p, NetworkOptions{});
  world.table[p] = false;
  world.run_for(1min);
  CHECK(world.count_told(Severity::error) == 1);
}

TEST_CASE("somebody types network for a sick prefix: gone within a second") {
  auto world = sick_world(one_rule(), tagged);
  world.networks().emplace(p, tagged);
  const auto took = world.run_until([&] { return !world.announced("192.0.2.0/24"); });
  CHECK(took < 1s);
  CHECK(world.count_told(Severity::warning, "withdrawn again (it had come back)") == 1);
  CHECK(world.stopped.empty());
}

TEST_CASE("somebody types no network for a healthy prefix: back after the next read") {
  auto world = healthy_world(one_rule(), tagged);
  world.networks().clear();
  world.run_for(11s);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24 route-map TAG"});
  CHECK(world.count_told(Severity::warning, "announced again (it had gone or changed)") == 1);
}

TEST_CASE("a verdict does not trust what was read long ago") {
  auto world = healthy_world();
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  world.networks().emplace(p, NetworkOptions{});
  // The check confirms what is known; when it turns, bgpd is read although that was done lately.
  world.dns[0] = SmallWorld::good();
  world.run_for(900ms);
  CHECK_FALSE(world.controller().busy());
  CHECK(world.controller().at_rest());
  CHECK(world.announced("192.0.2.0/24"));
}

TEST_CASE("observed is not desired before it was read after the verdict") {
  auto world = healthy_world();
  world.run_for(5s);
  world.dns[0] = SmallWorld::bad();
  world.networks().clear();
  world.run_until([&] { return world.count_told(Severity::warning, "down, was up") == 1; });
  CHECK_FALSE(world.controller().at_rest());
  const auto took = world.run_until([&] { return world.controller().at_rest(); });
  CHECK(took < 100ms);
}

TEST_CASE("bgpd restarts with a start-up file that announces the sick prefix: gone at once") {
  auto world = sick_world();
  world.networks().emplace(p, NetworkOptions{});
  world.lose_connection();
  const auto took = world.run_until([&] { return !world.announced("192.0.2.0/24"); });
  CHECK(took < 50ms);
  CHECK(world.stopped.empty());
}

TEST_CASE("a path that is still marked removed is read again, not withdrawn again") {
  auto world = healthy_world();
  world.table[p] = true;
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return !world.sent.empty(); });
  world.run_for(50ms);
  world.table.clear();
  const auto took = world.run_until([&] { return world.controller().at_rest(); });
  CHECK(took < 100ms);
  CHECK(world.sent.size() == 1);
  CHECK(world.count_told(Severity::error) == 0);
}

TEST_CASE("a statement whose prefix does not reach the table is told once and not sent again") {
  SmallWorld world(one_rule());
  world.table[p] = false;
  world.run_for(5min);
  CHECK(world.statements() == Statements{"network 192.0.2.0/24"});
  CHECK(world.count_told(Severity::error, "import-check") == 1);
  CHECK(world.controller().stuck());
  CHECK_FALSE(world.controller().at_rest());
  // Nothing is to be hurried here.
  CHECK(world.read.size() < 45);
  world.table.clear();
  world.run_for(11s);
  CHECK(world.controller().at_rest());
}

TEST_CASE("a table that lags after the statement was restored is no trouble") {
  auto world = healthy_world();
  world.run_for(1min);
  world.networks().clear();
  world.table[p] = false;
  world.run_until([&] { return !world.sent.empty(); });
  world.run_for(200ms);
  world.table.clear();
  world.run_for(2s);
  CHECK(world.count_told(Severity::error) == 0);
  CHECK(world.controller().at_rest());
}

TEST_CASE("a look-up that bgpd stops answering is not known any longer") {
  auto world = sick_world();
  REQUIRE(world.report().prefixes[0].in_table == false);
  world.without_answer = {p};
  world.run_for(1s);
  CHECK(world.report().prefixes[0].in_table == std::nullopt);
}

TEST_CASE("several instances and none chosen: an error that lists them, once, and nothing sent") {
  SmallWorld world(one_rule());
  world.config.instances.push_back({asn, {InstanceKey::Kind::vrf, vty_name("RED")}, {}});
  world.run_for(1min);
  CHECK(world.sent.empty());
  CHECK(world.count_told(Severity::error, "\"router bgp 65001 vrf RED\"") == 1);
  CHECK(world.count_told(Severity::error) == 1);
  CHECK(world.controller().stuck());
  CHECK(world.report().prefixes[0].trouble.has_value());
}

TEST_CASE("a bgpd that starts empty is given time to be configured; one that stays so is told of") {
  auto world = healthy_world();
  const auto instances = std::exchange(world.config.instances, {});
  world.lose_connection();
  world.run_for(4s);
  CHECK(world.count_told(Severity::error) == 0);
  SUBCASE("it is configured") {
    world.config.instances = instances;
    world.run_for(1min);
    CHECK(world.count_told(Severity::error) == 0);
    CHECK(world.controller().at_rest());
  }
  SUBCASE("it is not") {
    world.run_for(1min);
    CHECK(world.count_told(Severity::error, "there is no \"router bgp\"") == 1);
    CHECK(world.controller().stuck());
  }
}

TEST_CASE("several instances and one chosen: the statement goes there") {
  Settings settings = one_rule();
  settings.rules[0].instance.key = InstanceKey{InstanceKey::Kind::vrf, vty_name("RED")};
  SmallWorld world(std::move(settings));
  world.config.instances.push_back({asn, {InstanceKey::Kind::vrf, vty_name("RED")}, {}});
  world.run_for(5s);
  CHECK(world.config.instances[0].networks.empty());
  CHECK(world.config.instances[1].networks.contains(p));
  CHECK(world.controller().at_rest());
}

TEST_CASE("a refused announcement is tried again, ever more slowly") {
  SmallWorld world(one_rule());
  world.manner = Manner::refuses;
  world.run_for(1min);
  CHECK(world.sent.size() > 3);
  CHECK(world.sent.size() < 15);
  CHECK(world.count_told(Severity::error) <= 2);  // 60 s apart
  CHECK(world.controller().stuck());
  world.manner = Manner::obeys;
  world.run_for(11s);
  CHECK(world.controller().at_rest());
}

TEST_CASE("bgpd is read before a refused statement is sent again") {
  auto world = healthy_world();
  world.manner = Manner::refuses;
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return !world.sent.empty(); });
  world.networks().clear();  // somebody else does it
  world.manner = Manner::obeys;
  world.run_for(5s);
  CHECK(world.sent.size() == 1);
}

TEST_CASE("a withdrawal does not wait for the pause of a refused announcement") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {prefix("198.51.100.0/24")}, {1})};
  SmallWorld world(std::move(settings));
  world.networks().emplace(p, NetworkOptions{});
  world.manner = Manner::refuses;
  world.run_for(1min);
  world.manner = Manner::obeys;
  world.dns[0] = SmallWorld::bad();
  CHECK(world.run_until([&] { return !world.announced("192.0.2.0/24"); }) < 850ms);
}

TEST_CASE("a sick prefix that comes back does not wait for the pause of a refused announcement") {
  Settings settings;
  settings.checks = {check("a"), check("b")};
  settings.rules = {rule("first", {p}, {0}), rule("second", {prefix("198.51.100.0/24")}, {1})};
  SmallWorld world(std::move(settings));
  world.dns[0] = SmallWorld::bad();
  world.manner = Manner::refuses;
  world.run_for(1min);
  REQUIRE(world.sent.size() < 15);
  world.manner = Manner::obeys;
  world.networks().emplace(p, NetworkOptions{});  // frr-reload
  CHECK(world.run_until([&] { return !world.announced("192.0.2.0/24"); }) < 1s);
}

TEST_CASE("an answer lost after the statement was taken: bgpd is read, nothing is sent twice") {
  for (const auto manner : {Manner::loses_answer, Manner::silent}) {
    auto world = healthy_world();
    world.manner = manner;
    world.dns[0] = SmallWorld::bad();
    world.run_until([&] { return !world.sent.empty(); });
    if (manner == Manner::silent) world.networks().clear();  // taken all the same
    world.run_for(1500ms);
    world.manner = Manner::obeys;
    world.run_for(3s);
    CHECK(world.sent.size() == 1);
    CHECK(world.controller().at_rest());
    CHECK(world.stopped.empty());
    // That it is gone, and by whom, is told all the same.
    CHECK(world.count_told(Severity::warning,
                           "192.0.2.0/24 withdrawn: what bgpd was sent and did not answer has had "
                           "its effect: check \"resolver\" timed out") == 1);
    REQUIRE(world.notes.size() == 1);
    CHECK(world.notes[0].by == "withdrawd");
    CHECK(world.notes[0].cause.find("check \"resolver\"") != std::string::npos);
  }
}

TEST_CASE("a statement that takes effect when it is no longer wanted is undone within a second") {
  auto world = healthy_world();
  world.manner = Manner::silent;
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return !world.sent.empty(); });
  world.dns[0] = SmallWorld::good();
  world.run_for(1500ms);
  world.manner = Manner::obeys;
  world.run_until([&] { return world.controller().at_rest(); });
  CHECK(world.announced("192.0.2.0/24"));
  world.networks().clear();  // only now does bgpd come to what it was sent while it was frozen
  CHECK(world.run_until([&] { return world.announced("192.0.2.0/24"); }) < 1100ms);
  // By then it is known; whatever happens later is somebody else's doing.
  world.run_for(2s);
  world.networks().clear();
  world.run_for(11s);
  CHECK(world.count_told(Severity::warning, "what bgpd was sent") == 1);
}

TEST_CASE("the lock is told once and tried again every half second") {
  SmallWorld world(one_rule());
  world.manner = Manner::locked;
  world.run_for(50s);
  CHECK(world.count_told(Severity::error, "locked") == 1);
  CHECK(world.sent.size() > 80);
  CHECK(world.sent.size() < 130);
}

TEST_CASE("a dead bgpd is looked for in the process table, and does not flood the log") {
  auto world = healthy_world();
  world.running = false;
  world.lose_connection();
  world.run_for(59s);
  CHECK(world.count_told(Severity::error) == 1);
  CHECK(world.found.size() > 50);
  CHECK(world.found.size() < 70);
  // Asking ten times a second for hours would cost a vtysh each.
  CHECK(world.read.size() < 150);
  CHECK(world.report().bgpd_gone);
  CHECK(world.stopped.empty());
  CHECK(world.restarted.empty());  // somebody stopped it; that is somebody's decision
  world.run_for(5min);
  // At once, after one minute and after three, with how often it was.
  CHECK(world.count_told(Severity::error) == 3);
  CHECK(world.count_told(Severity::error, "times in the last 2 min)") == 1);
  world.running = true;
  world.run_until([&] { return world.controller().at_rest(); }, 1s);
  CHECK(world.count_told(Severity::info, "bgpd answers again") == 1);
}

TEST_CASE("a bgpd that is back and gone again all the time does not flood the log") {
  auto world = healthy_world();
  for (int i = 0; i < 100; ++i) {
    world.manner = Manner::unreachable;
    world.lose_connection();
    world.run_for(200ms);
    world.manner = Manner::obeys;
    world.run_for(300ms);
  }
  CHECK(world.count_told(Severity::error) == 1);
  CHECK(world.count_told(Severity::info, "answers again") == 1);
}

TEST_CASE("a bgpd that hangs up on everybody is not asked any faster for it") {
  auto world = healthy_world();
  world.manner = Manner::unreachable;
  for (int i = 0; i < 1000; ++i) {
    world.lose_connection();
    world.run_for(10ms);
  }
  CHECK(world.read.size() < 40);
}

TEST_CASE("a process table that cannot be read is told once") {
  auto world = healthy_world();
  world.running = false;
  world.find_fails = true;
  world.lose_connection();
  world.run_for(1min);
  CHECK(world.count_told(Severity::error, "no /proc") == 1);
  CHECK_FALSE(world.report().bgpd_gone);
  // Nor when it can be read now and then.
  world.run_for(5s);
  const auto told = world.count_told(Severity::error, "no /proc");
  for (int i = 0; i < 10; ++i) {
    world.find_fails = !world.find_fails;
    world.run_for(2s);
  }
  CHECK(world.count_told(Severity::error, "no /proc") == told);
}

namespace {

/// So many prefixes depend on the first check, and one on the second.
Settings many_rules(std::size_t count) {
  Settings settings = one_rule();
  Rule& most = settings.rules[0];
  most.prefixes.clear();
  for (std::size_t i = 0; i < count; ++i) {
    most.prefixes.push_back(prefix("10.0." + std::to_string(i) + ".0/24"));
  }
  settings.checks.push_back(settings.checks[0]);
  settings.checks[1].name = "other";
  settings.rules.push_back(most);
  settings.rules[1].name = "other";
  settings.rules[1].prefixes = {prefix("192.0.2.0/24")};
  settings.rules[1].checks = {1};
  return settings;
}

}  // namespace

TEST_CASE(
    "what was read before the verdict is read again at once, where nothing has to be awaited") {
  Settings settings = one_rule();
  SmallWorld world(std::move(settings));
  world.networks().emplace(p, NetworkOptions{});
  world.dns_latency = 5ms;
  world.latency = 3ms;
  world.run_until([&] { return world.controller().at_rest(); });
  CHECK(world.now() < 15ms);
}

TEST_CASE("nearly all prefixes that go are looked up with the rest, of fewer only they") {
  std::size_t most = 30;
  std::size_t looked_up = 31;
  SUBCASE("nearly all") {}
  SUBCASE("fewer") {
    most = 5;
    looked_up = 5;
  }
  auto world = healthy_world(many_rules(most));
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.networks().size() == 1; });
  CHECK(world.looked_up == looked_up);
  world.run_for(1s);
  // What was not looked up is known from before.
  CHECK(world.controller().at_rest());
  CHECK(world.report().prefixes.back().in_table == true);
  CHECK(world.report().prefixes.front().in_table == false);
  CHECK(world.sent.size() == most);
}

TEST_CASE("what bgpd no longer answers about is not known any longer, though others are") {
  auto world = healthy_world(many_rules(5));
  world.without_answer = {prefix("10.0.3.0/24")};
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.networks().size() == 1; });
  world.run_for(10ms);
  CHECK(world.report().prefixes[3].in_table == std::nullopt);
  CHECK(world.report().prefixes[2].in_table == false);
  CHECK(world.report().prefixes.back().in_table == true);
}

TEST_CASE("plans enter each family once, whatever the order of the prefixes in the configuration") {
  Settings settings = one_rule();
  settings.rules[0].prefixes = {prefix("2001:db8:2::/48"), prefix("198.51.100.0/24"),
                                prefix("2001:db8:1::/48"), prefix("192.0.2.0/24")};
  auto world = healthy_world(settings);
  world.dns[0] = SmallWorld::bad();
  world.run_until([&] { return world.networks().empty(); });
  CHECK(world.statements() == Statements{"no network 192.0.2.0/24", "no network 198.51.100.0/24",
                                         "no network 2001:db8:1::/48",
                                         "no network 2001:db8:2::/48"});
}

TEST_CASE("lines of many prefixes can be made when there is no Controller any longer") {
  std::optional<LogBatch> lines;
  {
    auto world = healthy_world(many_rules(3));
    world.dns[0] = SmallWorld::bad();
    world.run_until([&] { return world.networks().size() == 1; });
    lines = world.told_last;
  }
  REQUIRE(lines);
  REQUIRE(lines->count == 3);
  const LogLine line = lines->make(1);
  CHECK(line.severity == Severity::warning);
  CHECK(line.text.starts_with("rule \"anycast\": 10.0.1.0/24 withdrawn in "));
  CHECK(line.text.ends_with(
      "sent \"router bgp 65001; address-family ipv4 unicast; no network 10.0.1.0/24\""));
  CHECK(line.about == LogContext{.rule = "anycast", .prefix = "10.0.1.0/24", .topic = "withdrawn"});
}
