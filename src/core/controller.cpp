#include "core/controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace withdrawd::core {
namespace {

/// Whoever wanted to be woken and is so much late was not merely busy.
constexpr Duration standstill = std::chrono::seconds(1);

}  // namespace

Controller::Controller(Settings settings, const Memory& memory, Time now)
    : settings_(std::make_unique<const Settings>(std::move(settings))),
      checks_(std::make_unique<CheckSchedule>(settings_->checks, settings_->first_outcome_decides,
                                              now)),
      soft_(std::make_unique<SoftPath>(*settings_, *checks_, memory.options, memory.stand_ins,
                                       memory.kills, memory.policy)),
      fallback_(
          std::make_unique<Fallback>(settings_->fallback, memory.fallback, memory.stale, now)),
      hard_(std::make_unique<HardPath>(*settings_, *checks_, memory.stale)),
      last_now_(now),
      restart_(memory.restart) {
  for (std::size_t i = 0; i < checks_->size(); ++i) {
    if (auto it = memory.checks.find(checks_->check(i).name); it != memory.checks.end()) {
      const auto since = memory.health_since.find(it->first);
      checks_->resume(
          i, it->second,
          since == memory.health_since.end() ? std::nullopt : std::optional(since->second));
    }
  }
}

Effects Controller::wake(Time now) {
  Effects effects;
  notice_standstill(now, effects);
  advance(now, effects);
  return effects;
}

Effects Controller::on(Event event, Time now) {
  Effects effects;
  notice_standstill(now, effects);
  const bool hard = settings_->mode == Mode::hard;
  if (const auto* answer = std::get_if<CheckAnswered>(&event)) {
    if (!checks_->awaits(*answer)) return effects;
    const Health before = checks_->health(answer->check);
    const bool changed = checks_->answered(*answer, now);
    const Health health = checks_->health(answer->check);
    const bool left_out = checks_->passed_over(answer->check);
    if (left_out) {
      unable(*answer, now, effects);
    } else if (changed) {
      effects.push_back(LogLine{
          health == Health::down ? Severity::warning : Severity::info,
          fmt::format("{}: {}, was {}", checks_->story(answer->check), name(health), name(before)),
          {.check = checks_->check(answer->check).name, .topic = std::string(name(health))}});
    } else {
      effects.push_back(LogLine{Severity::debug,
                                checks_->story(answer->check),
                                {.check = checks_->check(answer->check).name}});
    }
    if (hard) {
      if (!left_out) hard_->answered(now, effects);
    } else {
      // Also without a change: a run that continues an earlier one starts with its verdicts.
      soft_->answered(answer->check, now, effects);
    }
  } else if (const auto* died = std::get_if<ProcessDied>(&event)) {
    checks_->process_died(died->check, now);
  } else if (auto* read = std::get_if<BgpdRead>(&event)) {
    soft_->on(std::move(*read), now, effects);
  } else if (auto* applied = std::get_if<PlanApplied>(&event)) {
    soft_->on(std::move(*applied), now, effects);
  } else if (std::holds_alternative<ConnectionLost>(event)) {
    soft_->connection_lost(now);
  } else if (const auto* found = std::get_if<BgpdFound>(&event)) {
    finding_ = false;
    restart_seen(found->restart);
    if (hard) {
      hard_->on(*found, now, effects);
    } else {
      process_found(*found, now, effects);
    }
  } else if (const auto* stopped = std::get_if<BgpdStopped>(&event)) {
    restart_seen(stopped->restart);
    if (hard) {
      hard_->on(*stopped, now, effects);
    } else {
      process_stopped(*stopped, now, effects);
    }
  } else if (const auto* restarted = std::get_if<BgpdRestarted>(&event)) {
    if (hard) {
      hard_->on(*restarted, now, effects);
    } else {
      fallback_->on(*restarted, now, effects);
      if (restarted->output) {
        find_is_void_ = finding_;
        soft_->bgpd_replaced(true, now);
      }
    }
  } else if (const auto* drain = std::get_if<DrainChanged>(&event)) {
    soft_->on(*drain, now, effects);
  } else if (const auto* leave = std::get_if<LeaveAnswered>(&event)) {
    soft_->on(*leave, now, effects);
  } else if (const auto* reached = std::get_if<FleetReached>(&event)) {
    soft_->on(*reached, now, effects);
  } else if (const auto* others = std::get_if<FleetChanged>(&event)) {
    soft_->on(*others, now, effects);
  } else if (const auto* contested = std::get_if<FleetNameContested>(&event)) {
    soft_->on(*contested, effects);
  } else if (std::holds_alternative<AskNow>(event)) {
    checks_->ask_now(now);
  } else if (std::holds_alternative<Retire>(event)) {
    soft_->retire(now, effects);
  }
  advance(now, effects);
  return effects;
}

// A suspended host, a frozen container, a stopped process: in that time nothing could have been
// withdrawn, so it is no proof that bgpd cannot be controlled, and worth no kill.
void Controller::notice_standstill(Time now, Effects& effects) {
  const auto due = next_wake();
  const Time before = std::exchange(last_now_, now);
  if (!due) return;
  const Duration late = now - std::max(*due, before);
  if (late < standstill) return;
  soft_->stood_still(late);
  effects.push_back(
      LogLine{Severity::warning,
              fmt::format("withdrawd, or this host, stood still for {}; it goes on from there",
                          describe(late))});
}

void Controller::unable(const CheckAnswered& answer, Time now, Effects& effects) {
  const std::string text = fmt::format(
      "check \"{}\" ({}) {}: it stays {} for {}, then this counts as a failure",
      checks_->check(answer.check).name, checks_->check(answer.check).text(), answer.outcome.detail,
      name(checks_->health(answer.check)), describe(CheckSchedule::unable_for));
  if (auto news = told_.news(text, now)) {
    effects.push_back(LogLine{Severity::error,
                              *std::move(news),
                              {.check = checks_->check(answer.check).name, .topic = "unable"}});
  }
}

void Controller::restart_seen(const std::optional<RestartCommand>& restart) {
  if (!restart || restart == restart_) return;
  restart_ = restart;
  ++restarts_seen_;
}

void Controller::process_found(const BgpdFound& found, Time now, Effects& effects) {
  if (std::exchange(find_is_void_, false)) return;
  // A connection that is accepted and not answered is a living bgpd, whatever a pid file says.
  const bool known = found.pids && !(found.pids->empty() && soft_->silent());
  // Who cannot know must assume that it runs: even one that was killed, for somebody else may have
  // started it.
  const bool runs = !known || !found.pids->empty();
  fallback_->process_known(known);
  soft_->process_found(runs, now);
  if (known && runs) fallback_->bgpd_is_back(effects);
  if (found.pids) return;
  const std::string text = found.pids.error().text();
  if (auto news = told_.news(text, now))
    effects.push_back(LogLine{Severity::error, *std::move(news)});
}

void Controller::process_stopped(const BgpdStopped& stopped, Time now, Effects& effects) {
  const bool answers = soft_->reachable() || soft_->silent();
  fallback_->on(stopped, *soft_, now, effects);
  if (!stopped.pids) return;
  if (stopped.pids->empty() && answers) {
    // Whom to believe, reading it again tells.
    soft_->connection_lost(now);
  } else {
    find_is_void_ = finding_;
    soft_->bgpd_replaced(false, now);
  }
}

void Controller::advance(Time now, Effects& effects) {
  if (settings_->mode == Mode::hard) {
    if (!hard_->busy()) checks_->ask_due(now, effects);
    return;
  }
  checks_->ask_due(now, effects);
  // Bgpd is not killed for what was desired until this very moment.
  soft_->decide_by_time(now, effects);
  fallback_->advance(*soft_, now, effects);
  if (!finding_ && soft_->wants_process(now)) {
    finding_ = true;
    effects.push_back(FindBgpd{});
  }
  soft_->advance(now, effects);
}

std::optional<Time> Controller::next_wake() const {
  std::optional<Time> wake;
  const auto sooner = [&wake](std::optional<Time> candidate) {
    if (candidate && (!wake || *candidate < *wake)) wake = candidate;
  };
  if (settings_->mode == Mode::hard) {
    if (!hard_->busy()) sooner(checks_->next_due());
    return wake;
  }
  sooner(checks_->next_due());
  sooner(soft_->next_wake());
  if (settings_->fleet) sooner(checks_->next_near_down(last_now_));
  sooner(fallback_->next_wake(*soft_));
  return wake;
}

bool Controller::busy() const {
  return settings_->mode == Mode::hard ? hard_->busy()
                                       : soft_->busy() || fallback_->busy() || finding_;
}

bool Controller::at_rest() const {
  if (!checks_->all_answered() || busy()) return false;
  return settings_->mode == Mode::hard ? hard_->agrees() : soft_->agrees();
}

bool Controller::stuck() const {
  if (!checks_->all_answered() || busy()) return false;
  if (settings_->mode == Mode::hard) return hard_->failed();
  const bool exposed = !soft_->longest_exposed().empty() || soft_->longest_forbidden();
  if (exposed && !fallback_->failing()) return false;
  if (fallback_->memory().killed && !fallback_->cannot_restart()) return false;
  return soft_->obstructed();
}

Memory Controller::memory() const {
  Memory memory;
  for (std::size_t i = 0; i < checks_->size(); ++i) {
    memory.checks[checks_->check(i).name] = checks_->count(i);
    if (const auto since = checks_->health_since(i)) {
      memory.health_since[checks_->check(i).name] = *since;
    }
  }
  memory.options = soft_->options();
  memory.stand_ins = soft_->stand_ins();
  memory.kills = soft_->kills();
  memory.policy = soft_->policy().memory();
  memory.fallback = fallback_->memory();
  memory.restart = restart_;
  return memory;
}

Memory Controller::memory_for_reload() const {
  Memory handed = memory();
  handed.kills.clear();
  handed.stale = stale();
  return handed;
}

const std::optional<StaleRoutes>& Controller::stale() const {
  return settings_->mode == Mode::soft ? fallback_->stale() : hard_->stale();
}

Report Controller::report(Time now) const {
  Report report{
      .mode = settings_->mode,
      .checks = {},
      .prefixes = settings_->mode == Mode::soft ? soft_->report(now) : std::vector<PrefixReport>{},
      .bgpd_reachable = settings_->mode == Mode::soft ? soft_->reachable() : hard_->reachable(),
      .bgpd_gone = settings_->mode == Mode::soft ? soft_->process_gone() : hard_->process_gone(),
      .bgpd_killed = fallback_->memory().killed,
      .failing = fallback_->failing() || hard_->failing() || soft_->contested(),
      .failing_why = std::string(fallback_->failing_why()),
      .via = soft_->via(),
      .groups = soft_->policy().groups(),
      .fleet = {},
      .stale = core::report(stale(), now)};
  if (const auto& fleet = settings_->fleet) {
    const FleetGuard& guard = soft_->policy().guard();
    FleetReport& said =
        report.fleet.emplace(FleetReport{fleet->group, fleet->site, {}, "", {}, "", {}});
    said.name_contested_by = guard.name_contested_by();
    if (const auto& reached = guard.reached()) {
      said.reached = reached->reached;
      said.detail = reached->detail;
      if (const auto since = guard.reached_since()) said.reached_for = now - *since;
    }
  }
  for (std::size_t i = 0; i < checks_->size(); ++i) {
    report.checks.push_back({checks_->check(i).name, checks_->check(i).text(), checks_->health(i),
                             checks_->last(i), checks_->story(i), checks_->health_for(i, now)});
  }
  return report;
}

}  // namespace withdrawd::core
