#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/events.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// Keeps many lines alike (of one severity, rule, check and topic; or of one severity and topic, of
/// many rules) from flooding the log: the first of them are shown, further ones are counted, and a
/// line tells how many there were. The history keeps each change all the same. Passive: whoever
/// drives it calls `due` at `next_due`.
class LogSummary {
 public:
  static constexpr std::size_t shown_first = 10;
  static constexpr std::size_t shown_of_all = 100;  ///< rules and checks together
  /// From the first line that is counted until its summary; then ever longer.
  static constexpr core::Duration first_pause = std::chrono::seconds(1);
  static constexpr core::Duration longest_pause = std::chrono::minutes(1);
  /// After so long without a line alike the next is shown again.
  static constexpr core::Duration quiet = std::chrono::seconds(10);

  /// Is the line to be shown? Else it will be in a summary.
  bool is_shown(const core::LogLine& line, core::Time now);

  /// The summaries that are due.
  std::vector<core::LogLine> due(core::Time now);
  std::optional<core::Time> next_due() const;
  /// All that is left, at the end.
  std::vector<core::LogLine> rest();

 private:
  using Key = std::tuple<core::Severity, std::string, std::string, std::string>;
  struct Kind {
    std::size_t shown = 0;
    std::size_t counted = 0;
    core::Time seen;  ///< the last line
    core::Time counted_since{};
    core::Duration pause = first_pause;
    core::LogLine last{};  ///< that was counted
  };
  bool has_room(Key key, std::size_t limit, const core::LogLine& line, core::Time now);
  static core::LogLine summary(Kind& kind, core::Time now);
  void forget_quiet(core::Time now);

  std::map<Key, Kind> kinds_;
  core::Time swept_{};
};

}  // namespace withdrawd::daemon
