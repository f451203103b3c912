#include "core/fallback.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace withdrawd::core {
namespace {

constexpr Duration stop_again_after = std::chrono::seconds(1);
constexpr Duration longest_restart_pause = std::chrono::seconds(60);

void sooner(std::optional<Time>& wake, Time candidate) {
  if (!wake || candidate < *wake) wake = candidate;
}

Duration doubled(Duration delay, unsigned times, Duration longest) {
  for (unsigned i = 0; i < times && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

}  // namespace

LastResort::LastResort(const Fallback& settings, const Memory& memory, Time now)
    : settings_(settings), memory_(memory), restart_at_(now) {
  // How long ago the kill was is not known; the delay begins anew.
  if (memory.killed && memory.kills > 1) restart_at_ = now + restart_delay();
  if (memory.kills > 0) last_kill_ = now;
}

bool LastResort::owes_restart(const SoftPath& soft) const {
  return memory_.killed && soft.any_wanted() && (soft.process_gone() || !process_known_);
}

Duration LastResort::restart_delay() const {
  return doubled(settings_.restart_delay, memory_.kills > 0 ? memory_.kills - 1 : 0,
                 settings_.restart_delay_max);
}

// Also after one that succeeded: it may have started nothing.
Duration LastResort::pause_after_restart() const {
  return std::max(restart_delay(),
                  doubled(stop_again_after, failed_restarts_, longest_restart_pause));
}

// `failure` is what tells two lines apart; the cause in front of it changes with every outcome.
void LastResort::tell(const std::string& cause, const std::string& failure, Time now,
                      Effects& effects) {
  if (const auto news = told_.news(failure, now)) {
    effects.push_back(Tell{Severity::critical, cause + *news});
  }
}

void LastResort::advance(const SoftPath& soft, Time now, Effects& effects) {
  if (busy()) return;
  if (soft.reachable()) bgpd_is_back(effects);

  const auto forbidden = soft.longest_exposed(false);
  const auto exposed = soft.longest_exposed(true);
  if (failing() && !forbidden && !exposed) {
    effects.push_back(Tell{Severity::warning, "no sick prefix is announced any longer"});
  }
  if (!exposed) {
    told_unkillable_ = false;
    vain_stops_ = 0;
  }
  if (!forbidden) {
    told_forbidden_ = false;
  } else if (!told_forbidden_ && now - forbidden->since >= settings_.after) {
    effects.push_back(
        Tell{Severity::critical,
             fmt::format("{}; bgpd is not killed for it: {}; it stays announced until "
                         "somebody acts",
                         forbidden->story, forbidden->forbids)});
    told_forbidden_ = true;
  }

  // A bgpd that does as it is told has a clean slate.
  if (soft.times_obeyed() != obeyed_) {
    obeyed_ = soft.times_obeyed();
    if (!memory_.killed) memory_.kills = 0;
  }
  if (exposed && now - exposed->since >= settings_.after && (!next_stop_ || now >= *next_stop_)) {
    cause_ = exposed->story;
    stopping_ = true;
    effects.push_back(StopBgpd{});
    return;
  }
  if (owes_restart(soft) && now >= restart_at_) {
    restarting_ = true;
    effects.push_back(RestartBgpd{});
  }
}

std::optional<Time> LastResort::next_wake(const SoftPath& soft) const {
  if (busy()) return std::nullopt;
  std::optional<Time> wake;
  if (const auto forbidden = soft.longest_exposed(false); forbidden && !told_forbidden_) {
    sooner(wake, forbidden->since + settings_.after);
  }
  if (const auto exposed = soft.longest_exposed(true)) {
    const Time due = exposed->since + settings_.after;
    sooner(wake, next_stop_ ? std::max(due, *next_stop_) : due);
  }
  if (owes_restart(soft)) sooner(wake, restart_at_);
  return wake;
}

void LastResort::on(const BgpdStopped& event, bool answers, Time now, Effects& effects) {
  stopping_ = false;
  next_stop_.reset();
  if (!event.pids) {
    next_stop_ = now + stop_again_after;
    told_unkillable_ = true;
    tell(cause_, "; and bgpd could not be killed: " + event.pids.error().text(), now, effects);
    return;
  }
  if (event.pids->empty()) {
    if (!answers) {
      effects.push_back(
          Tell{Severity::warning,
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
  if (last_kill_ && now - *last_kill_ > 2 * settings_.restart_delay_max) memory_.kills = 0;
  last_kill_ = now;
  memory_.killed = true;
  ++memory_.kills;
  restart_at_ = now + restart_delay();
  effects.push_back(Note{.kind = Note::Kind::killed, .cause = cause_, .by = "withdrawd"});
  effects.push_back(
      Tell{Severity::critical,
           fmt::format("bgpd (pid {}) killed, with all its prefixes: {}; it is started "
                       "again when a prefix is wanted, in {} at the soonest",
                       fmt::join(*event.pids, ", "), cause_, describe(restart_delay()))});
}

void LastResort::on(const BgpdRestarted& event, Time now, Effects& effects) {
  restarting_ = false;
  started_ = event.output.has_value();
  ++failed_restarts_;  // until it is seen running
  restart_at_ = now + pause_after_restart();
  if (!event.output) {
    tell("", "bgpd could not be restarted: " + event.output.error().text(), now, effects);
    return;
  }
  effects.push_back(
      Note{.kind = Note::Kind::restarted, .cause = "a prefix is wanted again", .by = "withdrawd"});
  effects.push_back(Tell{
      Severity::warning,
      fmt::format(
          "bgpd restarted after the fallback: a prefix is wanted again{}",
          event.output->empty() ? "" : fmt::format("; it said \"{}\"", printable(*event.output)))});
}

void LastResort::bgpd_is_back(Effects& effects) {
  if (!memory_.killed || busy()) return;
  memory_.killed = false;
  failed_restarts_ = 0;
  if (!started_) {
    effects.push_back(Tell{Severity::warning,
                           "bgpd, which the fallback had killed, was started by somebody else "
                           "(watchfrr, watchquagga or an operator); the soft path takes over"});
  }
  started_ = false;
}

}  // namespace withdrawd::core
