#include "daemon/change_feed.hpp"

#include <doctest/doctest.h>

#include "some_report.hpp"

using namespace withdrawd;
using daemon::fingerprint;
using daemon::testing::some_report;

TEST_CASE("what passes by itself is no change of a report") {
  auto report = some_report();
  const auto before = fingerprint(report);
  report.checks[0].health_for = std::chrono::hours(1);
  report.checks[0].last->latency = std::chrono::milliseconds(7);
  report.checks[0].story = "check \"resolver\" ok 4 of 3";
  report.prefixes[0].desired_for = std::chrono::hours(1);
  CHECK(fingerprint(report) == before);
}

TEST_CASE("everything else is") {
  const auto before = fingerprint(some_report());
  const auto changes = [before](auto change) {
    auto report = some_report();
    change(report);
    return fingerprint(report) != before;
  };
  CHECK(changes([](auto& r) { r.checks[0].health = core::Health::down; }));
  CHECK(changes([](auto& r) { r.checks[0].last->kind = core::OutcomeKind::timeout; }));
  CHECK(changes([](auto& r) { r.prefixes[1].desired = core::Desired::withdrawn; }));
  CHECK(changes([](auto& r) { r.prefixes[1].reason = core::DesiredState::Reason::drain; }));
  CHECK(changes([](auto& r) { r.prefixes[1].in_table = false; }));
  CHECK(changes([](auto& r) { r.prefixes[1].in_table.reset(); }));
  CHECK(changes([](auto& r) { r.prefixes[1].peers = 1; }));
  CHECK(changes([](auto& r) { r.prefixes[1].agrees = false; }));
  CHECK(changes([](auto& r) { r.prefixes[1].trouble = "no"; }));
  CHECK(changes([](auto& r) { std::swap(r.prefixes[0], r.prefixes[1]); }));
  CHECK(changes([](auto& r) { r.prefixes.pop_back(); }));
  CHECK(changes([](auto& r) { r.bgpd_reachable = false; }));
  CHECK(changes([](auto& r) { r.failing = true; }));
  CHECK(changes([](auto& r) { r.via = "vtysh"; }));
  const auto stands = [](core::PlaceState state) {
    return [state](auto& r) {
      core::FleetSites sites{.entries = {{"192.0.2.0/24", "ams1", {.state = state}, 0}},
                             .members = {"ams1"}};
      r.fleet = core::FleetReport{.group = "edge", .site = "fra1"};
      r.fleet->sites = std::make_shared<const core::FleetSites>(std::move(sites));
    };
  };
  CHECK(changes(stands(core::PlaceState::up)));
  auto one = some_report();
  auto other = some_report();
  stands(core::PlaceState::up)(one);
  stands(core::PlaceState::sick)(other);
  CHECK(fingerprint(one) != fingerprint(other));
}
