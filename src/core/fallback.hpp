#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/repeated_failure.hpp"
#include "core/settings.hpp"
#include "core/soft_path.hpp"
#include "core/stale_routes.hpp"

namespace withdrawd::core {

/// The hard path as a last resort of the soft one: kills bgpd when a prefix that must not be
/// announced could not be withdrawn for `FallbackSettings::after`, and starts it again once a
/// prefix is wanted, or once peers have to be told what it no longer announces. For a prefix with
/// which bgpd came back after two kills it holds, whatever stood in the way each time: a third
/// would help nobody. Passive: the Controller drives it.
class Fallback {
 public:
  /// What a later run has to know: without it, nobody would start the bgpd that we killed.
  struct Memory {
    bool killed = false;              ///< by us (or about to be), and not seen running since
    unsigned kills = 0;               ///< in a row; sets how long the next restart waits
    std::optional<Time> last_kill{};  ///< none: not known
    bool restart_owed = false;  ///< also if no prefix is wanted: peers keep what they have heard
    auto operator<=>(const Memory&) const = default;
  };

  /// `stale`: what an earlier Fallback knew of that.
  Fallback(const FallbackSettings& settings, const Memory& memory, std::optional<StaleRoutes> stale,
           Time now);

  /// Starts a kill or a restart if it is time for one.
  void advance(SoftPath& soft, Time now, Effects& effects);
  std::optional<Time> next_wake(const SoftPath& soft) const;

  void on(const BgpdStopped& event, SoftPath& soft, Time now, Effects& effects);
  void on(const BgpdRestarted& event, Time now, Effects& effects);
  /// Could the processes be looked at? If not, a killed bgpd is started on suspicion.
  void process_known(bool known) { process_known_ = known; }
  /// bgpd answers or was seen running: whoever started it.
  void bgpd_is_back(Effects& effects);

  /// Also while the kill is under way: who dies in the middle of it must know it afterwards.
  Memory memory() const {
    Memory memory = memory_;
    memory.killed = memory.killed || stopping_;
    return memory;
  }
  bool busy() const { return stopping_ || restarting_; }
  /// The last attempt to start bgpd again has not brought it back.
  bool cannot_restart() const { return memory_.killed && failed_restarts_ > 0 && !started_; }
  /// A prefix that must not be announced still is: it may not be killed for, or cannot be.
  bool failing() const { return told_forbidden_ || told_unkillable_ || holding_; }
  /// Why; empty: it is not.
  std::string_view failing_why() const;
  /// What peers may still have of the bgpd that was killed last.
  const std::optional<StaleRoutes>& stale() const { return stale_; }

 private:
  bool owes_restart(const SoftPath& soft) const;
  Duration restart_delay() const;
  Duration pause_after_restart() const;
  Time due(const SoftPath::Exposed& exposed) const;
  std::optional<Time> held_until(const SoftPath::Exposed& exposed) const;
  void hold(const SoftPath::Exposed& exposed, Time until, Time now, Effects& effects);
  void tell(const std::string& cause, const std::string& failure, Time now, Effects& effects);

  const FallbackSettings& settings_;
  Memory memory_;
  Time restart_at_;
  std::optional<Time> next_stop_;  ///< after a kill that failed
  bool process_known_ = true;
  bool stopping_ = false;
  bool restarting_ = false;
  bool started_ = false;          ///< by us, after the kill, and not seen running yet
  unsigned failed_restarts_ = 0;  ///< in a row
  unsigned vain_stops_ = 0;       ///< in a row: bgpd answers, but there is no process to kill
  unsigned obeyed_ = 0;           ///< as the soft path had counted when last looked at
  bool told_forbidden_ = false;
  bool told_unkillable_ = false;
  bool holding_ = false;                 ///< and told
  std::vector<std::size_t> killed_for_;  ///< slots of the soft path, by the kill under way
  std::optional<StaleRoutes> stale_;
  std::string cause_;
  RepeatedFailure told_;
};

}  // namespace withdrawd::core
