#include "core/policy.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Statements = std::vector<std::string>;

const Prefix p = prefix("192.0.2.0/24");
const Prefix q = prefix("198.51.100.0/24");
const Prefix r = prefix("2001:db8:53::/48");

/// Announces everything and is content.
void settle(SmallWorld& world, const NetworkOptions& options = {}) {
  world.config.route_maps = {"TAG", "DRAIN", "SICK"};
  for (const Rule& rule : world.controller().settings().rules) {
    for (const Prefix& one : rule.prefixes) world.networks().emplace(one, options);
  }
  world.file = world.config;
  world.run_for(3s);
  REQUIRE(world.sent.empty());
  REQUIRE(world.controller().at_rest());
  world.told.clear();
  world.notes.clear();
}

SmallWorld settled(Settings settings, const NetworkOptions& options = {},
                   const Memory& memory = {}) {
  SmallWorld world(std::move(settings), memory);
  settle(world, options);
  return world;
}

Statements take(SmallWorld& world) {
  Statements statements = world.statements();
  world.sent.clear();
  return statements;
}

/// One rule with p, on three checks.
Settings three_checks(std::size_t required) {
  Settings settings;
  settings.checks = {check("a"), check("b"), check("c")};
  settings.rules = {rule("anycast", {p}, {0, 1, 2})};
  settings.rules[0].required = required;
  return settings;
}

/// Three rules with one prefix and one check each, of which so many must stay.
Settings guarded(std::size_t minimum) {
  Settings settings;
  settings.checks = {check("a"), check("b"), check("c")};
  settings.rules = {rule("one", {p}, {0}), rule("two", {q}, {1}), rule("three", {r}, {2})};
  settings.groups = {{"edge", minimum}};
  for (Rule& one : settings.rules) one.group = 0;
  return settings;
}

DrainChanged drain(SmallWorld& world, std::string_view target,
                   std::optional<Duration> length = {}) {
  const Time now = Time{} + 1000s + world.now();
  DrainChanged change{find_prefixes(world.controller().settings(), target).value(),
                      Drain{"alice", "new kernel", now, {}}, "alice"};
  if (length) change.drain->until = now + *length;
  return change;
}

DrainChanged undrain(SmallWorld& world, std::string_view target) {
  return {find_prefixes(world.controller().settings(), target).value(), {}, "alice"};
}

std::size_t count_notes(const SmallWorld& world, Note::Kind kind) {
  return static_cast<std::size_t>(std::ranges::count(world.notes, kind, &Note::kind));
}

/// Sick for a second, well for one.
void flap(SmallWorld& world, int times) {
  for (int i = 0; i < times; ++i) {
    world.dns[0] = SmallWorld::bad();
    world.run_for(1s);
    world.dns[0] = SmallWorld::good();
    world.run_for(2s);
  }
}

}  // namespace

// --- require

TEST_CASE("of several checks all are needed, or any, or so many") {
  struct Case {
    std::size_t required;
    int bad;
    bool announced;
  };
  for (const auto& [required, bad, announced] :
       {Case{0, 0, true}, Case{0, 1, false}, Case{3, 1, false}, Case{2, 1, true}, Case{2, 2, false},
        Case{1, 2, true}, Case{1, 3, false}}) {
    CAPTURE(required);
    CAPTURE(bad);
    auto world = settled(three_checks(required));
    for (int i = 0; i < bad; ++i) world.dns[static_cast<std::size_t>(i)] = SmallWorld::bad();
    world.run_for(5s);
    CHECK(world.announced("192.0.2.0/24") == announced);
  }
}

TEST_CASE("one check that many rules share is asked once, and its verdict is all of theirs") {
  Settings settings;
  settings.checks = {check("shared")};
  settings.rules = {rule("one", {p}), rule("two", {q}), rule("three", {r})};
  auto world = settled(settings);
  const auto before = world.asked.size();
  world.run_for(8s);
  CHECK(world.asked.size() - before == 10);  // every 800 ms, as for one rule
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  CHECK(world.networks().empty());
}

TEST_CASE("where any check will do, the verdict does not wait for the others") {
  SmallWorld world(three_checks(1));
  world.networks().emplace(p, NetworkOptions{});
  world.dns = {SmallWorld::bad(), SmallWorld::bad(), SmallWorld::bad()};
  world.run_for(100ms);  // two are answered, the third is not
  CHECK(world.report().prefixes[0].health == Health::unknown);
  CHECK(world.sent.empty());
  world.run_for(1s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
}

// --- degrading

TEST_CASE("a sick prefix is stated with the route-map of on_down, and comes back with its own") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  auto world = settled(settings, {.route_map = vty_name("TAG"), .backdoor = true});
  world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map SICK backdoor"});
  CHECK(world.report().prefixes[0].desired == Desired::degraded);
  CHECK(world.controller().at_rest());
  world.dns[0] = SmallWorld::good();
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map TAG backdoor"});
  REQUIRE(world.notes.size() == 2);
  CHECK(world.notes[0].is == "degraded");
  CHECK(world.notes[0].by == "withdrawd through socket");
  CHECK(world.notes[1].was == "degraded");
}

TEST_CASE("a later run knows what a degraded statement had, and that it is degraded") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  auto before = settled(settings, {.route_map = vty_name("TAG")});
  before.dns[0] = SmallWorld::bad();
  before.run_for(3s);
  SmallWorld world(settings, before.controller().memory());
  world.config = before.config;
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("without memory a degraded statement comes back without a route-map, not with that one") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  SmallWorld world(settings);
  world.config.route_maps = {"SICK"};
  world.networks().emplace(p, NetworkOptions{.route_map = vty_name("SICK")});
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24"});
}

TEST_CASE("a route-map that stood for a withdrawal does so after a reload that names another") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  auto world = settled(settings, {.route_map = vty_name("TAG")});
  world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  REQUIRE(take(world) == Statements{"network 192.0.2.0/24 route-map SICK"});

  std::optional<RouteMapName> other;
  SUBCASE("another one") {
    other = vty_name("DRAIN");
  }
  SUBCASE("none") {}
  settings.rules[0].on_down = other;
  SmallWorld after(settings, world.controller().memory());
  after.config = world.config;
  after.run_for(3s);
  CHECK(take(after) == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("a route-map that a reload makes that of on_down is nobody's own any longer") {
  auto world = settled(one_rule(), {.route_map = vty_name("SICK")});
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  SmallWorld after(settings, world.controller().memory());
  after.config = world.config;
  after.run_for(3s);
  CHECK(take(after) == Statements{"network 192.0.2.0/24"});
  CHECK(after.controller().at_rest());
}

TEST_CASE("a prefix that a reload has moved to another rule comes back with what it had") {
  auto world = settled(one_rule(), {.route_map = vty_name("TAG")});
  world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  REQUIRE(take(world) == Statements{"no network 192.0.2.0/24"});

  Settings settings = one_rule();
  settings.rules[0].name = "renamed";
  SmallWorld after(settings, world.controller().memory());
  after.config = world.config;
  after.run_for(3s);
  CHECK(take(after) == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("a refused statement that degrades is tried again as soon as one that withdraws") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("SICK");
  auto world = settled(settings);
  world.manner = SmallWorld::Manner::refuses;
  world.dns[0] = SmallWorld::bad();
  world.run_for(30s);
  world.manner = SmallWorld::Manner::obeys;
  world.run_for(1s);
  CHECK(world.report().prefixes[0].agrees);
}

TEST_CASE("a route-map that bgpd does not have degrades nothing, and is told") {
  Settings settings = one_rule();
  settings.rules[0].on_down = vty_name("MISSING");
  auto world = settled(settings);
  world.dns[0] = SmallWorld::bad();
  world.run_for(10s);
  CHECK(world.sent.empty());
  CHECK(world.announced("192.0.2.0/24"));
  CHECK(world.count_told(Severity::error, "bgpd has no such route-map") == 1);
  CHECK(world.stopped.empty());
}

// --- drains

TEST_CASE("a drained prefix is withdrawn however healthy it is, and comes back") {
  auto world = settled(one_rule());
  world.feed(drain(world, "anycast"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  REQUIRE(world.report().prefixes[0].drain);
  CHECK(world.report().prefixes[0].drain->who == "alice");
  CHECK(world.report().prefixes[0].why == "drained by alice (\"new kernel\")");
  CHECK(world.count_told(Severity::warning, "192.0.2.0/24 drained by alice (\"new kernel\")") == 1);
  world.run_for(1h);
  CHECK(world.sent.empty());
  world.feed(undrain(world, "192.0.2.0/24"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24"});
  CHECK(count_notes(world, Note::Kind::drained) == 1);
  CHECK(count_notes(world, Note::Kind::undrained) == 1);
}

TEST_CASE("a drain ends by itself, to the moment") {
  auto world = settled(one_rule());
  world.feed(drain(world, "", 30min));
  const Duration begin = world.now();
  world.run_for(29min);
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  world.run_until([&] { return world.announced("192.0.2.0/24"); }, 2min);
  CHECK(world.now() - begin >= 30min);
  CHECK(world.now() - begin < 30min + 1s);
}

TEST_CASE("a sick prefix is not announced when its drain ends") {
  auto world = settled(one_rule());
  world.feed(drain(world, "", 1min));
  world.run_for(30s);
  take(world);
  world.dns[0] = SmallWorld::bad();
  world.run_for(10min);
  CHECK(world.sent.empty());
}

TEST_CASE("a drain goes on in a later run, for what is left of it") {
  auto before = settled(one_rule());
  before.feed(drain(before, "", 5min));
  before.run_for(1min);
  const Memory memory = before.controller().memory();
  SmallWorld world(one_rule(), memory);
  world.config = before.config;
  // Time goes on where the other world began: it is as long as the drain was meant to be.
  world.run_for(4min);
  CHECK(world.sent.empty());
  world.run_for(2min);
  CHECK(take(world) == Statements{"network 192.0.2.0/24"});
}

TEST_CASE("a gentle drain degrades first and withdraws after its grace") {
  Settings settings = one_rule();
  settings.rules[0].on_drain = vty_name("DRAIN");
  settings.rules[0].drain_grace = 2min;
  auto world = settled(settings, {.route_map = vty_name("TAG")});
  world.feed(drain(world, "anycast"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map DRAIN"});
  world.run_for(118s);
  CHECK(world.sent.empty());
  world.run_for(2s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  world.feed(undrain(world, "anycast"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map TAG"});
}

TEST_CASE("a gentle drain of what is sick, or becomes so, is a withdrawal") {
  Settings settings = one_rule();
  settings.rules[0].on_drain = vty_name("DRAIN");
  auto world = settled(settings);
  world.feed(drain(world, "anycast"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map DRAIN"});
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
}

TEST_CASE("a prefix that cannot be drained costs no bgpd; a sick one does") {
  auto world = settled(one_rule());
  world.manner = SmallWorld::Manner::refuses;
  world.feed(drain(world, "anycast"));
  world.run_for(1min);
  CHECK(world.stopped.empty());
  CHECK(world.announced("192.0.2.0/24"));
  world.dns[0] = SmallWorld::bad();
  world.run_for(20s);
  CHECK(world.stopped.size() == 1);
}

TEST_CASE("what is drained may get well, or sick, while bgpd does not answer") {
  auto world = settled(one_rule());
  world.manner = SmallWorld::Manner::hangs;
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  world.feed(drain(world, "anycast"));
  world.dns[0] = SmallWorld::good();
  world.run_for(30s);
  CHECK(world.stopped.empty());
  world.dns[0] = SmallWorld::bad();
  world.run_for(8s);
  CHECK(world.stopped.size() == 1);
}

TEST_CASE("a check that is a switch drains its rules, and is no part of their health") {
  Settings settings = one_rule();
  settings.checks.push_back(check("maintenance"));
  settings.rules[0].switches = {1};
  auto world = settled(settings);
  world.dns[1] = SmallWorld::bad(OutcomeKind::error);
  world.run_for(2s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  CHECK(world.report().prefixes[0].health == Health::up);
  REQUIRE(world.report().prefixes[0].drain);
  CHECK(world.report().prefixes[0].drain->who.starts_with("check \"maintenance\""));

  // Another run begins: the switch is asked last, and nothing is announced meanwhile.
  SmallWorld later(settings, world.controller().memory());
  later.config = world.config;
  later.dns[1] = SmallWorld::bad(OutcomeKind::error);
  later.run_for(5s);
  CHECK(later.sent.empty());
  later.dns[1] = SmallWorld::good();
  later.run_for(2s);
  CHECK(take(later) == Statements{"network 192.0.2.0/24"});
}

TEST_CASE("nothing is announced before the switch has been looked at for the first time") {
  Settings settings = one_rule();
  settings.checks.push_back(check("maintenance", 1, 3));
  settings.rules[0].switches = {1};
  SmallWorld world(settings);
  world.dns[1] = SmallWorld::bad(OutcomeKind::error);
  world.run_for(10s);
  CHECK(world.sent.empty());
}

// --- damping

TEST_CASE("who flaps too often stays down, and comes back when it has been quiet for long enough") {
  auto world = settled(one_rule());
  flap(world, 4);
  CHECK(world.announced("192.0.2.0/24"));
  CHECK(count_notes(world, Note::Kind::damped) == 0);
  flap(world, 2);  // the penalty has decayed a little meanwhile: the sixth is one too many
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  CHECK(count_notes(world, Note::Kind::damped) == 1);
  CHECK(world.count_told(Severity::warning, "flap damping") == 1);
  const PrefixReport report = world.report().prefixes[0];
  REQUIRE(report.damping);
  CHECK(report.damping->suppressed);
  CHECK(report.health == Health::up);
  CHECK(report.why.starts_with("flap damping holds it back, though check"));
  const Duration left = report.damping->left;
  CHECK(left > 6min);
  CHECK(left < 10min);
  const Duration from = world.now();
  world.run_until([&] { return world.announced("192.0.2.0/24"); }, 15min);
  CHECK(world.now() - from >= left);
  CHECK(world.now() - from < left + 1s);
  CHECK(count_notes(world, Note::Kind::undamped) == 1);
}

TEST_CASE("damping does not grow without end: two half-lives after the last flap it is over") {
  auto world = settled(one_rule());
  flap(world, 100);
  const Duration from = world.now();
  world.run_until([&] { return world.announced("192.0.2.0/24"); }, 15min);
  CHECK(world.now() - from <= 10min);
}

TEST_CASE("damping goes on in a later run, and its flaps are counted together") {
  auto before = settled(one_rule());
  flap(before, 4);
  SmallWorld world(one_rule(), before.controller().memory());
  world.config = before.config;
  world.run_for(3s);
  flap(world, 2);
  CHECK_FALSE(world.announced("192.0.2.0/24"));
  SmallWorld last(one_rule(), world.controller().memory());
  last.config = world.config;
  last.run_for(1min);
  CHECK(last.sent.empty());
}

TEST_CASE("drains and other people's statements are no flaps, and damping can be switched off") {
  auto world = settled(one_rule());
  for (int i = 0; i < 10; ++i) {
    world.feed(drain(world, "anycast"));
    world.run_for(1s);
    world.feed(undrain(world, "anycast"));
    world.run_for(1s);
    world.networks().erase(p);
    world.run_for(11s);
  }
  CHECK(world.announced("192.0.2.0/24"));
  CHECK_FALSE(world.report().prefixes[0].damping);

  Settings settings = one_rule();
  settings.rules[0].damping.on = false;
  auto undamped = settled(settings);
  flap(undamped, 20);
  CHECK(undamped.announced("192.0.2.0/24"));
}

// --- min_announced

TEST_CASE("automatic withdrawals stop at the group's minimum, and a human is called") {
  auto world = settled(guarded(2));
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  world.dns[1] = SmallWorld::bad();
  world.run_for(5s);
  CHECK(world.sent.empty());
  CHECK(world.announced("198.51.100.0/24"));
  CHECK(world.count_told(Severity::critical,
                         "198.51.100.0/24 stays announced: min_announced = 2 of "
                         "group \"edge\" keeps it, though check \"b\" timed out") == 1);
  CHECK(count_notes(world, Note::Kind::held) == 1);
  CHECK(world.report().groups[0].held == 1);
  // Another one comes back: then it may go.
  world.dns[0] = SmallWorld::good();
  world.run_for(5s);
  CHECK(take(world) ==
        Statements{"network 192.0.2.0/24", "no network 198.51.100.0/24"});  // in this order
  CHECK(count_notes(world, Note::Kind::released) == 1);
  CHECK(world.report().groups[0].held == 0);
}

TEST_CASE("all at once: as many stay as must") {
  for (const std::size_t minimum : {0U, 1U, 2U, 3U}) {
    CAPTURE(minimum);
    auto world = settled(guarded(minimum));
    for (Outcome& outcome : world.dns) outcome = SmallWorld::bad();
    world.run_for(1min);
    CHECK(world.networks().size() == minimum);
    CHECK(world.stopped.empty());
  }
}

TEST_CASE("a later run keeps those that are there, and announces nothing sick") {
  auto before = settled(guarded(1));
  for (Outcome& outcome : before.dns) outcome = SmallWorld::bad();
  before.run_for(10s);
  REQUIRE(before.networks().size() == 1);
  // Whichever is left: the order of the rules must not decide.
  for (const Prefix& left : {p, q, r}) {
    SmallWorld world(guarded(1), before.controller().memory());
    world.networks().emplace(left, NetworkOptions{});
    for (Outcome& outcome : world.dns) outcome = SmallWorld::bad();
    world.run_for(1min);
    CHECK(world.sent.empty());
    CHECK(world.networks().size() == 1);
  }
}

TEST_CASE("a drain by an operator is carried out whatever the minimum, also of one that is held") {
  auto world = settled(guarded(3));
  world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  CHECK(world.sent.empty());
  world.feed(drain(world, "one"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  world.feed(drain(world, "two"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"no network 198.51.100.0/24"});
  // What is drained does not count as announced.
  world.dns[2] = SmallWorld::bad();
  world.run_for(3s);
  CHECK(world.sent.empty());
  CHECK(world.announced("2001:db8:53::/48"));
}

TEST_CASE("what a minimum keeps is kept as its gentle drain asks, for as long as that lasts") {
  Settings settings = guarded(3);
  settings.rules[0].on_drain = vty_name("DRAIN");
  auto world = settled(settings, {.route_map = vty_name("TAG")});
  world.feed(drain(world, "one"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map DRAIN"});
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.sent.empty());
  CHECK(world.announced("192.0.2.0/24"));
  CHECK(count_notes(world, Note::Kind::held) == 1);
  CHECK(world.report().groups[0].held == 1);
  CHECK(world.report().prefixes[0].agrees);
  CHECK(world.report().prefixes[0].why.starts_with(
      "min_announced = 3 of group \"edge\" keeps it, though drained by alice (\"new kernel\") and "
      "check \"a\" timed out"));
  world.feed(undrain(world, "one"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map TAG"});
  // It may as well be sick first.
  world.feed(drain(world, "one"));
  world.run_for(1s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map DRAIN"});
  CHECK(count_notes(world, Note::Kind::released) == 0);
  world.dns[0] = SmallWorld::good();
  world.run_for(5s);
  CHECK(world.sent.empty());
  CHECK(count_notes(world, Note::Kind::released) == 1);
}

TEST_CASE("the minimum lets a damped prefix back before it keeps a sick one") {
  auto world = settled(guarded(2));
  flap(world, 7);
  REQUIRE_FALSE(world.announced("192.0.2.0/24"));
  take(world);
  world.dns[1] = SmallWorld::bad();
  world.run_for(3s);
  CHECK(world.announced("192.0.2.0/24"));
  CHECK_FALSE(world.announced("198.51.100.0/24"));
}

TEST_CASE("bgpd is not killed where that would break a minimum") {
  auto world = settled(guarded(1));
  world.manner = SmallWorld::Manner::refuses;
  world.dns[0] = SmallWorld::bad();
  world.run_for(1min);
  CHECK(world.stopped.empty());
  CHECK(world.count_told(Severity::critical,
                         "bgpd is not killed for it: min_announced of group "
                         "\"edge\"") == 1);
  CHECK(world.report().failing);
}

TEST_CASE("the minimum keeps another one when the one that it kept turns out to be gone") {
  Settings settings = guarded(1);
  settings.rules.pop_back();
  settings.rules[1].checks = {0};
  auto world = settled(settings);
  // Unseen: bgpd freezes at the same moment.
  world.networks().erase(p);
  world.manner = SmallWorld::Manner::silent;
  world.dns[0] = SmallWorld::bad();
  world.run_for(20s);
  world.manner = SmallWorld::Manner::obeys;
  world.run_for(10s);
  CHECK(world.announced("198.51.100.0/24"));
  CHECK(world.stopped.empty());
}

TEST_CASE("a path without a statement keeps no minimum: it may be on its way out") {
  Settings settings = guarded(1);
  settings.rules.pop_back();
  auto world = settled(settings);
  world.networks().erase(p);
  world.table[p] = true;
  world.dns[1] = SmallWorld::bad();
  world.lose_connection();
  world.run_until([&] { return !world.sent.empty(); });
  CHECK(take(world) == Statements{"network 192.0.2.0/24"});
  world.run_for(3s);
  CHECK(take(world) == Statements{"no network 198.51.100.0/24"});
}

TEST_CASE("a statement without a path keeps no minimum") {
  Settings settings = guarded(1);
  settings.rules.pop_back();
  settings.rules[1].checks = {0};
  settings.rules[0].on_drain = vty_name("DRAIN");
  auto world = settled(settings);
  world.table[p] = false;  // not in the RIB
  world.run_for(15s);
  SUBCASE("sick") {}
  SUBCASE("drained gently") {
    world.feed(drain(world, "one"));
  }
  world.dns[0] = SmallWorld::bad();
  world.run_for(5s);
  CHECK(world.announced("198.51.100.0/24"));
}

TEST_CASE("nothing is stated for a minimum's sake because bgpd does not say what it announces") {
  Settings settings = guarded(1);
  for (Rule& one : settings.rules) one.withdraw_at_start = true;
  SmallWorld world(settings);
  world.dns_latency = 3s;
  world.without_answer = {p, q, r};
  world.run_for(2s);
  CHECK(world.sent.empty());
}

TEST_CASE("bgpd is not killed for a sick prefix whose redistribution is all that a group has") {
  Settings settings = guarded(1);
  settings.rules.pop_back();
  settings.rules[1].checks = {0};
  auto world = settled(settings);
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  REQUIRE(take(world) == Statements{"no network 198.51.100.0/24"});
  world.table[q] = true;
  world.run_for(2s);
  world.networks().erase(p);
  world.run_for(20s);
  CHECK(world.stopped.empty());
}

TEST_CASE("what a group's prefix was before bgpd hung up makes its withdrawal a flap") {
  auto world = settled(guarded(1));
  world.manner = SmallWorld::Manner::unreachable;
  world.lose_connection();
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  world.manner = SmallWorld::Manner::obeys;
  world.run_for(2s);
  REQUIRE_FALSE(world.announced("192.0.2.0/24"));
  CHECK(world.report().prefixes[0].damping);
}

TEST_CASE("a human is called where bgpd does not say whether a minimum lets a sick prefix go") {
  auto world = settled(guarded(2));
  world.manner = SmallWorld::Manner::unreachable;
  world.lose_connection();
  world.dns[0] = SmallWorld::bad();
  world.run_for(20s);
  CHECK(world.stopped.empty());
  CHECK(world.report().failing);
}

TEST_CASE("what a drain has left sick, and bgpd not answering, is not killed for under a minimum") {
  Settings settings = guarded(1);
  settings.rules.resize(1);
  auto world = settled(settings);
  world.dns[0] = SmallWorld::bad();
  world.run_for(2s);
  world.manner = SmallWorld::Manner::unreachable;
  world.lose_connection();
  world.feed(drain(world, "one", 2s));
  world.run_for(30s);
  CHECK(world.stopped.empty());
}

TEST_CASE("a bgpd that may have been started again is not killed where a minimum may need it") {
  Settings settings = guarded(1);
  settings.rules.resize(1);
  auto world = settled(settings);
  world.networks().clear();
  world.manner = SmallWorld::Manner::refuses;
  world.run_for(15s);
  world.dns[0] = SmallWorld::bad();
  world.run_for(5s);
  world.manner = SmallWorld::Manner::unreachable;
  world.lose_connection();
  world.start_bgpd();
  world.run_for(30s);
  CHECK(world.stopped.empty());
}

TEST_CASE("degraded is announced, as far as a minimum is concerned") {
  Settings settings = guarded(3);
  settings.rules[0].on_down = vty_name("SICK");
  auto world = settled(settings);
  world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24 route-map SICK"});
  CHECK(count_notes(world, Note::Kind::held) == 0);
}

// --- at the start and at the end

TEST_CASE("at_start: a prefix of unknown health is left alone, or withdrawn") {
  Settings settings = one_rule();
  settings.checks[0].policy.rise = 3;
  settings.rules[0].withdraw_at_start = true;
  SmallWorld world(settings);
  world.networks().emplace(p, NetworkOptions{});
  world.run_for(300ms);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  world.run_for(3s);
  CHECK(take(world) == Statements{"network 192.0.2.0/24"});
  CHECK_FALSE(world.report().prefixes[0].damping);

  // A run that continues another one knows its health.
  SmallWorld later(settings, world.controller().memory());
  later.config = world.config;
  later.run_for(3s);
  CHECK(later.sent.empty());
}

TEST_CASE("on_exit: what is to go with the daemon goes, the rest stays") {
  Settings settings = guarded(0);
  settings.rules[0].withdraw_on_exit = true;
  auto world = settled(settings);
  world.feed(Retire{});
  world.run_for(1s);
  CHECK(take(world) == Statements{"no network 192.0.2.0/24"});
  CHECK(world.controller().at_rest());
}

TEST_CASE("\"now\" asks every check at once, and no faster afterwards") {
  auto world = settled(one_rule());
  world.run_for(100ms);
  const auto before = world.asked.size();
  world.feed(AskNow{});
  world.run_for(1ms);
  CHECK(world.asked.size() == before + 1);
  world.run_for(8s);
  CHECK(world.asked.size() <= before + 12);
}

// --- what is noted and reported

TEST_CASE("a change by somebody else is noted as that") {
  auto world = settled(one_rule());
  world.networks().erase(p);
  world.run_for(11s);
  REQUIRE(world.notes.size() == 2);
  CHECK(world.notes[0].was == "announced");
  CHECK(world.notes[0].is == "withdrawn");
  CHECK(world.notes[0].by == "not withdrawd");
  CHECK(world.notes[1].is == "announced");
  CHECK(world.notes[1].by == "withdrawd through socket");
  CHECK(world.notes[1].cause.find("check \"resolver\" ok") != std::string::npos);
}

TEST_CASE("since when a prefix is what it is, also over runs") {
  auto world = settled(one_rule());
  world.run_for(10min);
  CHECK(world.report().prefixes[0].desired_for.value() >= 10min);
  CHECK(world.report().checks[0].health_for.value() >= 10min);
  const Memory memory = world.controller().memory();
  SmallWorld later(one_rule(), memory);
  later.config = world.config;
  later.run_for(20min);  // both worlds' clocks begin at the same moment
  CHECK(later.report().prefixes[0].desired_for.value() >= 19min);
  CHECK(later.report().checks[0].health_for.value() >= 19min);
}

TEST_CASE(
    "an order names a rule, a prefix or everything; what is neither is an error with a list") {
  const Settings settings = guarded(0);
  CHECK(find_prefixes(settings, "two").value() == std::vector<PrefixKey>{{"two", q}});
  CHECK(find_prefixes(settings, "2001:db8:53::/48").value() ==
        std::vector<PrefixKey>{{"three", r}});
  CHECK(find_prefixes(settings, "").value().size() == 3);
  const auto unknown = find_prefixes(settings, "tow\n");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().text() ==
        "find \"tow\\x0a\": no rule has this name, and it is no prefix (the rules are \"one\", "
        "\"two\", \"three\"; `withdrawd status` lists their prefixes)");
  CHECK(find_prefixes(settings, "192.0.2.0/25").error().happened == "no rule has this prefix");
}
