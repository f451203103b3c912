#include "core/hard_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "core/four_cases.hpp"

namespace withdrawd::core {

// One check that is down is enough to know; else all must have spoken.
Health HardPath::health() const {
  Health all = Health::up;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    const Health one = checks_.verdict(i);
    if (one == Health::down) return Health::down;
    if (one == Health::unknown) all = Health::unknown;
  }
  return all;
}

std::string HardPath::story(Health health) const {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    if (checks_.verdict(i) == health) return checks_.story(i);
  }
  return "there are no checks";
}

void HardPath::answered(Time now, Effects& effects) {
  if (busy_) {
    again_ = true;
    return;
  }
  const Health all = health();
  if (all == Health::unknown || (settled_at_ && now < *settled_at_)) return;
  busy_ = true;
  round_healthy_ = all == Health::up;
  round_story_ = story(all);
  effects.push_back(FindBgpd{});
}

void HardPath::ended(bool agrees, Time now, Effects& effects) {
  busy_ = false;
  agrees_ = agrees;
  failed_ = !agrees;
  // Nothing new: the next answer begins the next round.
  if (!std::exchange(again_, false) || (health() == Health::up) == round_healthy_) return;
  agrees_ = false;
  failed_ = false;
  answered(now, effects);
}

void HardPath::on(const BgpdFound& event, Time now, Effects& effects) {
  known_ = event.pids.has_value();
  gone_ = event.pids && event.pids->empty();
  if (event.pids && !gone_) stale_.reset();
  // Of what was heard since the look began, the latest counts. (Once known, health stays known.)
  const Health all = health();
  round_healthy_ = all == Health::up;
  round_story_ = story(all);
  unstopped_ = !event.pids && !round_healthy_;
  if (!event.pids) {
    effects.push_back(
        round_healthy_
            ? LogLine{Severity::error, event.pids.error().text()}
            : LogLine{Severity::critical, fmt::format("DNS failing, and bgpd not stopped: {}: {}",
                                                      event.pids.error().text(), round_story_)});
    ended(false, now, effects);
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
  const std::string process =
      event.pids->empty() ? "bgpd not running"
                          : fmt::format("bgpd running (pid {})", fmt::join(*event.pids, ", "));
  effects.push_back(LogLine{round_healthy_ ? Severity::info : Severity::warning,
                            fmt::format("{}, {}: nothing to do: {}", dns, process, round_story_)});
  ended(true, now, effects);
}

void HardPath::on(const BgpdStopped& event, Time now, Effects& effects) {
  gone_ = gone_ || event.pids.has_value();
  unstopped_ = !event.pids;
  if (!event.pids) {
    effects.push_back(LogLine{Severity::critical,
                              fmt::format("DNS failing, bgpd running, and not stopped: {}: {}",
                                          event.pids.error().text(), round_story_)});
  } else if (event.pids->empty()) {
    effects.push_back(
        LogLine{Severity::warning,
                fmt::format("DNS failing, bgpd running: it had gone before it was killed: {}",
                            round_story_)});
  } else {
    // bgpd's configuration is not read in hard mode, so nobody knows whether a peer keeps it.
    stale_ = stale_routes(event.sessions, std::nullopt, now);
    effects.push_back(LogLine{
        Severity::warning, fmt::format("DNS failing, bgpd running: bgpd (pid {}) killed{}: {}",
                                       fmt::join(*event.pids, ", "),
                                       tell_sessions(event.sessions, stale_, now), round_story_)});
    effects.push_back(Note{.kind = Note::Kind::killed, .cause = round_story_, .by = "withdrawd"});
  }
  ended(event.pids.has_value(), now, effects);
}

void HardPath::on(const BgpdRestarted& event, Time now, Effects& effects) {
  settled_at_ = now + settings_.settle;
  checks_.hold(*settled_at_);
  if (event.output) gone_ = false;
  if (!event.output) {
    effects.push_back(LogLine{Severity::critical,
                              fmt::format("DNS ok, bgpd not running, and not restarted: {}: {}",
                                          event.output.error().text(), round_story_)});
  } else {
    effects.push_back(
        LogLine{Severity::warning,
                fmt::format("DNS ok, bgpd not running: bgpd restarted: {}{}", round_story_,
                            event.output->empty()
                                ? ""
                                : fmt::format("; it said \"{}\"", printable(*event.output)))});
    effects.push_back(
        Note{.kind = Note::Kind::restarted, .cause = round_story_, .by = "withdrawd"});
  }
  ended(event.output.has_value(), now, effects);
}

}  // namespace withdrawd::core
