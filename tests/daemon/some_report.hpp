#pragma once

#include "core/controller.hpp"

namespace withdrawd::daemon::testing {

inline core::PrefixReport some_prefix(const char* text) {
  return {.rule = "anycast",
          .prefix = core::Prefix::parse(text).value(),
          .instance = "router bgp 65001",
          .health = core::Health::up,
          .desired = core::Desired::announced,
          .desired_for = std::chrono::seconds(10),
          .reason = core::DesiredState::Reason::health,
          .why = "",
          .configured = true,
          .options = {},
          .in_table = true,
          .peers = 2,
          .trouble = {},
          .agrees = true,
          .drain = {},
          .damping = {}};
}

/// One check that is up, and two prefixes that are as they should be.
inline core::Report some_report() {
  using std::chrono::milliseconds;
  return {.mode = core::Mode::soft,
          .checks = {{.name = "resolver",
                      .question = "127.0.0.1:53, A www.test.com",
                      .health = core::Health::up,
                      .last = core::Outcome{core::OutcomeKind::ok, milliseconds(2), "192.0.2.80"},
                      .story = "check \"resolver\" ok 3 of 3",
                      .health_for = std::chrono::seconds(10)}},
          .prefixes = {some_prefix("192.0.2.0/24"), some_prefix("2001:db8:53::/48")},
          .bgpd_reachable = true,
          .bgpd_gone = false,
          .bgpd_killed = false,
          .failing = false,
          .via = "socket /run/frr/bgpd.vty",
          .groups = {}};
}

}  // namespace withdrawd::daemon::testing
