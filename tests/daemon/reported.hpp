#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/controller.hpp"
#include "some_report.hpp"

namespace withdrawd::daemon::testing {

inline core::Prefix prefix(const std::string& text) {
  return core::Prefix::parse(text).value();
}

/// A prefix that is announced, as it should be.
inline core::PrefixReport announced(const std::string& rule, const std::string& text) {
  core::PrefixReport report = some_prefix(text.c_str());
  report.rule = rule;
  report.desired_for = std::chrono::hours(1);
  return report;
}

/// One that is withdrawn for its health.
inline core::PrefixReport sick(const std::string& rule, const std::string& text) {
  core::PrefixReport report = announced(rule, text);
  report.health = core::Health::down;
  report.desired = core::Desired::withdrawn;
  report.desired_for = std::chrono::minutes(3);
  report.why = "check \"resolver\" timed out 1 of 1";
  report.configured = report.in_table = false;
  report.peers = 0;
  return report;
}

inline core::PrefixReport drained(const std::string& rule, const std::string& text) {
  core::PrefixReport report = sick(rule, text);
  report.health = core::Health::up;
  report.reason = core::DesiredState::Reason::drain;
  report.drain = core::DrainReport{
      "alice", "new disks", std::chrono::minutes(5), std::chrono::minutes(25), {}};
  return report;
}

inline core::CheckReport check(const std::string& name, core::Health health) {
  return {.name = name,
          .question = "127.0.0.1:53, A www.test.com",
          .health = health,
          .last = core::Outcome{core::OutcomeKind::ok, std::chrono::microseconds(480), "192.0.2.1"},
          .story = "",
          .health_for = std::chrono::minutes(3)};
}

/// Of a bgpd that answers.
inline core::Report report(std::vector<core::PrefixReport> prefixes,
                           std::vector<core::CheckReport> checks = {}) {
  return {.mode = core::Mode::soft,
          .checks = std::move(checks),
          .prefixes = std::move(prefixes),
          .bgpd_reachable = true,
          .bgpd_gone = false,
          .bgpd_killed = false,
          .failing = false,
          .via = "socket /run/frr/bgpd.vty",
          .groups = {}};
}

/// The settings that such a report may come from: rules with their prefixes, checks by name.
inline core::Settings settings(const core::Report& report) {
  core::Settings settings;
  for (const auto& one : report.prefixes) {
    if (settings.rules.empty() || settings.rules.back().name != one.rule) {
      settings.rules.push_back(
          {.name = one.rule, .prefixes = {}, .checks = {}, .instance = {}, .route_map = {}});
    }
    settings.rules.back().prefixes.push_back(one.prefix);
  }
  for (const auto& one : report.checks)
    settings.checks.push_back({one.name, core::FileCheck{}, {}});
  return settings;
}

}  // namespace withdrawd::daemon::testing
