#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/check_schedule.hpp"
#include "core/contests.hpp"
#include "core/desired.hpp"
#include "core/events.hpp"
#include "core/exposure.hpp"
#include "core/observation.hpp"
#include "core/policy.hpp"
#include "core/reach_watch.hpp"
#include "core/repeated_failure.hpp"
#include "core/settings.hpp"
#include "core/stale_routes.hpp"

namespace withdrawd::core {

/// A drain, for a report.
struct DrainReport {
  std::string who;
  std::string why;
  Duration lasted;
  std::optional<Duration> left;        ///< none: until somebody ends it
  std::optional<Duration> grace_left;  ///< degraded for so long, then withdrawn
};

struct DampingReport {
  double penalty;
  bool suppressed;
  Duration left;  ///< if suppressed
};

/// One prefix of one rule, for a report.
struct PrefixReport {
  std::string rule;
  Prefix prefix;
  std::string instance;  ///< "router bgp 65001", or what was chosen, or why none fits
  Health health;
  Desired desired;
  std::optional<Duration> desired_for;    ///< none: nothing is desired yet
  DesiredState::Reason reason;            ///< of what is desired
  std::string why;                        ///< likewise, in words
  std::optional<bool> configured;         ///< none: bgpd has not been read
  std::optional<NetworkOptions> options;  ///< of the statement, or of the one withdrawn
  std::optional<bool> in_table;           ///< none: not known
  std::optional<unsigned> peers;          ///< to so many it is advertised; none: not known
  std::optional<std::string> trouble;     ///< what stands between observed and desired
  bool agrees;                            ///< observed is what is desired (or nothing is desired)
  std::optional<DrainReport> drain;
  std::optional<DampingReport> damping;
  struct Fleet {
    FleetGuard::Verdict verdict;
    FleetFloor floor;
    std::string detail;          ///< of the verdict
    std::optional<Place> place;  ///< as the others were told; none: nothing yet
  };
  std::optional<Fleet> fleet{};
  std::vector<Reach> reach{};  ///< what its statement does not tell

  /// As it should be, and reaching whom it should. What every "is all well?" asks.
  bool fine() const { return agrees && std::ranges::none_of(reach, &Reach::fault); }
};

/// The soft path: desired against observed by prefix, and one operation on bgpd at a time to bring
/// them together. Acts on what bgpd says, never on memory of what was sent, but for the options of
/// a withdrawn statement. Passive: the Controller drives it.
class SoftPath {
 public:
  using Options = std::map<PrefixKey, NetworkOptions>;

  /// The route-map that a statement has instead of being withdrawn, where it has one.
  using StandIns = std::map<PrefixKey, RouteMapName>;

  /// Kills of bgpd in a row for a prefix, as far as is known without help.
  using Kills = std::map<PrefixKey, unsigned>;

  /// `settings` and `checks` must outlive it.
  SoftPath(const Settings& settings, const CheckSchedule& checks, const Options& remembered,
           const StandIns& stand_ins, const Kills& kills, const Policy::Memory& policy);

  /// A check was answered.
  void answered(std::size_t check, Time now, Effects& effects);
  void on(const DrainChanged& event, Time now, Effects& effects);
  void on(const LeaveAnswered& event, Time now, Effects& effects);
  void on(const FleetReached& event, Time now, Effects& effects);
  void on(const FleetChanged& event, Time now, Effects& effects);
  void on(const FleetNameContested& event, Effects& effects) { policy_.on(event, effects); }
  /// This run ends: what has to go with it goes.
  void retire(Time now, Effects& effects);

  void on(BgpdRead event, Time now, Effects& effects);
  void on(PlanApplied event, Time now, Effects& effects);
  void connection_lost(Time now);

  /// The process was looked for: without it nothing is announced, whatever was seen before.
  void process_found(bool running, Time now);
  /// bgpd was killed or started by us: what was seen is void, and so is what an operation that is
  /// under way will say.
  void bgpd_replaced(bool running, Time now);
  /// Is it worth looking whether bgpd runs at all? (It does not answer, or has been
  /// killed, and nobody has looked.)
  bool wants_process(Time now) const;

  /// Decides again what is desired, where time alone has changed it. To be called before `advance`.
  void decide_by_time(Time now, Effects& effects);
  /// Starts the next operation if one is due and none is under way.
  void advance(Time now, Effects& effects);
  std::optional<Time> next_wake() const;

  /// The prefix that must not be announced, and has been (or may have been, for all that is known)
  /// for longest.
  struct Exposed {
    Time since;
    std::string story;    ///< `rule "anycast": 192.0.2.0/24 is still announced: ...`
    std::string forbids;  ///< what forbids to fall back, if something does
    unsigned kills;       ///< that bgpd has died for it and has come back with it
  };
  /// Of those that may fall back: for each number of kills one.
  std::vector<Exposed> longest_exposed() const;
  std::optional<Exposed> longest_forbidden() const;  ///< of those that may not

  Exposure& exposure() { return exposure_; }
  /// For the sick prefixes that bgpd has let go.
  void forget_kills_for_gone();
  /// For the prefixes that are not sick now, where there were fewer than `below`.
  void forget_kills_for_well(unsigned below);

  bool any_wanted() const;  ///< is any prefix to be announced?
  /// As bgpd's configuration said last; none: it has not been read.
  const KnownGracefulRestart& graceful_restart() const { return graceful_restart_; }
  bool reachable() const { return reached_; }
  bool process_gone() const { return observation_.gone(); }
  /// The last operation was accepted and not answered: a process is there, whoever denies it.
  bool silent() const { return silent_; }
  bool agrees() const;  ///< observed is desired everywhere, and it was read after the last verdict
  /// So much time has passed in which nothing could be done: it does not count against bgpd.
  void stood_still(Duration lost);
  /// Has the last operation failed, or is all that differs out of the soft path's hands?
  bool obstructed() const;
  /// How often bgpd has let go of every prefix that must not be announced, when told to: a bgpd
  /// that can be controlled.
  unsigned times_obeyed() const { return obeyed_; }
  bool busy() const { return busy_; }
  /// Of the statements, as they were last seen: also of those that stand, for they may be gone when
  /// the next run begins.
  Options options() const;
  StandIns stand_ins() const;
  Kills kills() const;
  /// Changes whenever `options`, `stand_ins`, `kills` or the policy's memory has changed.
  std::uint64_t revision() const {
    return revision_ + policy_.revision() + exposure_.kills_revision();
  }
  const Policy& policy() const { return policy_; }
  /// Somebody else changes a statement back again and again: a human is needed.
  bool contested() const { return contests_.any(); }
  std::vector<PrefixReport> report(Time now) const;
  /// The transport that the last successful operation used; empty: none yet.
  const std::string& via() const { return via_; }

 private:
  using View = Observation::View;
  using Presence = Observation::Presence;
  /// A prefix of a rule and where it stands.
  struct Slot {
    const Rule* rule;
    Prefix prefix;
    Lookup lookup;
    std::size_t index;  ///< in the policy
    Desired desired = Desired::as_it_is;
    std::optional<RouteMapName> degraded_by{};
    /// Of the statement as it was last seen, but for a route-map that stands for a withdrawal.
    std::optional<NetworkOptions> options{};
    /// The route-map that stood for a withdrawal when the statement was last seen: a configuration
    /// that has another `on_down` must not take it for the one to come back with.
    std::optional<RouteMapName> stand_in{};
    std::optional<Desired> stated{};            ///< what the statement last seen amounts to
    std::optional<Time> table_differs_since{};  ///< although the statement is as desired
    bool reached = false;                  ///< observed has been as desired since desired changed
    std::optional<std::string> trouble{};  ///< told once
    const std::string* applied = nullptr;  ///< why, while what has been applied is first seen
  };
  static PrefixKey key(const Slot& slot) { return {slot.rule->name, slot.prefix}; }
  const View& view(const Slot& slot) const { return observation_.view(slot.index); }
  bool statement_agrees(const Slot& slot, const View& view) const;
  bool agrees(const Slot& slot, const View& view) const;
  bool must_go(const Slot& slot) const;
  void decide(Time now, Effects& effects);
  void learn(Slot& slot, const View& view, Time now, Effects& effects);
  /// `applied`: right after a plan, when peers have not heard of it yet.
  void observe(Observed observed, bool applied, Time now, Effects& effects);
  void watch_unsure(Time now);
  void failed(const Failure& failure, Time now, Effects& effects);
  void lose_sight();
  void judge_exposure(Slot& slot, const View& view, Time now);
  bool changes_nothing(const Observed& observed) const;
  std::optional<Time> kill_nears_at() const;
  Duration reading_interval(Time now) const;
  std::vector<Reach> find_reach(const Slot& slot, const View& view) const;
  void watch_reach(const Slot& slot, const View& view, Time now, Effects& effects);
  void undone_by_others(Slot& slot, Time now, Effects& effects);
  void end_contests(Time now, Effects& effects);
  std::string contest_text(const Slot& slot, Time now) const;
  std::optional<Change> change_for(Slot& slot, const View& view, Time now, Effects& effects);
  void await_table(Slot& slot, const View& view, Time now, Effects& effects);
  std::optional<DrainReport> drain_report(const Slot& slot, Time now) const;
  void make_plan(Time now, Effects& effects);
  std::vector<Lookup> some_sick_lookups();
  void begin(Time now, std::vector<Lookup> lookups);
  bool ended();
  void trouble(Slot& slot, std::string text, Effects& effects);
  std::vector<Lookup> all_lookups() const;
  std::vector<Lookup> lookups_of_plan() const;
  LogBatch tell_changes(const PlanApplied& event, Time now) const;

  const Settings& settings_;
  Policy policy_;
  std::vector<Slot> slots_;                       ///< as the policy counts them
  std::multimap<Prefix, std::size_t> by_prefix_;  ///< the same prefix may be in several instances

  KnownGracefulRestart graceful_restart_;
  Time seen_from_{};  ///< when the operation that saw all of it began
  /// All is as desired, as far as it was read last: what is read again and is the same needs no
  /// look.
  bool calm_ = false;
  Time all_due_{};             ///< then a read looks up every prefix; until then it need not
  bool looks_up_all_ = true;   ///< the read that is under way
  std::size_t next_sick_ = 0;  ///< the slot from which on the next read looks up
  bool stale_ = true;          ///< to be read before the next plan is made
  bool dirty_ = true;          ///< desired or observed changed since the plan was made
  bool reached_ = false;       ///< the last operation got through
  bool silent_ = false;        ///< it was accepted, and not answered
  Time last_verdict_{};
  Observation observation_;
  Exposure exposure_;
  Contests contests_;
  ReachWatch reach_;
  /// As long as nothing of what it depends on has changed.
  struct Longest {
    std::uint64_t policy, sights, exposure;  ///< their revisions then
    std::optional<std::string> at_stake{};   ///< why bgpd may not be killed for any of them
    Exposure::Longest of{};
  };
  mutable std::optional<Longest> longest_;
  const Longest& longest() const;
  Exposed exposed(std::size_t index) const;
  unsigned obeyed_ = 0;
  std::optional<Time> withdrew_at_;  ///< by statement, and not yet known whether that was all

  bool busy_ = false;
  bool void_ = false;  ///< what the operation under way will say is about a bgpd that is no more
  Time busy_since_{};
  std::vector<Lookup> busy_lookups_;

  Plan plan_;
  std::vector<std::size_t> plan_slots_;   ///< the slot of each change
  std::vector<std::string> plan_causes_;  ///< why, as it was when the plan was sent
  /// What was sent, and whether it has had an effect is not known: why, by slot.
  std::map<std::size_t, std::string> unsure_;
  std::optional<Time> unsure_until_;  ///< none: nothing was read since
  std::string via_;
  std::uint64_t revision_ = 0;
  Time next_try_{};
  Time next_read_{};
  Duration confirm_pause_{};
  Duration failure_pause_{};         ///< zero: the last operation succeeded
  std::optional<Time> empty_since_;  ///< bgpd has had no instance at all
  std::optional<Time> looked_for_process_;
  Duration took_{};          ///< the last read
  bool continuous_ = false;  ///< what is read now is of the same bgpd as what was before

  std::string unanswered_;  ///< bgpd does not answer: why; empty: it does
  std::string refusal_;     ///< bgpd answers, but does not take the plan: why
  bool told_unanswered_ = false;
  RepeatedFailure told_;
};

}  // namespace withdrawd::core
