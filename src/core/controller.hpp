#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/check_schedule.hpp"
#include "core/events.hpp"
#include "core/fallback.hpp"
#include "core/fleet_sites.hpp"
#include "core/hard_path.hpp"
#include "core/repeated_failure.hpp"
#include "core/settings.hpp"
#include "core/soft_path.hpp"

namespace withdrawd::core {

/// What one run leaves to the next. Losing it costs no correctness but what it says here.
struct Memory {
  std::map<std::string, HealthCount> checks;  ///< by name: counts continue
  std::map<std::string, Time> health_since;   ///< likewise: health is what it is
  SoftPath::Options options;                  ///< of the statements, as they were last seen
  SoftPath::StandIns stand_ins;               ///< of those that are degraded
  SoftPath::Kills kills;                      ///< that have not helped
  Fallback::Memory fallback;                  ///< a bgpd that we killed is ours to start
  std::optional<RestartCommand> restart;      ///< of the bgpd that was seen last; none: none was
  Policy::Memory policy;                      ///< drains, damping, since when
  std::optional<StaleRoutes> stale{};         ///< over a reload only: what a killed bgpd has left
  bool operator==(const Memory&) const = default;
};

/// Everything for a status display.
struct CheckReport {
  std::string name;
  std::string question;
  Health health;
  std::optional<Outcome> last;
  std::string story;
  std::optional<Duration> health_for;  ///< so long it has been that; none: unknown
};

/// The fleet that this site is in.
struct FleetReport {
  std::string group;
  std::string site;
  std::optional<bool> reached;  ///< none: nothing heard yet
  std::string detail;           ///< where, or why not
  std::optional<Duration> reached_for;
  std::string name_contested_by;  ///< another host that uses the same name; empty: none
  /// Where all sites stand; null: not known, for nobody looks. The Controller does not know.
  std::shared_ptr<const FleetSites> sites{};
};

struct Report {
  Mode mode;
  std::vector<CheckReport> checks;
  std::vector<PrefixReport> prefixes;
  bool bgpd_reachable;  ///< soft: the last operation got through; hard: the process could be looked
                        ///< for
  bool bgpd_gone;       ///< known not to run
  bool bgpd_killed;     ///< by the fallback, and not running since
  bool failing;         ///< a human is needed: a sick prefix stays announced, or one is contested
  std::string failing_why;  ///< as Fallback::failing_why; empty: no prefix is why
  std::string via;          ///< the transport that the last operation used; empty: none yet
  std::vector<Policy::GroupCount> groups;
  std::optional<FleetReport> fleet{};
  std::optional<StaleReport> stale{};  ///< what peers may keep of a bgpd that was killed
};

/// The decisions: a state machine without I/O, clock or threads. Whoever drives it
/// - calls `on(event, now)` for everything that happens and `wake(now)` at or after `next_wake()`,
/// - carries out the effects that come back, in their order, and
/// - answers each (but LogLine) by exactly one event.
/// `run`, `cron` and `once` differ only in how long they do so. `now` must never go back.
class Controller {
 public:
  Controller(Settings settings, const Memory& memory, Time now);

  Effects on(Event event, Time now);
  Effects wake(Time now);
  /// None: nothing to do before the next event.
  std::optional<Time> next_wake() const;

  /// Every check has been answered, nothing is under way, and observed is desired. Where a single
  /// round ends.
  bool at_rest() const;
  /// Nothing but an operation on bgpd that cannot succeed now is left, and no fallback is due: a
  /// single round has nothing to wait for either.
  bool stuck() const;
  /// Is an operation on bgpd or its process under way? Where a bounded run should not stop.
  bool busy() const;

  Memory memory() const;
  /// Likewise, for a Controller with another configuration: whoever reloads has acted, so a kill
  /// may help again.
  Memory memory_for_reload() const;
  /// Differs from an earlier one whenever `memory` does; cheap.
  struct Revision {
    std::uint64_t checks = 0;
    std::uint64_t prefixes = 0;
    std::uint64_t restart = 0;
    Fallback::Memory fallback;
    bool operator==(const Revision&) const = default;
  };
  Revision revision() const {
    return {checks_->revision(), soft_->revision(), restarts_seen_, fallback_->memory()};
  }
  Report report(Time now) const;
  /// What starts the bgpd that was seen last; none: none has been seen yet.
  const std::optional<RestartCommand>& restart() const { return restart_; }
  const Settings& settings() const { return *settings_; }

 private:
  const std::optional<StaleRoutes>& stale() const;
  void notice_standstill(Time now, Effects& effects);
  void advance(Time now, Effects& effects);
  void unable(const CheckAnswered& answer, Time now, Effects& effects);
  void restart_seen(const std::optional<RestartCommand>& restart);
  void process_found(const BgpdFound& found, Time now, Effects& effects);
  void process_stopped(const BgpdStopped& stopped, Time now, Effects& effects);

  // On the heap, so that the parts' references to it survive a move of the Controller.
  std::unique_ptr<const Settings> settings_;
  std::unique_ptr<CheckSchedule> checks_;
  std::unique_ptr<SoftPath> soft_;
  std::unique_ptr<Fallback> fallback_;
  std::unique_ptr<HardPath> hard_;
  Time last_now_;  ///< of the last event or wake
  std::optional<RestartCommand> restart_;
  std::uint64_t restarts_seen_ = 0;  ///< how often it has changed
  bool finding_ = false;
  bool find_is_void_ = false;  ///< the look under way began before bgpd was killed or started
  RepeatedFailure told_;
};

}  // namespace withdrawd::core
