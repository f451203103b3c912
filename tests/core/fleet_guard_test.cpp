// What a site does that is one of a fleet: it asks before it withdraws, and says where it stands.
#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Answer = LeaveAnswered::Answer;

Settings in_a_fleet(unsigned fall = 1) {
  Settings settings = one_rule();
  settings.checks = {check("resolver", 1, fall)};
  settings.fleet = Fleet{.group = "edge", .site = "a", .keep_announcing = {2}};
  return settings;
}

/// The store, with which the fleet answers.
struct Store {
  SmallWorld& world;
  Answer answer = Answer::granted;
  std::optional<Duration> latency = 2ms;  ///< none: no answer at all
  explicit Store(SmallWorld& of) : world(of) {
    world.leave = [this](const AskLeave& ask) {
      if (latency) world.answer_later(*latency, {ask.prefix, ask.number, answer, "so it is"});
    };
  }
};

/// A site that announces its prefix, and is well.
struct Site {
  SmallWorld world;
  Store store;
  explicit Site(Settings settings = in_a_fleet()) : world(std::move(settings)), store(world) {
    world.networks()[prefix("192.0.2.0/24")] = {};
    world.run_for(3s);
  }
  bool announced() const { return world.announced("192.0.2.0/24"); }
  PlaceState state() const { return world.said.back().what.said.state; }
  void fall_sick() { world.dns[0] = SmallWorld::bad(); }
  void recover() { world.dns[0] = SmallWorld::good(); }
};

}  // namespace

TEST_CASE("a site that is well says so, and asks nothing") {
  Site site;
  REQUIRE(site.world.said.size() == 1);
  CHECK(site.state() == PlaceState::up);
  CHECK(site.world.said.back().what.place == "192.0.2.0/24");
  CHECK(site.world.leave_asked.empty());
}

TEST_CASE("a sick prefix is withdrawn when leave is given, and not before") {
  Site site;
  site.store.latency = 40ms;
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  const Duration asked = site.world.leave_asked.back().at;
  site.world.run_until([&] { return !site.announced(); });
  CHECK(site.world.now() - asked >= 40ms);
  CHECK(site.world.now() - asked < 60ms);
  CHECK(site.world.leave_asked.size() == 1);
  CHECK(site.state() == PlaceState::left);
}

TEST_CASE("a site that is refused stays announced, and says so at the highest level, once") {
  Site site;
  site.store.answer = Answer::refused;
  site.fall_sick();
  site.world.run_for(20s);
  CHECK(site.announced());
  CHECK(site.world.sent.empty());
  CHECK(site.world.count_told(Severity::critical, "stays announced: keep_announcing = 2") == 1);
  CHECK(site.world.count_told(Severity::critical) == 1);
  REQUIRE(!site.world.notes.empty());
  CHECK(site.world.notes.back().kind == Note::Kind::held);
  CHECK(site.state() == PlaceState::sick);
  CHECK(site.world.said.back().what.said.held);
  CHECK(site.world.report().prefixes.at(0).reason == DesiredState::Reason::fleet);
  CHECK(site.world.stopped.empty());
}

TEST_CASE("a site that was refused asks again when others count again, and now and then") {
  Site site;
  site.store.answer = Answer::refused;
  site.fall_sick();
  site.world.run_for(2s);
  const std::size_t before = site.world.leave_asked.size();
  site.world.run_for(6s);
  CHECK(site.world.leave_asked.size() == before + 1);
  site.store.answer = Answer::granted;
  site.world.feed(FleetChanged{{0}});
  CHECK(site.world.leave_asked.size() == before + 2);
  CHECK(site.world.run_until([&] { return !site.announced(); }) < 20ms);
  CHECK(site.world.count_told(Severity::warning, "no longer kept by the fleet") == 1);
}

TEST_CASE("a site that recovers while it is held counts again, without having gone") {
  Site site;
  site.store.answer = Answer::refused;
  site.fall_sick();
  site.world.run_for(2s);
  site.recover();
  site.world.run_for(2s);
  CHECK(site.state() == PlaceState::up);
  CHECK(site.announced());
  CHECK(site.world.sent.empty());
  CHECK(site.world.notes.back().kind == Note::Kind::released);
}

TEST_CASE("a store that does not answer delays a withdrawal by the timeout and no more") {
  Site site;
  site.store.latency.reset();
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  const Duration asked = site.world.now();
  site.world.run_until([&] { return !site.announced(); });
  CHECK(site.world.now() - asked >= 250ms);
  CHECK(site.world.now() - asked < 260ms);
  CHECK(site.world.count_told(Severity::critical, "without leave of the fleet") == 1);
  CHECK(site.state() == PlaceState::left);
}

TEST_CASE("a store that is known to be away delays nothing") {
  Site site;
  site.store.answer = Answer::unreachable;
  site.store.latency = 0ms;
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  const Duration asked = site.world.now();
  site.world.run_until([&] { return !site.announced(); });
  CHECK(site.world.now() - asked < 10ms);
}

TEST_CASE("where it is so configured, a site stays announced while the store is away") {
  auto settings = in_a_fleet();
  settings.fleet->hold_when_unreachable = true;
  Site site(settings);
  site.store.latency.reset();
  site.fall_sick();
  site.world.run_for(3s);
  CHECK(site.announced());
  CHECK(site.world.count_told(Severity::critical, "has not answered within 250 ms") == 1);
  site.store.latency = 1ms;
  site.world.run_until([&] { return !site.announced(); }, 2s);
}

TEST_CASE("a refusal stands when the store goes away afterwards") {
  Site site;
  site.store.answer = Answer::refused;
  site.fall_sick();
  site.world.run_for(2s);
  site.store.answer = Answer::unreachable;
  site.world.run_for(10s);
  site.store.latency.reset();
  site.world.run_for(10s);
  CHECK(site.world.leave_asked.size() > 2);
  CHECK(site.announced());
  site.store.latency = 2ms;
  site.store.answer = Answer::granted;
  site.world.run_until([&] { return !site.announced(); });
}

TEST_CASE("what has been withdrawn with leave is withdrawn again without asking") {
  Site site;
  site.fall_sick();
  site.world.run_until([&] { return !site.announced(); });
  const std::size_t asked = site.world.leave_asked.size();
  site.world.networks()[prefix("192.0.2.0/24")] = {};
  site.world.run_until([&] { return !site.announced(); });
  CHECK(site.world.leave_asked.size() == asked);
}

TEST_CASE(
    "what has been withdrawn without leave, and is put back, asks once there is somebody to ask") {
  Site site;
  site.world.feed(FleetReached{true, "https://192.0.2.11:2379"});
  site.store.latency.reset();
  site.fall_sick();
  site.world.run_until([&] { return !site.announced(); });
  site.world.run_for(1s);
  const std::size_t asked = site.world.leave_asked.size();
  const auto put_back = [&] {
    site.world.networks()[prefix("192.0.2.0/24")] = {};
    REQUIRE(site.announced());
    site.world.run_for(2s);
  };

  SUBCASE("it is the last, and stays") {
    site.store.latency = 2ms;
    site.store.answer = Answer::refused;
    put_back();
    CHECK(site.world.leave_asked.size() > asked);
    CHECK(site.announced());
    CHECK(site.state() == PlaceState::sick);
  }
  SUBCASE("there are others, and it goes") {
    site.store.latency = 2ms;
    put_back();
    CHECK(site.world.leave_asked.size() == asked + 1);
    CHECK_FALSE(site.announced());
    CHECK(site.state() == PlaceState::left);
  }
  SUBCASE("there is still nobody, and it goes at once") {
    site.world.feed(FleetReached{false, "connection refused"});
    put_back();
    CHECK(site.world.leave_asked.size() == asked);
    CHECK_FALSE(site.announced());
  }
}

TEST_CASE("what was taken out by force is no leave for what comes after it is back") {
  Site site;
  const PrefixKey all{"anycast", prefix("192.0.2.0/24")};
  Drain forced{"mia", "", Time{}, {}};
  forced.forced = true;
  site.world.feed(DrainChanged{{all}, forced, "mia"});
  site.world.run_until([&] { return !site.announced(); });
  site.world.run_for(1s);
  REQUIRE(site.world.leave_asked.empty());
  site.store.answer = Answer::refused;

  SUBCASE("it falls sick before anybody has heard that it is back") {
    // The question is on its last try already, when the drain ends: bad news may be near.
    site.world.dns_latency = 800ms;
    site.fall_sick();
    const std::size_t asked = site.world.asked.size();
    site.world.run_until([&] { return site.world.asked.size() > asked; });
    site.world.run_for(450ms);
    site.world.feed(DrainChanged{{all}, {}, "mia"});
    site.world.run_until([&] { return site.announced(); });
    site.world.run_for(2s);
  }
  SUBCASE("it is sick, and somebody puts it back") {
    site.fall_sick();
    site.world.run_for(2s);
    site.world.feed(DrainChanged{{all}, {}, "mia"});
    site.world.run_for(1s);
    REQUIRE_FALSE(site.announced());
    site.world.networks()[prefix("192.0.2.0/24")] = {};
    site.world.run_for(2s);
  }
  CHECK(site.announced());
  CHECK_FALSE(site.world.leave_asked.empty());
  CHECK(site.state() == PlaceState::sick);
}

TEST_CASE("a site gives its place back when bgpd announces the prefix again, not before") {
  Site site;
  site.fall_sick();
  site.world.run_until([&] { return !site.announced(); });
  site.world.table[prefix("192.0.2.0/24")] = false;
  site.recover();
  site.world.run_for(2s);
  CHECK(site.state() == PlaceState::left);
  site.world.table.clear();
  site.world.run_until([&] { return site.state() == PlaceState::up; });
  CHECK(site.announced());
}

TEST_CASE("with one bad outcome to go, leave is there when the verdict is") {
  Site site(in_a_fleet(3));
  site.store.latency = 60ms;
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  CHECK(site.world.report().checks.at(0).health == Health::up);
  site.world.run_until([&] { return site.world.report().checks.at(0).health == Health::down; });
  CHECK(site.state() == PlaceState::left);
  CHECK(site.world.run_until([&] { return !site.announced(); }) < 5ms);
  CHECK(site.world.leave_asked.size() == 1);
}

TEST_CASE("where the first bad outcome decides, leave is asked once the last try is out") {
  Site site;  // two tries within the timeout
  site.world.dns_latency = 800ms;
  site.fall_sick();
  const std::size_t asked = site.world.asked.size();
  site.world.run_until([&] { return site.world.asked.size() > asked; });
  const Duration began = site.world.now();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  CHECK(site.world.now() - began == 400ms);
  site.world.run_until([&] { return !site.announced(); });
  CHECK(site.world.now() - began < 810ms);
}

TEST_CASE("leave that is not used is given back") {
  Site site(in_a_fleet(2));
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  site.recover();
  site.world.run_for(1s);
  CHECK(site.state() == PlaceState::up);
  CHECK(site.announced());
  CHECK(site.world.count_told(Severity::warning) == 0);
  CHECK(site.world.count_told(Severity::critical) == 0);
}

TEST_CASE("an answer to an asking that has been taken back allows nothing") {
  Site site(in_a_fleet(2));
  site.store.latency = 500ms;
  site.fall_sick();
  site.world.run_until([&] { return !site.world.leave_asked.empty(); });
  site.recover();
  site.world.run_until(
      [&] { return site.state() == PlaceState::up && site.world.said.size() > 1; });
  site.store.latency.reset();
  site.world.run_for(1s);  // the answer comes
  CHECK(site.state() == PlaceState::up);
  site.fall_sick();
  site.world.run_until([&] { return site.world.leave_asked.size() == 2; });
}

TEST_CASE("a drain asks, and one by force does not") {
  Site site;
  site.store.answer = Answer::refused;
  const PrefixKey all{"anycast", prefix("192.0.2.0/24")};
  site.world.feed(DrainChanged{{all}, Drain{"mia", "", Time{}, {}}, "mia"});
  site.world.run_for(2s);
  CHECK(site.announced());
  CHECK(site.world.count_told(Severity::critical, "though drained by mia") == 1);
  Drain forced{"mia", "", Time{}, {}};
  forced.forced = true;
  site.world.feed(DrainChanged{{all}, forced, "mia"});
  CHECK(site.world.run_until([&] { return !site.announced(); }) < 10ms);
  CHECK(site.state() == PlaceState::left);
}

TEST_CASE("the fallback kills bgpd when there is leave for all that it announces") {
  auto settings = in_a_fleet();
  settings.checks.push_back(check("other"));
  settings.rules.push_back(rule("other", {prefix("198.51.100.0/24")}, {1}));
  Site site(settings);
  site.world.networks()[prefix("198.51.100.0/24")] = {};
  site.world.run_for(12s);
  REQUIRE(site.state() == PlaceState::up);
  site.world.leave = [&](const AskLeave& ask) {
    const Answer answer = ask.prefix == 1 ? site.store.answer : Answer::granted;
    site.world.answer_later(2ms, {ask.prefix, ask.number, answer, "so it is"});
  };
  site.store.answer = Answer::refused;
  site.world.manner = SmallWorld::Manner::refuses;
  site.fall_sick();
  site.world.run_for(12s);
  CHECK(site.world.stopped.empty());
  CHECK(site.world.count_told(Severity::critical,
                              "keep_announcing of the fleet: no leave for "
                              "198.51.100.0/24") == 1);
  site.store.answer = Answer::granted;
  site.world.feed(FleetChanged{{1}});
  site.world.run_until([&] { return !site.world.stopped.empty(); }, 2s);
}

TEST_CASE("a dead bgpd announces nothing, so nobody is to count on it") {
  Site site;
  site.world.running = false;
  site.world.lose_connection();
  site.world.run_until([&] { return site.state() == PlaceState::left; }, 5s);
  CHECK_FALSE(site.world.said.back().what.said.announced);
}

TEST_CASE("a rule may ask for more than the fleet, or for nothing") {
  auto settings = in_a_fleet();
  settings.rules[0].keep_announcing = FleetFloor{50, true};
  Site careful(settings);
  careful.fall_sick();
  careful.world.run_until([&] { return !careful.world.leave_asked.empty(); });
  CHECK(careful.world.leave_asked.back().what.floor == FleetFloor{50, true});

  settings.rules[0].keep_announcing = FleetFloor{0};
  Site careless(settings);
  careless.fall_sick();
  careless.world.run_until([&] { return !careless.announced(); });
  CHECK(careless.world.leave_asked.empty());
}

TEST_CASE("a share of the live sites is rounded up") {
  CHECK(FleetFloor{50, true}.needed(5) == 3);
  CHECK(FleetFloor{50, true}.needed(4) == 2);
  CHECK(FleetFloor{1, true}.needed(1000) == 10);
  CHECK(FleetFloor{2}.needed(1000) == 2);
}

TEST_CASE("a degraded prefix is still announced, so nobody is asked") {
  auto settings = in_a_fleet();
  settings.rules[0].on_down = VtyName::parse("LESS").value();
  Site site(settings);
  site.world.config.route_maps.insert("LESS");
  site.fall_sick();
  site.world.run_for(12s);
  CHECK(site.world.leave_asked.empty());
  CHECK(site.state() == PlaceState::sick);
}

TEST_CASE("what the fleet keeps is kept as a gentle drain asks, for as long as that lasts") {
  auto settings = in_a_fleet();
  settings.rules[0].on_drain = VtyName::parse("LESS").value();
  Site site(settings);
  site.world.config.route_maps.insert("LESS");
  site.store.answer = Answer::refused;
  site.fall_sick();
  site.world.run_for(2s);
  CHECK(site.world.sent.empty());
  const PrefixKey all{"anycast", prefix("192.0.2.0/24")};
  site.world.feed(DrainChanged{{all}, Drain{"mia", "", Time{}, {}}, "mia"});
  site.world.run_for(2s);
  CHECK(site.world.statements() == std::vector<std::string>{"network 192.0.2.0/24 route-map LESS"});
  site.world.feed(DrainChanged{{all}, {}, "mia"});
  site.world.run_for(2s);
  CHECK(site.world.statements().back() == "network 192.0.2.0/24");
}

TEST_CASE("a run that ends asks before it withdraws, and waits for the answer") {
  auto settings = in_a_fleet();
  settings.rules[0].withdraw_on_exit = true;
  Site site(settings);
  site.store.latency = 100ms;
  site.world.feed(Retire{});
  CHECK_FALSE(site.world.controller().at_rest());
  site.world.run_until([&] { return site.world.controller().at_rest(); });
  CHECK_FALSE(site.announced());
}

TEST_CASE("each reason for which the store is away is told once, until it answers") {
  Site site;
  const auto away = [&](const std::string& why) { site.world.feed(FleetReached{false, why}); };
  const auto told = [&] { return site.world.count_told(Severity::error, "cannot be reached"); };
  away("Connection refused");
  away("the certificate has expired");
  away("Connection refused");
  CHECK(told() == 2);
  CHECK(site.world.count_told(Severity::error, "(the certificate has expired)") == 1);
  for (int i = 0; i < 100; ++i) away("reason " + std::to_string(i));
  CHECK(told() == 10);  // whatever it says
  site.world.feed(FleetReached{true, "https://192.0.2.11:2379"});
  away("Connection refused");
  CHECK(told() == 11);
}

TEST_CASE("another host with this site's name is told at the highest level, once, and its end") {
  Site site;
  const auto contest = [&](const std::string& by) { site.world.feed(FleetNameContested{by}); };
  contest("ns1/1");
  contest("ns1/1");
  contest("ns1/2");
  CHECK(site.world.count_told(
            Severity::critical,
            "fleet \"edge\": another host (ns1/1) uses the site name \"a\", too") == 1);
  CHECK(site.world.count_told(Severity::critical) == 1);
  CHECK(site.world.report().fleet->name_contested_by == "ns1/2");
  // It decides as ever.
  site.fall_sick();
  site.world.run_until([&] { return !site.announced(); });
  contest("");
  CHECK(site.world.report().fleet->name_contested_by.empty());
  CHECK(site.world.count_told(Severity::info, "nobody else uses the site name") == 1);
}
