#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/check_schedule.hpp"
#include "core/desired_state.hpp"
#include "core/events.hpp"
#include "core/fleet_guard.hpp"
#include "core/settings.hpp"

namespace withdrawd::core {

/// How often a prefix has flapped, as a penalty that decays.
struct Flaps {
  double penalty = 0;  ///< as it was at `at`
  Time at{};
  bool suppressed = false;
  bool operator==(const Flaps&) const = default;
};

/// What each prefix should be: the health of its rule, drains, flap damping, the minimum that must
/// stay announced. Prefixes are counted through the rules, in their order. Passive: SoftPath asks
/// it.
class Policy {
 public:
  /// What a later run continues from.
  struct Memory {
    std::map<PrefixKey, Drain> drains;   ///< by operators
    std::map<PrefixKey, Time> switched;  ///< drained by a check: since when
    std::map<PrefixKey, Flaps> flaps;
    /// Since when a prefix should be what it should be.
    struct Since {
      Desired desired;
      Time since;
      bool operator==(const Since&) const = default;
    };
    std::map<PrefixKey, Since> since;
    bool operator==(const Memory&) const = default;
  };

  /// `settings` and `checks` must outlive it.
  Policy(const Settings& settings, const CheckSchedule& checks, const Memory& memory);

  std::size_t size() const { return items_.size(); }
  const Rule& rule(std::size_t index) const { return settings_.rules[items_[index].rule]; }
  const Prefix& prefix(std::size_t index) const { return items_[index].prefix; }

  /// The check was answered: what depends on it is looked at again by the next `decide`.
  void answered(std::size_t check);
  /// Bgpd was read: what had to wait for that is looked at again by the next `decide`.
  void bgpd_seen();
  void drain(const DrainChanged& change, Time now, Effects& effects);
  void retire();

  // The fleet, if this site is in one.
  void on(const LeaveAnswered& answer, Time now);
  void on(const FleetReached& reached, Time now, Effects& effects);
  void on(const FleetChanged& changed);
  void on(const FleetNameContested& contested, Effects& effects);
  /// Is there no bgpd process?
  void bgpd_gone(bool gone);
  /// May bgpd have to be killed soon? Then leave is asked for all that it announces.
  void kill_near(bool near);
  const FleetGuard& guard() const { return guard_; }

  using Standings = std::function<Standing(std::size_t index)>;
  /// Decides again what may have changed. The prefixes of which another one is desired now.
  std::vector<std::size_t> decide(Time now, const Standings& standings, Effects& effects);
  /// When time alone changes something: the end of a drain, of its grace, of a suppression, of the
  /// patience with the fleet.
  std::optional<Time> next_wake() const { return next_change_; }

  const DesiredState& desired_state(std::size_t index) const { return items_[index].wanted; }
  /// Since when that is desired; an earlier run may have desired the same.
  Time since(std::size_t index) const { return items_[index].since; }
  Health health(const Rule& rule) const;
  /// Why that is desired, in one line.
  std::string cause(std::size_t index) const;

  /// What forbids to kill bgpd, which would withdraw everything: a group's minimum, the fleet.
  std::optional<std::string> kill_hindrance(const Standings& standings) const;
  /// Would a bgpd without any prefix break a group's minimum? Names the group.
  std::optional<std::string> minimum_at_stake(const Standings& standings) const;

  Memory memory() const;
  /// Changes whenever `memory` has changed.
  std::uint64_t revision() const { return revision_; }

  // For a report.
  const std::optional<Drain>& drain(std::size_t index) const { return items_[index].drain; }
  /// The check that drains it, and since when.
  struct Switch {
    std::string check;
    Time since;
  };
  std::optional<Switch> switched(std::size_t index) const;
  /// When the grace of its drain ends.
  std::optional<Time> grace_ends(std::size_t index) const;
  struct Damped {
    double penalty;
    bool suppressed;
    Time reuse_at;  ///< if suppressed
  };
  std::optional<Damped> damped(std::size_t index, Time now) const;
  struct GroupCount {
    std::string name;
    std::size_t min_announced;
    std::size_t prefixes;
    std::size_t wanted;  ///< announced or degraded, or left as it is
    std::size_t held;
  };
  std::vector<GroupCount> groups() const;

 private:
  struct Item {
    std::size_t rule;
    Prefix prefix;
    DesiredState wanted{};
    Time since{};
    std::optional<Memory::Since> earlier{};  ///< of an earlier run, until this one has decided
    std::optional<Drain> drain{};
    std::optional<Time> switched{};
    std::optional<Flaps> flaps{};
  };

  static PrefixKey key(const Rule& rule, const Item& item) { return {rule.name, item.prefix}; }
  Health health(const Rule& rule, bool also_earlier) const;
  void look_at_switches(const Rule& rule, Item& item, Time now, Effects& effects);
  void look_at_drain(const Rule& rule, Item& item, Time now, Effects& effects);
  void look_at_flaps(const Rule& rule, Item& item, Time now, Effects& effects);
  void count_flap(const Rule& rule, Item& item, Time now, Effects& effects);
  DesiredState compute_desired(const Rule& rule, const Item& item, Time now) const;
  DesiredState when_kept(const Rule& rule, const Item& item, DesiredState::Reason by) const;
  void keep_minimum(std::size_t group, std::vector<DesiredState>& all_wanted,
                    const Standings& standings);
  std::optional<Time> drained_since(const Item& item) const;
  std::optional<Time> grace_ends(const Rule& rule, const Item& item) const;
  void find_next_change(Time now);
  void tell_minimum(std::size_t index, const DesiredState& before, Effects& effects) const;
  void look_for_near_down(Time now);
  bool near_down(const Rule& rule) const;
  DesiredState guarded(std::size_t index, const DesiredState& wanted, const Standings& standings,
                       Time now, Effects& effects);
  void tell_guard(std::size_t index, FleetGuard::Verdict before, Effects& effects) const;
  void mark_all();
  std::string drain_story(std::size_t index) const;
  std::string fleet_cause(std::size_t index, const std::string& story) const;

  const Settings& settings_;
  const CheckSchedule& checks_;
  FleetGuard guard_;
  std::set<std::string> reasons_told_;  ///< why the fleet's store is away
  std::vector<Item> items_;
  std::vector<std::size_t> first_item_;               ///< by rule; and the end
  std::vector<std::vector<std::size_t>> dependents_;  ///< rules, by check
  std::vector<std::vector<std::size_t>> members_;     ///< rules, by group
  std::vector<Health> verdicts_;                      ///< by check, as last acted on
  std::vector<char> near_down_;                       ///< by check: the next bad outcome decides
  std::vector<char> dirty_;                           ///< by rule
  bool any_dirty_ = true;
  bool retired_ = false;
  std::uint64_t revision_ = 0;
  std::optional<Time> next_change_;
};

/// When a penalty will have decayed to `reuse`.
Time reuse_time(const Flaps& flaps, const Damping& damping);

}  // namespace withdrawd::core
