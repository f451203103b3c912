#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bgpd_model.hpp"
#include "core/controller.hpp"
#include "story.hpp"

namespace withdrawd::simulation {

/// What has gone against a promise of the design, in words.
struct Violation {
  core::Time at;
  std::string text;
};

/// Knows what is promised, and sees both sides: what withdrawd was told and does, and what is
/// really the case. Counts health for itself, in its own way.
class Referee {
 public:
  Referee(const Setting& setting, BgpdModel& bgpd, core::Time now);

  // What happens to withdrawd.
  struct Knowledge;
  /// It begins, with this configuration and what an earlier run has left it.
  void born(const Configuration& configuration, const Knowledge& from, core::Time now);
  void died(core::Time now);
  /// It has been told to reload, and does so when it has the time.
  void told_to_reload(core::Time now);
  void reloaded(const Configuration& configuration, core::Time now);
  /// It has been told to end.
  void told_to_end(core::Time now);
  void answered(std::size_t check, const core::Outcome& outcome, core::Time now);
  /// An operator has drained a prefix, until then or for good, or has ended its drain.
  struct Drained {
    core::Time since;
    std::optional<core::Time> until;
  };
  void drained(std::size_t slot, const std::optional<Drained>& drain, core::Time now);
  /// bgpd's configuration, as it was when it was read `then`, has reached withdrawd.
  void has_seen(const core::RunningConfig& config, unsigned foreign_changes, core::Time then);
  /// It learns what time alone has changed: the end of a drain, say.
  void gets_time(core::Time now);
  void missed_something() { may_have_missed_ = true; }

  // What it does.
  /// The check is asked although it has not been answered, which counts no longer.
  void overtakes(std::size_t check) { checks_[check].being_asked = false; }
  void asks(std::size_t check, core::Time now);
  void sends(const core::Plan& plan, core::Time now);
  void stops(core::Time now);
  void kills(core::Time now);  ///< and bgpd is dead
  /// Something begins or ends in the world: a kill that was in vain before may help now.
  void world_changes() { vain_.clear(); }
  void restarts(core::Time now);
  void finds(core::Time now);
  void operates(core::Time now);
  void tells(const core::LogLine& line, core::Time now);
  void notes(const core::Note& note, core::Time now);
  void restart_ended(core::Time now) { settles_until_ = now + settings().settle; }
  /// Statements of withdrawd's have reached bgpd; `late`: long after withdrawd had given them up.
  void typed(const std::vector<BgpdModel::Session::Statement>& statements, bool late,
             core::Time now);

  /// Somebody or something hinders withdrawd, right now.
  void disturbed(core::Time now) { calm_since_ = now; }
  core::Time calm_since() const { return calm_since_; }
  /// It cannot even read bgpd, right now.
  void blinded(core::Time now) { sees_since_ = now; }
  /// It gets no time until then, and can know of nothing that happens meanwhile.
  void deprived(core::Time until) { unknowable_until_ = std::max(unknowable_until_, until); }

  /// withdrawd has killed bgpd, could start it again, and should if a prefix is wanted.
  void owes_restart(bool owes, core::Time now);
  /// Before anything happens.
  void look(core::Time now);
  /// After every step.
  void check(const core::Controller& controller, core::Time now);
  void check_clock(core::Time now);
  /// Is everything as it should be, seen from both sides?
  bool settled(const core::Controller& controller, core::Time now, std::string* why = nullptr);

  /// What withdrawd's memory stands for, on this side.
  struct Count {
    core::Health health = core::Health::unknown;
    bool good = false;
    unsigned run = 0;
  };
  /// How often a prefix has flapped, as a penalty.
  struct Flaps {
    double penalty = 0;
    core::Time at{};
    core::Duration half_life{};  ///< of the configuration that it was counted under
    bool suppressed = false;
  };
  /// A statement as withdrawd has last seen it.
  struct Statement {
    std::optional<core::NetworkOptions> options{};  ///< with the route-map that is its own
    std::optional<core::RouteMapName> stand_in{};   ///< instead of a withdrawal
  };
  struct SlotKnowledge {
    core::Desired desired = core::Desired::as_it_is;  ///< the last that was not that
    std::optional<Drained> drain{};
    std::optional<core::Time> switched{};  ///< drained by a check: since when
    Flaps flaps{};
    /// It was in a group whose minimum says when a flap is one, or decayed by another half-life.
    bool flaps_unsure = false;
  };
  /// By names, for the next run's configuration may be another one.
  struct Knowledge {
    std::map<std::string, Count> counts;
    std::map<core::PrefixKey, SlotKnowledge> slots;
    /// Whatever rule a prefix is in.
    std::map<std::pair<core::Prefix, BgpdModel::Place>, Statement> statements;
  };
  Knowledge knowledge() const;

  const std::optional<Violation>& violation() const { return violation_; }
  void complain(core::Time now, std::string text);

  core::Health verdict_on_all() const;
  /// Must bgpd run, for a prefix that is to be announced?
  bool any_wanted() const;

 private:
  struct CheckState {
    Count count;
    bool asked_in_this_life = false;
    bool being_asked = false;
    core::Time asked_at{};
    std::optional<core::Time> unable_since{};
  };
  /// What a prefix should be, and who wants it so.
  struct Wanted {
    core::Desired desired = core::Desired::as_it_is;
    std::optional<core::RouteMapName> degraded_by{};
    bool by_operator = false;
    bool by_health = false;
    bool damped = false;
    std::optional<core::RouteMapName> kept_with{};  ///< where a minimum keeps it all the same
    bool is_same_as(const Wanted& other) const {
      return desired == other.desired && degraded_by == other.degraded_by;
    }
    bool states() const {
      return desired == core::Desired::announced || desired == core::Desired::degraded;
    }
  };
  struct SlotState {
    core::Health health = core::Health::unknown;  ///< of its rule
    core::Time health_since{};
    SlotKnowledge known{};
    Wanted wanted{};
    core::Time wanted_since{};
    bool announced = false;
    core::Time announced_since{};
    core::Time last_unwanted{};  ///< when bgpd was last on its way not to announce it
    bool wrong = false;          ///< to be stated, and not as it should be
    core::Time wrong_since{};
    Statement statement{};
    bool options_uncertain = false;
    core::Time last_damped{};  ///< where only withdrawd can know
    bool told_held = false;    ///< somebody knows that a minimum keeps it
    core::Time held_until{};
    bool sent_automatically = false;  ///< the last statement about it was nobody's wish
  };
  struct GroupState {
    std::size_t announced = 0;
    core::Time no_surplus{};  ///< when no prefix could be spared last
  };

  const core::Settings& settings() const { return configuration_->settings; }
  core::Health verdict(const core::Rule& rule, bool also_earlier = false) const;
  Wanted want(std::size_t slot, core::Time now) const;
  bool wants_now(std::size_t slot, core::Desired desired, core::Time now) const;
  bool turns(std::size_t slot, core::Time now) const;
  void look_at_switches(std::size_t slot, core::Time now);
  void count_flap(std::size_t slot, core::Time now);
  /// Is it in a group that keeps a minimum, of whose choice only the bounds are known?
  const core::Group* guard(std::size_t slot) const;
  bool unsure_of_damping(std::size_t slot) const;
  bool must_go(std::size_t slot) const;
  bool is_spared(std::size_t slot) const;
  bool falls_short(std::size_t slot) const;
  void check_options(const core::Change& change, std::size_t slot, core::Time now);
  void check_minimum(const std::vector<BgpdModel::Session::Statement>& statements, core::Time now);
  void check_kill_against_minimum(core::Time now);
  void check_kill_against_vain_ones(core::Time now);
  void check_slot(std::size_t slot, const core::Controller& controller, core::Time now);
  std::string unsettled(std::size_t slot, const core::Controller& controller, core::Time now) const;
  bool may_send(const core::Change& change, std::size_t slot, core::Time now) const;
  bool any_may_be_wanted(core::Time now) const;
  void look_at(std::size_t slot, core::Time now);
  bool is_stated_right(std::size_t slot, const core::NetworkOptions& options) const;
  bool is_damped(std::size_t slot, const core::Controller& controller, core::Time now) const;
  void judge(std::size_t slot, core::Time now);
  std::optional<core::NetworkOptions> wanted_options(std::size_t slot) const;
  std::string text(std::size_t slot) const;

  const Setting& setting_;
  const Configuration* configuration_;
  BgpdModel& bgpd_;
  std::vector<CheckState> checks_;
  std::vector<SlotState> slots_;
  std::vector<GroupState> groups_;
  bool told_to_end_ = false;
  std::optional<core::Time> reload_since_;  ///< asked for, and not yet done
  core::Time born_{};
  core::Time calm_since_{};
  core::Time sees_since_{};
  core::Time stopped_at_{};
  core::Time killed_at_{};
  core::Time restarted_at_{};
  /// The circumstances of a kill.
  struct Kill {
    core::Time at;
    std::vector<std::size_t> sick;  ///< that allow a kill
    bool frozen;
    bool is_as(const Kill& other) const { return sick == other.sick && frozen == other.frozen; }
  };
  std::vector<Kill> vain_;  ///< since the world has changed
  std::optional<Kill> kill_under_way_;
  core::Time operations_from_{};
  unsigned operations_ = 0;
  core::Time owes_since_{};
  core::Time unknowable_until_{};
  bool has_looked_ = false;  ///< in this life, at bgpd or for its process
  core::Time settles_until_{};
  core::Health all_ = core::Health::unknown;
  core::Time all_since_{};
  core::Time runs_since_{};
  bool runs_ = false;
  unsigned edits_ = 0;  ///< of bgpd's configuration, by others
  core::Time edited_at_{};
  std::optional<unsigned> seen_changes_;  ///< foreign changes of bgpd when withdrawd last read it
  core::Time seen_at_{};                  ///< which was then
  bool may_have_missed_ = false;
  std::map<std::string, core::Time> told_;
  core::Time last_now_{};
  unsigned steps_now_ = 0;
  std::optional<Violation> violation_;
};

}  // namespace withdrawd::simulation
