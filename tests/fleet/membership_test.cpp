#include <doctest/doctest.h>

#include <deque>
#include <map>

#include "fleet/membership.hpp"
#include "small_store.hpp"

using namespace withdrawd;
using namespace withdrawd::fleet;
using core::LeaveAnswered;
using core::PlaceState;
using testing::SmallStore;
using Granting = core::LeaveAnswered::Answer;

namespace {

const Keys keys("edge");

core::SayPlace say(PlaceState state, std::size_t prefix = 0,
                   const std::string& name = "192.0.2.0/24") {
  return {prefix, name, {.state = state, .announced = state != PlaceState::left}};
}

/// One site, and how it talks to the store.
struct Site {
  SmallStore& store;
  Membership member;
  unsigned number = 0;
  std::vector<LeaveAnswered> answers;
  std::size_t trips = 0;

  Site(SmallStore& to, const std::string& name, core::FleetFloor floor = {2},
       const std::string& run = "1")
      : store(to), member(fleet_of(name, floor), name + "/" + run, [] { return 1000; }) {
    member.use_lease(static_cast<Lease>(std::hash<std::string>{}(name + run) >> 1));
  }
  static core::Fleet fleet_of(const std::string& name, core::FleetFloor floor) {
    return {.group = "edge", .site = name, .keep_announcing = floor};
  }
  void ask(core::FleetFloor floor = {2}, std::size_t prefix = 0,
           const std::string& name = "192.0.2.0/24") {
    member.ask({prefix, ++number, name, floor});
  }
  void take(std::vector<LeaveAnswered> more) {
    for (auto& one : more) answers.push_back(std::move(one));
  }
  void trip() {
    ++trips;
    take(member.on_result(store.apply(member.next_transaction())));
  }
  void settle() {
    for (int i = 0; member.has_work(); ++i) {
      REQUIRE(i < 200);
      trip();
    }
  }
  std::optional<Granting> answered() const {
    return answers.empty() ? std::nullopt : std::optional(answers.back().answer);
  }
  std::optional<PlaceState> state(const std::string& name = "192.0.2.0/24") const {
    const auto it = store.entries.find(keys.of_place(name, member_name()));
    if (it == store.entries.end()) return std::nullopt;
    return parse_place(it->second.value)->place.state;
  }
  std::string member_name() const { return name_; }
  std::string name_;
};

/// So many sites that announce one prefix, and are well.
struct FleetOf {
  SmallStore store;
  std::deque<Site> sites;
  explicit FleetOf(std::size_t count, core::FleetFloor floor = {2}) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "site" + std::to_string(1000 + i);
      Site& site = sites.emplace_back(store, name, floor);
      site.name_ = name;
      site.member.say(say(PlaceState::up));
      site.settle();
    }
    for (Site& site : sites) {
      site.member.look_around();
      site.settle();
    }
  }
  std::size_t up() const {
    std::size_t count = 0;
    for (const Site& site : sites) count += site.state() == PlaceState::up;
    return count;
  }
};

}  // namespace

TEST_CASE("what is said is in the store, bound to the lease") {
  FleetOf fleet(1);
  CHECK(fleet.sites[0].state() == PlaceState::up);
  CHECK(fleet.store.entries.begin()->second.lease == fleet.sites[0].member.lease());
  CHECK_FALSE(fleet.sites[0].member.has_work());
}

TEST_CASE("leave is given while enough others are up, in one round trip") {
  FleetOf fleet(4);
  Site& last = fleet.sites[3];
  const std::size_t before = last.trips;
  last.ask();
  last.trip();
  CHECK(last.answered() == Granting::granted);
  CHECK(last.trips == before + 1);
  CHECK(last.state() == PlaceState::left);
  last.settle();
}

TEST_CASE("leave is refused where too few are up, and says who is") {
  FleetOf fleet(2);
  fleet.sites[0].ask();
  fleet.sites[0].settle();
  REQUIRE(fleet.sites[0].answered() == Granting::refused);
  CHECK(fleet.sites[0].answers.back().detail ==
        "only 1 other site announces it healthy (site1001), and 2 must");
}

TEST_CASE("of all that fail in the same moment, so many stay") {
  for (const std::size_t count : {3U, 5U, 20U, 150U}) {
    FleetOf fleet(count);
    for (Site& site : fleet.sites) site.ask();
    // All of them have read the same before the first one writes.
    for (bool busy = true; busy;) {
      busy = false;
      std::vector<std::pair<Site*, Transaction>> sent;
      for (Site& site : fleet.sites) {
        if (site.member.has_work()) sent.emplace_back(&site, site.member.next_transaction());
      }
      for (auto& [site, transaction] : sent) {
        site->take(site->member.on_result(fleet.store.apply(transaction)));
        busy = true;
      }
    }
    CHECK(fleet.up() == 2);
    std::size_t granted = 0;
    for (const Site& site : fleet.sites) granted += site.answered() == Granting::granted;
    CHECK(granted == count - 2);
  }
}

TEST_CASE("two sites that lean on one another are not both allowed") {
  FleetOf fleet(3);
  Site& one = fleet.sites[0];
  Site& two = fleet.sites[1];
  one.ask();
  two.ask();
  const auto first = one.member.next_transaction();
  const auto second = two.member.next_transaction();
  one.take(one.member.on_result(fleet.store.apply(first)));
  two.take(two.member.on_result(fleet.store.apply(second)));
  CHECK(one.answered() == Granting::granted);
  two.settle();
  CHECK(two.answered() == Granting::refused);
}

TEST_CASE("a site whose lease is gone does not count") {
  FleetOf fleet(3);
  fleet.store.expire(fleet.sites[1].member.lease());
  fleet.sites[0].ask();
  fleet.sites[0].settle();
  CHECK(fleet.sites[0].answered() == Granting::refused);
}

TEST_CASE("a lease that ends between the reading and the writing allows nothing") {
  FleetOf fleet(3);
  Site& site = fleet.sites[0];
  site.ask();
  const auto transaction = site.member.next_transaction();
  fleet.store.expire(fleet.sites[2].member.lease());
  site.take(site.member.on_result(fleet.store.apply(transaction)));
  site.settle();
  CHECK(site.answered() == Granting::refused);
}

TEST_CASE("a sick site is announced, and nobody leans on it") {
  FleetOf fleet(3);
  fleet.sites[2].member.say(say(PlaceState::sick));
  fleet.sites[2].settle();
  fleet.sites[0].ask();
  fleet.sites[0].settle();
  CHECK(fleet.sites[0].answered() == Granting::refused);
}

TEST_CASE("a site gives its place back, and others may go") {
  FleetOf fleet(3);
  fleet.sites[0].ask();
  fleet.sites[0].settle();
  fleet.sites[1].ask();
  fleet.sites[1].settle();
  REQUIRE(fleet.sites[1].answered() == Granting::refused);
  fleet.sites[0].member.say(say(PlaceState::up));
  fleet.sites[0].settle();
  const auto& record = fleet.store.entries.at(keys.of_place("192.0.2.0/24", "site1000"));
  CHECK(fleet.sites[1].member.on_change({keys.of_place("192.0.2.0/24", "site1000"), record.value,
                                         record.changed}) == std::vector<std::size_t>{0});
  fleet.sites[1].ask();
  fleet.sites[1].settle();
  CHECK(fleet.sites[1].answered() == Granting::granted);
}

TEST_CASE("a write whose outcome nobody knows cannot come after a later one") {
  FleetOf fleet(4);
  Site& site = fleet.sites[0];
  site.ask();
  site.settle();
  REQUIRE(site.state() == PlaceState::left);
  site.member.say(say(PlaceState::up));
  const auto lost = site.member.next_transaction();
  site.member.on_unknown();
  // It does not arrive for a long time. Meanwhile the site needs leave again, and gets it.
  site.ask();
  site.settle();
  REQUIRE(site.answered() == Granting::granted);
  REQUIRE(site.answers.size() == 2);
  fleet.store.apply(lost);
  CHECK(site.state() == PlaceState::left);
}

TEST_CASE("leave whose answer was lost is asked for anew, and what was written is found") {
  FleetOf fleet(4);
  Site& site = fleet.sites[0];
  site.ask();
  fleet.store.apply(site.member.next_transaction());
  site.member.on_unknown();
  site.settle();
  CHECK(site.answered() == Granting::granted);
  CHECK(site.state() == PlaceState::left);
}

TEST_CASE("an asking that is taken back while it is under way is not answered") {
  FleetOf fleet(4);
  Site& site = fleet.sites[0];
  site.ask();
  const auto transaction = site.member.next_transaction();
  site.member.say(say(PlaceState::up));
  site.take(site.member.on_result(fleet.store.apply(transaction)));
  CHECK(site.answers.empty());
  site.settle();
  CHECK(site.state() == PlaceState::up);
  CHECK(site.answers.empty());
}

TEST_CASE("a new lease takes the places over") {
  FleetOf fleet(1);
  Site& site = fleet.sites[0];
  site.store.expire(site.member.lease());
  site.member.use_lease(4711);
  site.settle();
  CHECK(site.state() == PlaceState::up);
  CHECK(site.store.entries.begin()->second.lease == 4711);
}

TEST_CASE("where nobody is reached each asking is answered so, once") {
  FleetOf fleet(3);
  Site& site = fleet.sites[0];
  site.ask();
  site.take(site.member.give_up("connection refused"));
  CHECK(site.answered() == Granting::unreachable);
  CHECK(site.member.give_up("connection refused").empty());
}

TEST_CASE("a share of the live sites must stay") {
  FleetOf fleet(5, {50, true});
  for (Site& site : fleet.sites) {
    site.ask({50, true});
    site.settle();
  }
  CHECK(fleet.up() == 3);  // half of five, rounded up
}

TEST_CASE("who counts is found behind any number of sites that do not") {
  FleetOf fleet(200);
  for (std::size_t i = 0; i < 190; ++i) {
    fleet.sites[i].member.say(say(PlaceState::sick));
    fleet.sites[i].settle();
  }
  Site& site = fleet.sites[5];
  site.ask({9});
  site.settle();
  CHECK(site.answered() == Granting::granted);
}

TEST_CASE("what was seen before the others came up refuses nobody") {
  FleetOf fleet(5);
  for (Site& site : fleet.sites) {
    site.member.say(say(PlaceState::sick));
    site.settle();
  }
  Site last(fleet.store, "site1005");
  last.member.say(say(PlaceState::up));
  last.settle();  // it looks at the first four, of whom none is up
  for (Site& site : fleet.sites) {
    site.member.say(say(PlaceState::up));
    site.settle();
  }
  last.ask();
  last.settle();
  CHECK(last.answered() == Granting::granted);
}

TEST_CASE("a look that is under way when leave is asked for refuses nobody") {
  FleetOf fleet(3);
  Site& last = fleet.sites[2];
  fleet.sites[0].member.say(say(PlaceState::sick));
  fleet.sites[0].settle();
  last.member.use_lease(4711);
  last.settle();
  fleet.store.expire(fleet.sites[1].member.lease());
  last.ask();
  last.settle();
  REQUIRE(last.answered() == Granting::refused);
  last.member.say(say(PlaceState::up));
  last.settle();
  last.member.look_around();
  const auto looked = fleet.store.apply(last.member.next_transaction());
  fleet.sites[0].member.say(say(PlaceState::up));
  fleet.sites[1].member.use_lease(4712);
  for (Site& site : fleet.sites) {
    if (&site != &last) site.settle();
  }
  last.ask();
  last.take(last.member.on_result(looked));
  last.settle();
  CHECK(last.answered() == Granting::granted);
}

TEST_CASE("what was read for an earlier asking does not lower a share") {
  FleetOf fleet(4, {50, true});
  Site& site = fleet.sites[0];
  site.ask({50, true});
  const auto read = fleet.store.apply(site.member.next_transaction());
  for (const char* name : {"site2000", "site2001", "site2002", "site2003"}) {
    Site more(fleet.store, name);
    more.member.say(say(PlaceState::sick));
    more.settle();
  }
  site.ask({50, true});
  site.take(site.member.on_result(read));
  site.settle();
  CHECK(site.answered() == Granting::refused);  // 3 others are up, and half of 8 must
}

TEST_CASE("many prefixes are asked for in one transaction, within what etcd takes") {
  FleetOf fleet(3);
  for (Site& site : fleet.sites) {
    for (std::size_t i = 1; i < 300; ++i) {
      site.member.say(say(PlaceState::up, i, "10.0." + std::to_string(i) + ".0/24"));
    }
    site.settle();
  }
  Site& site = fleet.sites[0];
  site.member.look_around();
  site.settle();
  const std::size_t before = site.trips;
  for (std::size_t i = 1; i < 300; ++i) {
    site.ask({2}, i, "10.0." + std::to_string(i) + ".0/24");
  }
  const auto transaction = site.member.next_transaction();
  CHECK(transaction.steps.size() > 100);
  CHECK(transaction.steps.size() + 3 <= 128);
  site.take(site.member.on_result(fleet.store.apply(transaction)));
  site.settle();
  CHECK(site.answers.size() == 299);
  for (const auto& answer : site.answers) CHECK(answer.answer == Granting::granted);
  CHECK(site.trips - before <= 4);
}

TEST_CASE("two hosts with one name both notice, count once, and notice the end of it") {
  FleetOf fleet(2);
  Site& one = fleet.sites[0];
  Site two(fleet.store, "site1000", {2}, "2");
  const auto look = [](Site& site) {
    site.member.look_at_own();
    site.settle();
  };
  two.member.say(say(PlaceState::up));
  two.settle();
  CHECK(two.member.name_contested_by().empty());  // as if it had been started again
  look(one);
  CHECK(one.member.name_contested_by() == "site1000/2");
  look(two);
  CHECK(two.member.name_contested_by() == "site1000/1");
  CHECK(fleet.store.entries.size() == 2);

  // To a third they are one.
  Site third(fleet.store, "site1002");
  third.member.say(say(PlaceState::up));
  third.ask({3});
  third.settle();
  CHECK(third.answered() == Granting::refused);

  look(one);
  for (unsigned i = 0; i < Membership::quiet_looks; ++i) {
    CHECK_FALSE(one.member.name_contested_by().empty());
    look(one);
  }
  CHECK(one.member.name_contested_by().empty());
}

TEST_CASE("neither of two hosts with one name leans on the other") {
  FleetOf fleet(1, {1});
  Site two(fleet.store, "site1000", {1}, "2");
  two.member.say(say(PlaceState::up));
  two.settle();
  fleet.sites[0].ask({1});
  two.ask({1});
  fleet.sites[0].settle();
  two.settle();
  CHECK(fleet.sites[0].answered() == Granting::refused);
  CHECK(two.answered() == Granting::refused);
}

TEST_CASE("a run that finds the record of the one before it has no rival") {
  FleetOf fleet(2);
  Site& before = fleet.sites[0];
  before.ask();
  const auto late = before.member.next_transaction();
  Site after(fleet.store, "site1000", {2}, "2");
  after.member.say(say(PlaceState::up));
  after.settle();
  fleet.store.apply(late);  // what the earlier run had on its way has no effect any more
  for (int i = 0; i < 3; ++i) {
    after.member.look_at_own();
    after.settle();
  }
  CHECK(after.member.name_contested_by().empty());
  CHECK(before.state() == PlaceState::up);
}

TEST_CASE("an older program that writes under the same name is a rival without a name") {
  FleetOf fleet(1);
  Site& site = fleet.sites[0];
  fleet.store.put(keys.of_place("192.0.2.0/24", "site1000"), R"({"state":"left"})");
  site.member.look_at_own();
  site.settle();
  CHECK(site.member.name_contested_by() == "one that does not say its name");
  CHECK(site.state() == PlaceState::up);
}

TEST_CASE("each site leans on those behind it, so that not all lean on the same few") {
  FleetOf fleet(20);
  std::map<std::string, int> leaned_on;
  for (Site& site : fleet.sites) {
    site.ask();
    const auto transaction = site.member.next_transaction();
    for (const auto& key : transaction.steps.at(0).when) {
      if (key.key != keys.of_place("192.0.2.0/24", site.name_)) ++leaned_on[key.key];
    }
    site.member.on_unknown();
  }
  CHECK(leaned_on.size() >= 18);
  // But for the last ones, which have nobody behind them.
  int crowded = 0;
  for (const auto& [key, count] : leaned_on) crowded += count > 2;
  CHECK(crowded <= 2);
}

TEST_CASE("the last that are up are found in three readings, among however many that are not") {
  FleetOf fleet(400);
  for (std::size_t i = 0; i < 400; ++i) {
    if (i == 7 || i == 200 || i == 390) continue;
    fleet.sites[i].member.say(say(i % 2 == 0 ? PlaceState::left : PlaceState::sick));
    fleet.sites[i].settle();
  }
  Site& site = fleet.sites[200];
  const std::size_t before = site.trips;
  site.ask();
  site.settle();
  CHECK(site.answered() == Granting::granted);
  CHECK(site.trips - before <= 5);
  // And that there are too few is known as soon.
  Site& last = fleet.sites[7];
  const std::size_t then = last.trips;
  last.ask();
  last.settle();
  REQUIRE(last.answered() == Granting::refused);
  CHECK(
      last.answers.back().detail.starts_with("only 1 other site announces it healthy (site1390)"));
  CHECK(last.trips - then <= 5);
}

TEST_CASE("a busy store is asked for less at a time, and all is asked for nonetheless") {
  FleetOf fleet(3);
  Site& site = fleet.sites[0];
  for (std::size_t i = 1; i < 50; ++i) {
    site.member.say(say(PlaceState::up, i, "10.0." + std::to_string(i) + ".0/24"));
  }
  std::size_t written = 0;
  for (int trips = 0; site.member.has_work(); ++trips) {
    REQUIRE(trips < 100);
    const auto transaction = site.member.next_transaction(15);
    CHECK(transaction.steps.size() <= 15);
    for (const auto& step : transaction.steps) written += step.put.has_value();
    site.take(site.member.on_result(fleet.store.apply(transaction)));
  }
  CHECK(written == 49);
}
