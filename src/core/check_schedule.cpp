#include "core/check_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace withdrawd::core {

namespace {

/// After so long an answer is not likely to come any more: the last try has been sent.
Duration late_after(const Probe& probe) {
  if (const auto* question = std::get_if<DnsQuestion>(&probe)) {
    const auto tries = static_cast<std::int64_t>(question->tries);
    return tries > 1 ? question->timeout * (tries - 1) / tries : question->timeout / 2;
  }
  if (const auto* command = std::get_if<ExecCheck>(&probe)) return command->timeout / 2;
  return std::chrono::milliseconds(100);
}

/// What happened, and what more is known of it, with ", " before.
std::pair<std::string, std::string> in_words(const Outcome& outcome) {
  std::string detail = outcome.detail.empty() ? "" : ", " + outcome.detail;
  switch (outcome.kind) {
    case OutcomeKind::ok:
      return {"ok", std::move(detail)};
    case OutcomeKind::nxdomain:
      return {outcome.detail.empty() ? "NXDOMAIN" : outcome.detail, ""};
    case OutcomeKind::timeout:
      return {"timed out", std::move(detail)};
    case OutcomeKind::error:
    case OutcomeKind::unable:
      break;
  }
  return {outcome.detail.empty() ? "error" : outcome.detail, ""};
}

}  // namespace

CheckSchedule::CheckSchedule(const std::vector<Check>& checks, bool first_outcome_decides, Time now)
    : origin_(now), first_outcome_decides_(first_outcome_decides) {
  const auto share = [&checks](Duration of, std::size_t index) {
    return of * static_cast<std::int64_t>(index) / static_cast<std::int64_t>(checks.size());
  };
  entries_.reserve(checks.size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const HealthPolicy& policy = checks[i].policy;
    entries_.push_back({&checks[i], HealthTracker(policy), share(policy.interval, i), Time::max()});
    set_due(i, now + share(policy.fast_interval, i));
  }
}

void CheckSchedule::resume(std::size_t index, HealthCount count, std::optional<Time> since) {
  entries_[index].tracker = HealthTracker(entries_[index].check->policy, count);
  entries_[index].since = since;
}

void CheckSchedule::set_due(std::size_t index, Time due) {
  entries_[index].due = due;
  if (entries_[index].asking) return;
  heap_.push_back({due, index});
  std::ranges::push_heap(heap_, std::greater<>());
}

void CheckSchedule::drop_void() {
  while (!heap_.empty()) {
    const Due& first = heap_.front();
    const Entry& entry = entries_[first.index];
    if (!entry.asking && entry.due == first.at) return;
    std::ranges::pop_heap(heap_, std::greater<>());
    heap_.pop_back();
  }
}

void CheckSchedule::ask_due(Time now, Effects& effects) {
  if (held_until_ && now < *held_until_) return;
  while (!heap_.empty() && heap_.front().at <= now) {
    const std::size_t index = heap_.front().index;
    Entry& entry = entries_[index];
    entry.asking = true;
    entry.asked_at = now;
    // Whoever missed whole intervals (held, busy, asleep) does not ask twice to catch up.
    if (now - entry.due >= entry.tracker.pause()) entry.due = now;
    if (!entry.again) entry.asking_since = now;
    entry.again = false;
    effects.push_back(AskCheck{index, entry.asked});
    drop_void();
  }
}

void CheckSchedule::ask_now(Time now) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].asking && entries_[i].due > now) set_due(i, now);
  }
  drop_void();
}

void CheckSchedule::process_died(std::size_t index, Time now) {
  Entry& entry = entries_[index];
  if (entry.asking) {
    entry.again = true;
    if (now - entry.asking_since >= overtaking) return;
    entry.asking = false;
    ++entry.asked;
    set_due(index, now);
  } else if (entry.due > now) {
    set_due(index, now);
  }
  drop_void();
}

void CheckSchedule::hold(Time until) {
  if (!held_until_ || *held_until_ < until) held_until_ = until;
}

bool CheckSchedule::near_down(std::size_t index, Time now) const {
  const Entry& entry = entries_[index];
  const HealthCount& count = entry.tracker.count();
  if (verdict(index) != Health::up) return false;
  const unsigned bad = count.good ? 0 : count.run;
  if (bad + 1 < entry.check->policy.fall) return false;
  return bad > 0 || (entry.asking && now >= entry.asked_at + late_after(entry.check->probe));
}

std::optional<Time> CheckSchedule::next_near_down(Time now) const {
  std::optional<Time> next;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!entry.asking || entry.check->policy.fall > 1 || verdict(i) != Health::up) continue;
    const Time late = entry.asked_at + late_after(entry.check->probe);
    if (late > now && (!next || late < *next)) next = late;
  }
  return next;
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
  const bool changed = !entry.passed_over && counts(entry, answer.outcome.healthy(), now);
  // From asking to asking, so that a slow answer does not stretch the interval; an answer that took
  // longer than the interval is followed by the next question at once.
  const HealthPolicy& policy = entry.check->policy;
  Time due = entry.due + std::min(policy.interval, policy.fast_interval);
  if (!entry.passed_over) {
    const Duration pause = entry.tracker.pause();
    due = pause == policy.interval ? next_place(entry) : entry.due + pause;
  }
  set_due(answer.check, std::exchange(entry.again, false) ? now : std::max(due, now));
  drop_void();
  return changed;
}

// It comes round after an interval, or sooner if the check has been asked out of its turn.
Time CheckSchedule::next_place(const Entry& entry) const {
  const Duration interval = entry.check->policy.interval;
  const Duration into = (entry.due - origin_ - entry.phase) % interval;
  return entry.due + (into < Duration::zero() ? -into : interval - into);
}

bool CheckSchedule::counts(Entry& entry, bool good, Time now) {
  entry.counted = true;
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
  const auto& [what, more] = in_words(last);
  return fmt::format("check \"{}\" {} {} ({}{}, {})", entry.check->name, what, count,
                     entry.check->text(), more, describe(last.latency));
}

std::optional<Time> CheckSchedule::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return held_until_ ? std::max(heap_.front().at, *held_until_) : heap_.front().at;
}

}  // namespace withdrawd::core
