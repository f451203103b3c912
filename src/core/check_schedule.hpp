#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/check.hpp"
#include "core/events.hpp"
#include "core/health.hpp"

namespace withdrawd::core {

/// When to ask which check, and what its answers amount to. Passive: the Controller drives it.
class CheckSchedule {
 public:
  /// A thousand checks do not fire together: the first askings are spread over a fast interval, so
  /// that the first verdicts are not late; and what then goes by its interval has a place of its
  /// own in it.
  CheckSchedule(const std::vector<Check>& checks, bool first_outcome_decides, Time now);

  std::size_t size() const { return entries_.size(); }
  const Check& check(std::size_t index) const { return *entries_[index].check; }

  /// Lets check `index` continue from what an earlier run had counted.
  void resume(std::size_t index, HealthCount count, std::optional<Time> since = {});
  std::optional<Time> health_since(std::size_t index) const { return entries_[index].since; }

  /// Appends an AskCheck for every check that is due.
  void ask_due(Time now, Effects& effects);
  /// Every check is due, whatever its interval.
  void ask_now(Time now);
  /// What the check asks has just died: it is due. What is being asked was perhaps answered before
  /// that, or never will be: it is asked anew, and the earlier asking is no longer awaited.
  void process_died(std::size_t index, Time now);
  /// For so long after the first asking: a server's processes die one after the other, but deaths
  /// without end must not keep a check from its outcome. After that it is asked again when it has
  /// been answered.
  static constexpr Duration overtaking = std::chrono::milliseconds(50);
  bool awaits(const CheckAnswered& answer) const {
    return entries_[answer.check].asked == answer.asking;
  }
  /// Nothing is asked before `until`.
  void hold(Time until);

  /// For so long a check that this host is unable to ask keeps its health: no healthy prefix is
  /// withdrawn for a moment without descriptors. After that nobody knows what the server does, and
  /// not being able to ask counts as a bad outcome.
  static constexpr Duration unable_for = std::chrono::seconds(10);

  /// Does one more bad outcome, for which the asking may be under way, take a check down that is
  /// up? Where the first one decides: once an answer is so late that the last try has been sent.
  bool near_down(std::size_t index, Time now) const;
  /// When an answer that is out becomes so late, for the next check of which that can be said.
  std::optional<Time> next_near_down(Time now) const;

  /// Counts the answer. True if the check's health changed by it.
  bool answered(const CheckAnswered& answer, Time now);
  /// Was the last outcome left out of the count, because it says nothing of the server?
  bool passed_over(std::size_t index) const { return entries_[index].passed_over; }

  Health health(std::size_t index) const { return entries_[index].tracker.health(); }
  /// Health as something to act on: unknown until this run has asked for itself, whatever an
  /// earlier one had counted.
  Health verdict(std::size_t index) const {
    return entries_[index].counted ? entries_[index].tracker.health() : Health::unknown;
  }
  HealthCount count(std::size_t index) const { return entries_[index].tracker.count(); }
  const std::optional<Outcome>& last(std::size_t index) const { return entries_[index].last; }
  /// For how long its health has been what it is; none: unknown.
  std::optional<Duration> health_for(std::size_t index, Time now) const;
  /// Changes whenever what a later run would continue from has changed.
  std::uint64_t revision() const { return revision_; }
  /// Has every check been answered at least once?
  bool all_answered() const;

  /// The last outcome in words:
  /// `check "resolver" timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 s)`.
  std::string story(std::size_t index) const;

  /// When the next check is due; none if all are being asked.
  std::optional<Time> next_due() const;

 private:
  struct Entry {
    const Check* check;
    HealthTracker tracker;
    Duration phase;  ///< its place in its interval, counted from `origin_`
    Time due;
    bool asking = false;
    bool again = false;       ///< at once, when it has been answered
    std::uint64_t asked = 0;  ///< the asking that counts
    Time asking_since{};      ///< and those that it has overtaken
    Time asked_at{};
    std::optional<Outcome> last{};
    std::optional<Time> since{};  ///< health is what it is; none: it is unknown
    bool counted = false;         ///< at least one outcome was, in this run
    bool passed_over = false;
    std::optional<Time> unable_since{};
  };
  /// When a check is due. Void if the check is being asked, or is due at another time by now.
  struct Due {
    Time at;
    std::size_t index;
    auto operator<=>(const Due&) const = default;
  };
  void set_due(std::size_t index, Time due);
  void drop_void();
  Time next_place(const Entry& entry) const;
  static bool is_passed_over(Entry& entry, Time now);
  bool counts(Entry& entry, bool good, Time now);

  std::vector<Entry> entries_;
  Time origin_;
  std::vector<Due> heap_;  ///< the earliest first; that one is not void
  bool first_outcome_decides_;
  std::uint64_t revision_ = 0;
  std::optional<Time> held_until_;
};

}  // namespace withdrawd::core
