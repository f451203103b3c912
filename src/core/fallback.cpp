#include "core/fallback.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace withdrawd::core {
namespace {

constexpr Duration stop_again_after = std::chrono::seconds(1);

void sooner(std::optional<Time>& wake, Time candidate) {
  if (!wake || candidate < *wake) wake = candidate;
}

}  // namespace

LastResort::LastResort(const Fallback& settings, const Memory& memory, Time now)
    : settings_(settings), memory_(memory), restart_at_(now) {
  // How long ago the kill was is not known; the delay begins anew.
  if (memory.killed && memory.kills > 1) restart_at_ = now + restart_delay();
}

Duration LastResort::restart_delay() const {
  Duration delay = settings_.restart_delay;
  for (unsigned i = 1; i < memory_.kills && delay < settings_.restart_delay_max; ++i) delay *= 2;
  return std::min(delay, settings_.restart_delay_max);
}

void LastResort::advance(const SoftPath& soft, Time now, Effects& effects) {
  if (busy()) return;

  const auto forbidden = soft.longest_exposed(false);
  if (forbidden && now - forbidden->since >= settings_.after) {
    if (!told_forbidden_) {
      effects.push_back(Tell{Severity::critical,
                             fmt::format("{}; bgpd is not killed for it: fallback = \"never\"; it "
                                         "stays announced until somebody acts",
                                         forbidden->story)});
    }
    told_forbidden_ = true;
  } else if (told_forbidden_ && !forbidden) {
    effects.push_back(Tell{Severity::warning, "no sick prefix is announced any longer"});
    told_forbidden_ = false;
  }

  const auto exposed = soft.longest_exposed(true);
  if (exposed && now - exposed->since >= settings_.after && (!next_stop_ || now >= *next_stop_)) {
    cause_ = fmt::format("{} (for {})", exposed->story, describe(now - exposed->since));
    stopping_ = true;
    effects.push_back(StopBgpd{});
    return;
  }
  if (memory_.killed && soft.any_wanted() && now >= restart_at_) {
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
  if (memory_.killed && soft.any_wanted()) sooner(wake, restart_at_);
  return wake;
}

void LastResort::on(const BgpdStopped& event, Time now, Effects& effects) {
  stopping_ = false;
  next_stop_.reset();
  if (!event.pids) {
    next_stop_ = now + stop_again_after;
    effects.push_back(Tell{Severity::critical, fmt::format("{}; and bgpd could not be killed: {}",
                                                           cause_, event.pids.error().text())});
    return;
  }
  if (event.pids->empty()) {
    effects.push_back(
        Tell{Severity::warning,
             fmt::format("bgpd is not running, so nothing is announced ({})", cause_)});
    return;
  }
  if (last_kill_ && now - *last_kill_ > 2 * settings_.restart_delay_max) memory_.kills = 0;
  last_kill_ = now;
  memory_.killed = true;
  ++memory_.kills;
  restart_at_ = now + restart_delay();
  effects.push_back(
      Tell{Severity::critical,
           fmt::format("bgpd (pid {}) killed, with all its prefixes: {}; it is started "
                       "again when a prefix is wanted, in {} at the soonest",
                       fmt::join(*event.pids, ", "), cause_, describe(restart_delay()))});
}

void LastResort::on(const BgpdRestarted& event, Time now, Effects& effects) {
  restarting_ = false;
  if (!event.output) {
    restart_at_ = now + std::max<Duration>(restart_delay(), stop_again_after);
    effects.push_back(Tell{Severity::critical, fmt::format("bgpd could not be restarted: {}",
                                                           event.output.error().text())});
    return;
  }
  memory_.killed = false;
  effects.push_back(Tell{
      Severity::warning,
      fmt::format(
          "bgpd restarted after the fallback: a prefix is wanted again{}",
          event.output->empty() ? "" : fmt::format("; it said \"{}\"", printable(*event.output)))});
}

void LastResort::bgpd_is_back(Effects& effects) {
  if (!memory_.killed || busy()) return;
  memory_.killed = false;
  effects.push_back(Tell{Severity::warning,
                         "bgpd, which the fallback had killed, was started by somebody else "
                         "(watchfrr, watchquagga or an operator); the soft path takes over"});
}

}  // namespace withdrawd::core
