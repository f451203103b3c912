#include "core/health.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace withdrawd::core;
using namespace std::chrono_literals;

namespace {

const HealthPolicy policy{.rise = 3, .fall = 2, .interval = 800ms, .fast_interval = 200ms};

HealthTracker up() {
  return HealthTracker(policy, {Health::up, 3, true});
}
HealthTracker down() {
  return HealthTracker(policy, {Health::down, 2, false});
}

}  // namespace

TEST_CASE("health is unknown before the first outcome") {
  CHECK(HealthTracker(policy).health() == Health::unknown);
}

TEST_CASE("unknown becomes up after rise good outcomes in a row") {
  HealthTracker tracker(policy);
  CHECK_FALSE(tracker.record(true));
  CHECK_FALSE(tracker.record(true));
  CHECK(tracker.health() == Health::unknown);
  CHECK(tracker.record(true));
  CHECK(tracker.health() == Health::up);
}

TEST_CASE("unknown becomes down after fall bad outcomes in a row") {
  HealthTracker tracker(policy);
  CHECK_FALSE(tracker.record(false));
  CHECK(tracker.record(false));
  CHECK(tracker.health() == Health::down);
}

TEST_CASE("a bad outcome between good ones starts the count anew") {
  auto tracker = down();
  tracker.record(true);
  tracker.record(true);
  tracker.record(false);
  tracker.record(true);
  tracker.record(true);
  CHECK(tracker.health() == Health::down);
  CHECK(tracker.record(true));
  CHECK(tracker.health() == Health::up);
}

TEST_CASE("a good outcome between bad ones starts the count anew") {
  auto tracker = up();
  CHECK_FALSE(tracker.record(false));
  tracker.record(true);
  CHECK_FALSE(tracker.record(false));
  CHECK(tracker.health() == Health::up);
  CHECK(tracker.record(false));
  CHECK(tracker.health() == Health::down);
}

TEST_CASE("an outcome that confirms health changes nothing") {
  auto tracker = up();
  CHECK_FALSE(tracker.record(true));
  CHECK(tracker.health() == Health::up);
}

TEST_CASE("with fall 1 one bad outcome is enough") {
  HealthTracker tracker({.rise = 3, .fall = 1}, {Health::up, 3, true});
  CHECK(tracker.record(false));
  CHECK(tracker.health() == Health::down);
}

TEST_CASE("the interval is fast while health is unknown") {
  HealthTracker tracker(policy);
  CHECK(tracker.pause() == 200ms);
  tracker.record(true);
  CHECK(tracker.pause() == 200ms);
}

TEST_CASE("the interval is fast while a change of health is near") {
  auto tracker = up();
  CHECK(tracker.pause() == 800ms);
  tracker.record(false);
  CHECK(tracker.pause() == 200ms);
  tracker.record(true);
  CHECK(tracker.pause() == 800ms);
}

TEST_CASE("the interval is slow again as soon as health has changed") {
  auto tracker = up();
  tracker.record(false);
  tracker.record(false);
  CHECK(tracker.health() == Health::down);
  CHECK(tracker.pause() == 800ms);
}

TEST_CASE("a count continues where an earlier run left it") {
  HealthTracker earlier(policy, {Health::down, 2, false});
  earlier.record(true);
  earlier.record(true);
  HealthTracker later(policy, earlier.count());
  CHECK(later.health() == Health::down);
  CHECK(later.pause() == 200ms);
  CHECK(later.record(true));
  CHECK(later.health() == Health::up);
}

TEST_CASE("needed counts the kind of outcome that is under way") {
  auto tracker = up();
  tracker.record(false);
  CHECK(tracker.needed() == 2);
  tracker.record(true);
  CHECK(tracker.needed() == 3);
}

TEST_CASE("a run that has lasted forever does not start again from nothing") {
  HealthTracker tracker(policy, {Health::up, std::numeric_limits<unsigned>::max(), true});
  CHECK_FALSE(tracker.record(true));
  CHECK(tracker.health() == Health::up);
  CHECK(tracker.count().run == std::numeric_limits<unsigned>::max());
}

TEST_CASE("health has a name for people") {
  CHECK(name(Health::unknown) == "unknown");
  CHECK(name(Health::up) == "up");
  CHECK(name(Health::down) == "down");
}
