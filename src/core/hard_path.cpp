#include "core/hard_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/four_cases.hpp"

namespace withdrawd::core {

bool HardPath::healthy() const {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    if (checks_.health(i) != Health::up) return false;
  }
  return true;
}

std::string HardPath::story() const {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    if (checks_.health(i) != Health::up) return checks_.story(i);
  }
  return checks_.story(0);
}

void HardPath::answered(Effects& effects) {
  if (busy_) return;
  bool unknown = false;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    if (checks_.health(i) == Health::unknown) unknown = true;
  }
  // One check that is down is enough to know; else all must have spoken.
  bool down = false;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    if (checks_.health(i) == Health::down) down = true;
  }
  if (unknown && !down) return;
  busy_ = true;
  round_healthy_ = healthy();
  round_story_ = story();
  effects.push_back(FindBgpd{});
}

void HardPath::on(const BgpdFound& event, Effects& effects) {
  known_ = event.pids.has_value();
  if (!event.pids) {
    busy_ = false;
    agrees_ = false;
    effects.push_back(Tell{Severity::error, event.pids.error().text()});
    return;
  }
  const std::string_view dns = round_healthy_ ? "DNS ok" : "DNS failing";
  switch (four_cases(round_healthy_, !event.pids->empty())) {
    case Action::take_down:
      effects.push_back(StopBgpd{});
      return;
    case Action::bring_up:
      effects.push_back(RestartBgpd{});
      return;
    case Action::nothing:
      break;
  }
  busy_ = false;
  agrees_ = true;
  const std::string process =
      event.pids->empty() ? "bgpd not running"
                          : fmt::format("bgpd running (pid {})", fmt::join(*event.pids, ", "));
  effects.push_back(Tell{round_healthy_ ? Severity::info : Severity::warning,
                         fmt::format("{}, {}: nothing to do: {}", dns, process, round_story_)});
}

void HardPath::on(const BgpdStopped& event, Time, Effects& effects) {
  busy_ = false;
  agrees_ = event.pids.has_value();
  if (!event.pids) {
    effects.push_back(
        Tell{Severity::critical, fmt::format("DNS failing, bgpd running, and not stopped: {}: {}",
                                             event.pids.error().text(), round_story_)});
    return;
  }
  effects.push_back(
      Tell{Severity::warning, fmt::format("DNS failing, bgpd running: bgpd (pid {}) killed: {}",
                                          fmt::join(*event.pids, ", "), round_story_)});
}

void HardPath::on(const BgpdRestarted& event, Time now, Effects& effects) {
  busy_ = false;
  agrees_ = event.output.has_value();
  checks_.hold(now + settings_.settle);
  if (!event.output) {
    effects.push_back(
        Tell{Severity::critical, fmt::format("DNS ok, bgpd not running, and not restarted: {}: {}",
                                             event.output.error().text(), round_story_)});
    return;
  }
  effects.push_back(Tell{
      Severity::warning,
      fmt::format(
          "DNS ok, bgpd not running: bgpd restarted: {}{}", round_story_,
          event.output->empty() ? "" : fmt::format("; it said \"{}\"", printable(*event.output)))});
}

}  // namespace withdrawd::core
