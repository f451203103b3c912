#pragma once

#include <optional>
#include <string>

#include "core/events.hpp"
#include "core/settings.hpp"
#include "core/soft_path.hpp"

namespace withdrawd::core {

/// The hard path as a last resort of the soft one: kills bgpd when a prefix that must not be
/// announced could not be withdrawn for `Fallback::after`, and starts it again once a prefix is
/// wanted. Passive: the Controller drives it.
class LastResort {
 public:
  /// What a later run has to know: without it, nobody would start the bgpd that we killed.
  struct Memory {
    bool killed = false;  ///< by us, and not running since
    unsigned kills = 0;   ///< in a row; sets how long the next restart waits
    auto operator<=>(const Memory&) const = default;
  };

  LastResort(const Fallback& settings, const Memory& memory, Time now);

  /// Starts a kill or a restart if it is time for one.
  void advance(const SoftPath& soft, Time now, Effects& effects);
  std::optional<Time> next_wake(const SoftPath& soft) const;

  void on(const BgpdStopped& event, Time now, Effects& effects);
  void on(const BgpdRestarted& event, Time now, Effects& effects);
  /// bgpd answers or was seen running: whoever started it.
  void bgpd_is_back(Effects& effects);

  const Memory& memory() const { return memory_; }
  bool busy() const { return stopping_ || restarting_; }
  /// A prefix that must not be announced still is, and nothing more will be done about it.
  bool failing() const { return told_forbidden_; }

 private:
  Duration restart_delay() const;

  const Fallback& settings_;
  Memory memory_;
  Time restart_at_;
  std::optional<Time> last_kill_;
  std::optional<Time> next_stop_;  ///< after a kill that failed
  bool stopping_ = false;
  bool restarting_ = false;
  bool told_forbidden_ = false;
  std::string cause_;
};

}  // namespace withdrawd::core
