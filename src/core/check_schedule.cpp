#include "core/check_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::core {

CheckSchedule::CheckSchedule(const std::vector<Check>& checks, bool first_outcome_decides, Time now)
    : first_outcome_decides_(first_outcome_decides) {
  entries_.reserve(checks.size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const Duration phase = checks[i].policy.fast_interval * static_cast<std::int64_t>(i) /
                           static_cast<std::int64_t>(checks.size());
    entries_.push_back({&checks[i], HealthTracker(checks[i].policy), now + phase});
  }
}

void CheckSchedule::resume(std::size_t index, HealthCount count, std::optional<Time> since) {
  entries_[index].tracker = HealthTracker(entries_[index].check->policy, count);
  entries_[index].since = since;
}

Time CheckSchedule::when_due(const Entry& entry) const {
  return held_until_ ? std::max(entry.due, *held_until_) : entry.due;
}

void CheckSchedule::ask_due(Time now, Effects& effects) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.asking || when_due(entry) > now) continue;
    entry.asking = true;
    // Whoever missed whole intervals (held, busy, asleep) does not ask twice to catch up.
    if (now - entry.due >= entry.tracker.pause()) entry.due = now;
    effects.push_back(AskCheck{i});
  }
}

void CheckSchedule::ask_now(Time now) {
  for (Entry& entry : entries_) {
    if (!entry.asking) entry.due = std::min(entry.due, now);
  }
}

void CheckSchedule::hold(Time until) {
  if (!held_until_ || *held_until_ < until) held_until_ = until;
}

bool CheckSchedule::is_passed_over(Entry& entry, Time now) {
  if (entry.last->kind != OutcomeKind::unable) {
    entry.unable_since.reset();
    return false;
  }
  if (!entry.unable_since) entry.unable_since = now;
  return now - *entry.unable_since < unable_for;
}

bool CheckSchedule::answered(const CheckAnswered& answer, Time now) {
  Entry& entry = entries_[answer.check];
  entry.asking = false;
  entry.last = answer.outcome;
  entry.passed_over = is_passed_over(entry, now);
  if (entry.passed_over) {
    const HealthPolicy& policy = entry.check->policy;
    entry.due = std::max(entry.due + std::min(policy.interval, policy.fast_interval), now);
    return false;
  }
  entry.counted = true;
  const bool good = answer.outcome.healthy();
  const HealthCount before = entry.tracker.count();
  bool changed = entry.tracker.record(good);
  if (first_outcome_decides_ && entry.tracker.health() == Health::unknown) {
    entry.tracker = HealthTracker(
        entry.check->policy, {good ? Health::up : Health::down, entry.tracker.count().run, good});
    changed = true;
  }
  if (changed) entry.since = now;
  // A run that only goes on is nothing new.
  const unsigned enough = std::max(entry.check->policy.rise, entry.check->policy.fall);
  const HealthCount& after = entry.tracker.count();
  if (after.health != before.health || after.good != before.good || before.run < enough) {
    ++revision_;
  }
  // From asking to asking, so that a slow answer does not stretch the interval; an answer that took
  // longer than the interval is followed by the next question at once.
  entry.due = std::max(entry.due + entry.tracker.pause(), now);
  return changed;
}

std::optional<Duration> CheckSchedule::health_for(std::size_t index, Time now) const {
  const Entry& entry = entries_[index];
  if (!entry.since || entry.tracker.health() == Health::unknown) return std::nullopt;
  return now - *entry.since;
}

bool CheckSchedule::all_answered() const {
  return std::ranges::all_of(entries_, [](const Entry& entry) { return entry.last.has_value(); });
}

std::string CheckSchedule::story(std::size_t index) const {
  const Entry& entry = entries_[index];
  if (!entry.last) return fmt::format("check \"{}\" has not been answered yet", entry.check->name);
  const Outcome& last = *entry.last;
  const HealthTracker& tracker = entry.tracker;
  if (entry.passed_over) {
    return fmt::format("check \"{}\" {}, which does not count yet ({})", entry.check->name,
                       last.detail, entry.check->text());
  }
  const std::string count =
      fmt::format("{} of {}", std::min(tracker.count().run, tracker.needed()), tracker.needed());
  std::string what;
  std::string more;
  switch (last.kind) {
    case OutcomeKind::ok:
      what = "ok";
      more = last.detail.empty() ? "" : ", " + last.detail;
      break;
    case OutcomeKind::nxdomain:
      what = "NXDOMAIN";
      break;
    case OutcomeKind::timeout:
      what = "timed out";
      break;
    case OutcomeKind::error:
    case OutcomeKind::unable:
      what = last.detail.empty() ? "error" : last.detail;
      break;
  }
  return fmt::format("check \"{}\" {} {} ({}{}, {})", entry.check->name, what, count,
                     entry.check->text(), more, describe(last.latency));
}

std::optional<Time> CheckSchedule::next_due() const {
  std::optional<Time> next;
  for (const Entry& entry : entries_) {
    if (!entry.asking && (!next || when_due(entry) < *next)) next = when_due(entry);
  }
  return next;
}

}  // namespace withdrawd::core
