#pragma once

#include <optional>

#include "core/time.hpp"

namespace withdrawd::dns {

/// When one asking tries. Knows no clock: the caller hands the time in.
///
/// Tries are spread evenly over the timeout. An unreachable port needs no patience, but may be a
/// server that is just restarting: `pause` after the first refusal there is a try more, and a
/// refusal by then counts. What failed on this host was no try: for that there is one more as well,
/// once. And where `again_after` is given, there is one try more then, if there are several and the
/// second is not due before. One try is one try.
class Schedule {
 public:
  static constexpr core::Duration pause = std::chrono::milliseconds(10);

  Schedule(core::Time begun, core::Duration timeout, unsigned tries,
           std::optional<core::Duration> again_after = {});

  core::Time deadline() const { return begun_ + timeout_; }

  /// When there is something to do: a try, or giving up.
  core::Time next() const;

  /// Is a try due? Then it counts as made.
  bool due(core::Time now);

  /// A port was refused. Does that settle the matter?
  bool refused(core::Time now);

  /// A try failed before anything was sent. Is there another to come?
  bool failed_here(core::Time now);

  /// Was a port refused, and not asked again yet?
  bool refused_last() const { return refused_.has_value() && extra_.has_value(); }

  /// One try more at once, and what was refused is forgotten: it goes to another port.
  void start_over(core::Time now);

 private:
  core::Time next_regular() const;

  core::Time begun_;
  core::Duration timeout_;
  unsigned tries_;
  unsigned made_ = 0;
  std::optional<core::Time> refused_;  ///< the first refusal
  std::optional<core::Time> extra_;    ///< when the try that follows a refusal is due
  bool failed_here_ = false;
  std::optional<core::Time> again_at_;  ///< when the one that follows silence is
};

}  // namespace withdrawd::dns
