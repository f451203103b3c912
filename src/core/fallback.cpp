#include "core/fallback.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace withdrawd::core {
namespace {

constexpr Duration stop_again_after = std::chrono::seconds(1);
constexpr Duration longest_restart_pause = std::chrono::seconds(60);
/// So many kills for a prefix show that bgpd comes back with it.
constexpr unsigned kills_that_show = 2;
constexpr Duration longest_hold = std::chrono::hours(24);

void sooner(std::optional<Time>& wake, Time candidate) {
  if (!wake || candidate < *wake) wake = candidate;
}

Duration doubled(Duration delay, unsigned times, Duration longest) {
  for (unsigned i = 0; i < times && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

}  // namespace

Fallback::Fallback(const FallbackSettings& settings, const Memory& memory,
                   std::optional<StaleRoutes> stale, Time now)
    : settings_(settings), memory_(memory), restart_at_(now), stale_(std::move(stale)) {
  // How long ago the kill was is not known; the delay begins anew.
  if (memory.killed && memory.kills > 1) restart_at_ = now + restart_delay();
  if (memory.kills > 0 && !memory.last_kill) memory_.last_kill = now;
}

bool Fallback::owes_restart(const SoftPath& soft) const {
  return memory_.killed && (soft.any_wanted() || memory_.restart_owed) &&
         (soft.process_gone() || !process_known_);
}

Duration Fallback::restart_delay() const {
  return doubled(settings_.restart_delay, memory_.kills > 0 ? memory_.kills - 1 : 0,
                 settings_.restart_delay_max);
}

// Also after one that succeeded: it may have started nothing.
Duration Fallback::pause_after_restart() const {
  return std::max(restart_delay(),
                  doubled(stop_again_after, failed_restarts_, longest_restart_pause));
}

/// None: a kill may help. The hold becomes longer with each kill after it: somebody may have acted
/// where withdrawd does not see it, and a host must not flap for that.
std::optional<Time> Fallback::held_until(const SoftPath::Exposed& exposed) const {
  if (exposed.kills < kills_that_show || !memory_.last_kill) return std::nullopt;
  return *memory_.last_kill +
         doubled(settings_.restart_delay_max, exposed.kills - kills_that_show, longest_hold);
}

Time Fallback::due(const SoftPath::Exposed& exposed) const {
  return std::max(exposed.since + settings_.after, next_stop_.value_or(Time{}));
}

void Fallback::hold(const SoftPath::Exposed& exposed, Time until, Time now, Effects& effects) {
  if (std::exchange(holding_, true)) return;
  effects.push_back(LogLine{
      Severity::critical,
      fmt::format("{}; bgpd was killed {} times for it and came back with it, so it is not "
                  "killed again for {}; it stays announced until somebody acts: take it out of "
                  "bgpd by hand, correct [bgpd] and reload withdrawd, or stop bgpd",
                  exposed.story, exposed.kills, describe(until - now))});
}

// `failure` is what tells two lines apart; the cause in front of it changes with every outcome.
void Fallback::tell(const std::string& cause, const std::string& failure, Time now,
                    Effects& effects) {
  if (const auto news = told_.news(failure, now)) {
    effects.push_back(LogLine{Severity::critical, cause + *news});
  }
}

void Fallback::advance(SoftPath& soft, Time now, Effects& effects) {
  if (busy()) return;
  if (soft.reachable()) bgpd_is_back(effects);

  const auto forbidden = soft.longest_forbidden();
  const auto exposed = soft.longest_exposed();
  if (failing() && !forbidden && exposed.empty()) {
    effects.push_back(LogLine{Severity::warning, "no sick prefix is announced any longer"});
  }
  if (exposed.empty()) {
    told_unkillable_ = false;
    holding_ = false;
    vain_stops_ = 0;
  }
  // What is well a moment after two kills may be sick again.
  const bool lasted = !memory_.last_kill || now - *memory_.last_kill >= settings_.restart_delay_max;
  soft.forget_kills_for_well(lasted ? std::numeric_limits<unsigned>::max() : kills_that_show);
  if (!forbidden) {
    told_forbidden_ = false;
  } else if (!told_forbidden_ && now - forbidden->since >= settings_.after) {
    effects.push_back(
        LogLine{Severity::critical,
                fmt::format("{}; bgpd is not killed for it: {}; it stays announced until "
                            "somebody acts",
                            forbidden->story, forbidden->forbids)});
    told_forbidden_ = true;
  }

  // A bgpd that does as it is told has a clean slate.
  if (soft.times_obeyed() != obeyed_) {
    obeyed_ = soft.times_obeyed();
    if (!memory_.killed) {
      memory_.kills = 0;
      soft.forget_kills_for_gone();
    }
  }
  for (const SoftPath::Exposed& longest : exposed) {
    if (now < due(longest)) continue;
    if (const auto until = held_until(longest); until && now < *until) {
      hold(longest, *until, now, effects);
      continue;
    }
    holding_ = false;
    cause_ = longest.story;
    killed_for_ = soft.exposure().since_before(now - settings_.after);
    stopping_ = true;
    effects.push_back(StopBgpd{});
    return;
  }
  if (owes_restart(soft) && now >= restart_at_) {
    restarting_ = true;
    effects.push_back(RestartBgpd{});
  }
}

std::string_view Fallback::failing_why() const {
  if (told_forbidden_) return "bgpd may not be killed for it";
  if (told_unkillable_) return "bgpd cannot be killed";
  return holding_ ? "bgpd was killed for it and came back with it" : "";
}

std::optional<Time> Fallback::next_wake(const SoftPath& soft) const {
  if (busy()) return std::nullopt;
  std::optional<Time> wake;
  if (const auto forbidden = soft.longest_forbidden(); forbidden && !told_forbidden_) {
    sooner(wake, forbidden->since + settings_.after);
  }
  for (const SoftPath::Exposed& longest : soft.longest_exposed()) {
    // Held, it is told when it is due.
    const auto until = held_until(longest);
    sooner(wake, until && holding_ ? std::max(due(longest), *until) : due(longest));
  }
  if (owes_restart(soft)) sooner(wake, restart_at_);
  return wake;
}

void Fallback::on(const BgpdStopped& event, SoftPath& soft, Time now, Effects& effects) {
  stopping_ = false;
  next_stop_.reset();
  if (!event.pids) {
    next_stop_ = now + stop_again_after;
    told_unkillable_ = true;
    tell(cause_, "; and bgpd could not be killed: " + event.pids.error().text(), now, effects);
    return;
  }
  if (event.pids->empty()) {
    if (!soft.reachable() && !soft.silent()) {
      effects.push_back(
          LogLine{Severity::warning,
                  fmt::format("bgpd is not running, so nothing is announced ({})", cause_)});
      return;
    }
    // Either it has died this very moment, which reading it again tells; or it runs under another
    // name or pid file than the configured one.
    next_stop_ = now + stop_again_after;
    if (++vain_stops_ < 2) return;
    told_unkillable_ = true;
    tell(cause_,
         "; and there is no bgpd process to be killed, although bgpd answers or accepts "
         "connections: correct the process name or pid file",
         now, effects);
    return;
  }
  vain_stops_ = 0;
  told_unkillable_ = false;
  failed_restarts_ = 0;
  started_ = false;
  if (memory_.last_kill && now - *memory_.last_kill > 2 * settings_.restart_delay_max) {
    memory_.kills = 0;
  }
  memory_.last_kill = now;
  memory_.killed = true;
  ++memory_.kills;
  soft.exposure().killed_for(killed_for_);
  stale_ = stale_routes(event.sessions, soft.graceful_restart(), now);
  // Peers keep what they have heard until they are told otherwise, by a bgpd that runs: it is
  // started at once, and what is sick withdrawn before its first session is up. Where that has
  // failed, it stays down instead, and what they keep runs out.
  memory_.restart_owed = stale_ && stale_->until && memory_.kills == 1;
  restart_at_ = memory_.restart_owed ? now : now + restart_delay();
  effects.push_back(Note{.kind = Note::Kind::killed, .cause = cause_, .by = "withdrawd"});
  effects.push_back(LogLine{
      Severity::critical,
      fmt::format("bgpd (pid {}) killed, with all its prefixes{}: {}; {}",
                  fmt::join(*event.pids, ", "), tell_sessions(event.sessions, stale_, now), cause_,
                  memory_.restart_owed
                      ? std::string("it is started again at once, to tell them otherwise")
                      : fmt::format("it is started again when a prefix is wanted, in {} at "
                                    "the soonest",
                                    describe(restart_delay())))});
}

void Fallback::on(const BgpdRestarted& event, Time now, Effects& effects) {
  restarting_ = false;
  started_ = event.output.has_value();
  ++failed_restarts_;  // until it is seen running
  restart_at_ = now + pause_after_restart();
  if (!event.output) {
    tell("", "bgpd could not be restarted: " + event.output.error().text(), now, effects);
    return;
  }
  const std::string cause =
      memory_.restart_owed ? "peers keep what it had announced" : "a prefix is wanted again";
  effects.push_back(Note{.kind = Note::Kind::restarted, .cause = cause, .by = "withdrawd"});
  effects.push_back(LogLine{
      Severity::warning,
      fmt::format(
          "bgpd restarted after the fallback: {}{}", cause,
          event.output->empty() ? "" : fmt::format("; it said \"{}\"", printable(*event.output)))});
}

void Fallback::bgpd_is_back(Effects& effects) {
  if (!memory_.killed || busy()) return;
  memory_.killed = false;
  memory_.restart_owed = false;
  if (stale_ && !stale_->until) stale_.reset();
  failed_restarts_ = 0;
  if (!started_) {
    effects.push_back(LogLine{Severity::warning,
                              "bgpd, which the fallback had killed, was started by somebody else "
                              "(watchfrr, watchquagga or an operator); the soft path takes over"});
  }
  started_ = false;
}

}  // namespace withdrawd::core
