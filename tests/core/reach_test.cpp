#include "core/reach.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Kind = Reach::Kind;
const Prefix p = prefix("192.0.2.0/24");

/// Of a prefix that has been withdrawn, unless a test says otherwise.
struct Case {
  RunningConfig config{.instances = {{asn, {}, {}}}, .route_maps = {}};
  bool in_table = false;
  std::optional<unsigned> peers{};
  std::optional<OtherPath> other{};
  std::vector<InstanceKey> looked_after{InstanceKey{}};

  Instance& ours() { return config.instances.front(); }
  std::vector<Reach> judge() const {
    return judge_reach({.config = config,
                        .instance = config.instances.front(),
                        .prefix = p,
                        .in_table = in_table,
                        .peers = peers,
                        .other = other ? &*other : nullptr,
                        .looked_after = looked_after});
  }
  std::vector<Kind> kinds() const {
    std::vector<Kind> kinds;
    for (const Reach& one : judge()) kinds.push_back(one.kind);
    return kinds;
  }
};

using Kinds = std::vector<Kind>;

Instance in_vrf(std::string_view name) {
  return {asn, {InstanceKey::Kind::vrf, vty_name(name)}, {{p, {}}}};
}

}  // namespace

TEST_CASE("what is withdrawn and nowhere else is not said to be") {
  CHECK(Case().kinds().empty());
}

TEST_CASE("another site's path is handed on to those only who can use it") {
  Case one;
  one.ours().neighbors = {{"10.0.0.2", 65002}, {"10.0.0.3", 65003}, {"10.0.0.4", 65003}};
  one.other = OtherPath{
      .from = "10.0.0.3", .as_path = {65003, 65009}, .imported_from = "", .told = {"10.0.0.3"}};
  CHECK(one.kinds().empty());  // bgpd names who told of it as well
  one.other->told = {"10.0.0.3", "10.0.0.4"};
  CHECK(one.kinds().empty());  // the same AS, which finds itself in the path
  one.other->told = {"10.0.0.2", "10.0.0.3"};
  REQUIRE(one.kinds() == Kinds{Kind::handed_on});
  CHECK(one.judge().front().text.find("handed on to 10.0.0.2 with") != std::string::npos);
  CHECK(one.judge().front().fault());
  one.other->told = {"10.0.0.9"};  // its AS is not known: `remote-as external`
  CHECK(one.kinds() == Kinds{Kind::handed_on});
}

TEST_CASE("an imported path, other tables, other instances and default routes are said") {
  Case one;
  one.other =
      OtherPath{.from = "0.0.0.0", .as_path = {}, .imported_from = "10.0.0.9:2", .told = {}};
  one.ours().other_tables[p] = {"ipv4 multicast", "ipv4 vpn"};
  one.config.instances.push_back(in_vrf("RED"));
  one.ours().default_originates[Family::ipv4] = {"10.0.0.2"};
  one.ours().default_originates[Family::ipv6] = {"fd53::2"};
  const auto found = one.judge();
  REQUIRE(one.kinds() ==
          Kinds{Kind::imported, Kind::other_table, Kind::other_instance, Kind::default_route});
  CHECK(found[0].text.find("10.0.0.9:2") != std::string::npos);
  CHECK(found[1].text.find("ipv4 multicast, ipv4 vpn") != std::string::npos);
  CHECK(found[2].text.find("vrf RED") != std::string::npos);
  CHECK(found[3].text.find("10.0.0.2") != std::string::npos);
  CHECK(found[3].text.find("fd53::2") == std::string::npos);
  CHECK(found[1].fault());
  // The same addresses in two VRFs are mostly meant to be so.
  CHECK_FALSE(found[2].fault());
  CHECK_FALSE(found[3].fault());
}

TEST_CASE("an instance that a rule of its own looks after is none of this one's business") {
  Case one;
  one.config.instances.push_back(in_vrf("RED"));
  one.looked_after.push_back(one.config.instances.back().key);
  CHECK(one.kinds().empty());
}

TEST_CASE("what is announced to nobody is a fault, and nothing else is said of it") {
  Case one;
  one.in_table = true;
  one.ours().networks[p] = {};
  one.ours().default_originates[Family::ipv4] = {"10.0.0.2"};
  CHECK(one.kinds().empty());  // not known
  one.peers = 1;
  CHECK(one.kinds().empty());
  one.peers = 0;
  REQUIRE(one.kinds() == Kinds{Kind::unheard});
  CHECK(one.judge().front().fault());
}

namespace {

SmallWorld world_with(bool sick) {
  SmallWorld world(one_rule());
  world.networks().emplace(p, NetworkOptions{});
  world.run_for(3s);
  if (sick) world.dns[0] = SmallWorld::bad();
  world.run_for(3s);
  world.told.clear();
  return world;
}

const PrefixReport& only(const Report& report) {
  return report.prefixes.front();
}

}  // namespace

TEST_CASE("a sick prefix that is handed on is told once, reported, and no reason to kill bgpd") {
  auto world = world_with(true);
  world.others[p] = {.from = "10.0.0.3", .as_path = {65003}, .imported_from = "", .told = {"x"}};
  world.run_for(1min);
  const auto report = world.controller().report(Time(world.now()));
  CHECK(only(report).agrees);
  CHECK_FALSE(only(report).fine());
  CHECK(only(report).reach.front().kind == Kind::handed_on);
  CHECK(world.count_told(Severity::error, "handed on to x") == 1);
  CHECK(world.stopped.empty());

  world.others.clear();
  world.run_for(1min);
  CHECK(only(world.controller().report(Time(world.now()))).fine());
}

TEST_CASE("a prefix that nobody hears is reported at once, and told when it stays so") {
  auto world = world_with(false);
  world.peers[p] = 0;
  world.run_for(11s);
  CHECK(only(world.controller().report(Time(world.now()))).reach.front().kind == Kind::unheard);
  CHECK(world.count_told(Severity::error) == 0);
  world.run_for(40s);
  CHECK(world.count_told(Severity::error, "advertised to no peer") == 1);
  // It is looked at more often than what is well.
  world.peers[p] = 1;
  world.run_for(1s);
  CHECK(only(world.controller().report(Time(world.now()))).fine());
}

TEST_CASE("who announces a sick prefix again and again is undone faster, and a human is told") {
  auto world = world_with(true);
  world.on_vty = {"vty[10] connected from 192.0.2.9"};
  Duration longest{};
  for (int i = 0; i < 20; ++i) {
    world.networks().emplace(p, NetworkOptions{});
    const auto typed = world.now();
    world.run_until([&] { return world.networks().empty(); });
    if (i > 0) longest = std::max(longest, world.now() - typed);
    world.run_for(900ms);
  }
  CHECK(longest < 150ms);
  CHECK(world.count_told(Severity::critical, "by somebody else 5 times in ") == 1);
  CHECK(world.count_told(Severity::critical, "vty[10] connected from 192.0.2.9") == 1);
  CHECK(world.count_told(Severity::critical, "") == 1);
  auto report = world.controller().report(Time(world.now()));
  CHECK(report.failing);
  CHECK_FALSE(only(report).fine());
  CHECK(only(report).reach.back().kind == Kind::contested);
  CHECK(only(report).reach.back().text.find("20 times") != std::string::npos);
  CHECK(world.stopped.empty());

  world.run_for(3min);
  report = world.controller().report(Time(world.now()));
  CHECK_FALSE(report.failing);
  CHECK(only(report).fine());
  CHECK(world.count_told(Severity::warning, "is left alone again") == 1);
}

TEST_CASE("who withdraws a healthy prefix again and again is told of as well") {
  auto world = world_with(false);
  for (int i = 0; i < 6; ++i) {
    world.networks().clear();
    world.run_until([&] { return !world.networks().empty(); });
    world.run_for(2s);
  }
  CHECK(world.count_told(Severity::critical, "withdrawn or changed by somebody else 5 times") == 1);
}

TEST_CASE("a hand that types now and then is no contest") {
  auto world = world_with(true);
  for (int i = 0; i < 10; ++i) {
    world.networks().emplace(p, NetworkOptions{});
    world.run_for(3min);
  }
  CHECK(world.count_told(Severity::critical, "") == 0);
  CHECK_FALSE(world.controller().report(Time(world.now())).failing);
}
