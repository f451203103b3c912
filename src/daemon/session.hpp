#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "core/time.hpp"
#include "daemon/log.hpp"

namespace withdrawd::daemon {

/// How one run of withdrawd differs from another: in how long it drives the Controller.
struct SessionPlan {
  std::string mode;                 ///< "run", "cron", "once": who holds the lock
  std::optional<core::Time> until;  ///< ends then, or a moment later if bgpd is being changed
  bool single_round = false;        ///< ends when observed is desired, or nothing can be done
  bool waits_its_turn = false;      ///< while another bounded run holds the lock
  /// SIGHUP: the configuration to go on with, or what is wrong with it. None: SIGHUP ends the run.
  std::function<core::Result<config::Config>()> reload;
};

/// Takes the lock, decides and acts until the plan says so or SIGTERM or SIGINT comes, and leaves
/// announcements as they are. Gives the exit status.
int run_session(config::Config config, Log log, SessionPlan plan);

}  // namespace withdrawd::daemon
