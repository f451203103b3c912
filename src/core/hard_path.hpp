#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/check_schedule.hpp"
#include "core/events.hpp"
#include "core/settings.hpp"
#include "core/stale_routes.hpp"

namespace withdrawd::core {

/// The original script, cell by cell: every verdict of the checks is held against whether bgpd
/// runs. One line a round, INFO when nothing was done, WARNING when something was, or DNS fails.
/// A bgpd that somebody else stopped is restarted as well. Passive: the Controller drives it.
class HardPath {
 public:
  /// `stale`: what an earlier HardPath knew of that.
  HardPath(const Settings& settings, CheckSchedule& checks, std::optional<StaleRoutes> stale)
      : settings_(settings), checks_(checks), stale_(std::move(stale)) {}

  /// A check has been answered: a new round, unless health is not known or bgpd was just restarted;
  /// behind the one that is under way, if there is one.
  void answered(Time now, Effects& effects);

  void on(const BgpdFound& event, Time now, Effects& effects);
  void on(const BgpdStopped& event, Time now, Effects& effects);
  void on(const BgpdRestarted& event, Time now, Effects& effects);

  bool busy() const { return busy_; }
  /// Are there as many rounds behind us as it takes to know: bgpd runs if and only if DNS is ok?
  bool agrees() const { return agrees_; }
  /// The last round could not do what it had to.
  bool failed() const { return failed_; }
  /// DNS fails, and bgpd could not be stopped, or nobody can tell which process it is.
  bool failing() const { return unstopped_; }
  bool reachable() const { return known_; }
  /// Is there no bgpd process, as far as was seen or done last?
  bool process_gone() const { return gone_; }
  /// What peers may still have of the bgpd that was killed last.
  const std::optional<StaleRoutes>& stale() const { return stale_; }

 private:
  Health health() const;
  std::string story(Health health) const;
  void ended(bool agrees, Time now, Effects& effects);

  const Settings& settings_;
  CheckSchedule& checks_;
  bool busy_ = false;
  bool agrees_ = false;
  bool failed_ = false;
  bool again_ = false;              ///< answers came during the round
  std::optional<Time> settled_at_;  ///< the end of the rest after a restart
  bool known_ = false;              ///< the last look for the process gave an answer
  bool gone_ = false;
  std::optional<StaleRoutes> stale_;
  bool unstopped_ = false;
  bool round_healthy_ = false;
  std::string round_story_;
};

}  // namespace withdrawd::core
