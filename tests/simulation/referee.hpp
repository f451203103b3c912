#pragma once

#include <algorithm>
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
  void born(const std::optional<Knowledge>& from, core::Time now);
  void died(core::Time now);
  void answered(std::size_t check, const core::Outcome& outcome, core::Time now);
  /// An operator has drained a prefix, until then or for good, or has ended its drain.
  struct Drained {
    std::optional<core::Time> until;
  };
  void drained(std::size_t slot, const std::optional<Drained>& drain, core::Time now);
  /// bgpd's configuration, as it was when it was read, has reached withdrawd.
  void has_seen(const core::RunningConfig& config, unsigned foreign_changes);
  void missed_something() { may_have_missed_ = true; }

  // What it does.
  /// The check is asked although it has not been answered, which counts no longer.
  void overtakes(std::size_t check) { checks_[check].being_asked = false; }
  void asks(std::size_t check, core::Time now);
  void sends(const core::Plan& plan, core::Time now);
  void stops(core::Time now);
  void kills(core::Time now) { killed_at_ = now; }  ///< and bgpd is dead
  void restarts(core::Time now);
  void finds(core::Time now);
  void operates(core::Time now);
  void tells(const core::Tell& line, core::Time now);
  void restart_ended(core::Time now) { settles_until_ = now + setting_.settings.settle; }
  /// A statement of withdrawd's has reached bgpd; `late`: long after withdrawd had given it up.
  void typed(const BgpdModel::Session::Statement& statement, bool late, core::Time now);

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
  struct Knowledge {
    std::vector<Count> counts;
    std::vector<std::optional<core::NetworkOptions>> options;
    std::vector<std::optional<Drained>> drains;
  };
  Knowledge knowledge() const;

  const std::optional<Violation>& violation() const { return violation_; }
  void complain(core::Time now, std::string text);

  core::Health verdict(const core::Rule& rule) const;
  core::Health verdict_on_all() const;
  bool any_wanted() const;

 private:
  struct CheckState {
    Count count;
    bool asked_in_this_life = false;
    bool being_asked = false;
    core::Time asked_at{};
  };
  struct SlotState {
    core::Health health = core::Health::unknown;  ///< of its rule
    core::Time health_since{};
    std::optional<Drained> drain;
    core::Health verdict = core::Health::unknown;  ///< what is drained is as good as down
    core::Time verdict_since{};
    bool announced = false;
    core::Time announced_since{};
    core::Time last_unwanted{};  ///< when bgpd was last on its way not to announce it
    bool wrong = false;          ///< healthy, and not as it should be
    core::Time wrong_since{};
    std::optional<core::NetworkOptions> options;  ///< as withdrawd has last seen them
    bool options_uncertain = false;
  };

  void judge(std::size_t slot, core::Time now);
  std::optional<core::NetworkOptions> wanted_options(std::size_t slot) const;
  std::string text(std::size_t slot) const;

  const Setting& setting_;
  BgpdModel& bgpd_;
  std::vector<CheckState> checks_;
  std::vector<SlotState> slots_;
  core::Time born_{};
  bool alive_ = false;
  core::Time calm_since_{};
  core::Time sees_since_{};
  core::Time stopped_at_{};
  core::Time killed_at_{};
  core::Time restarted_at_{};
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
  bool may_have_missed_ = false;
  std::map<std::string, core::Time> told_;
  core::Time last_now_{};
  unsigned steps_now_ = 0;
  std::optional<Violation> violation_;
};

}  // namespace withdrawd::simulation
