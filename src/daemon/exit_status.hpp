#pragma once

namespace withdrawd::daemon {

/// What the process ends with; documented in the README.
enum ExitStatus : int {
  exit_fine = 0,
  exit_unhealthy = 1,    ///< something is unhealthy, or observed is not desired
  exit_usage = 2,        ///< usage, configuration, or another withdrawd is at work
  exit_unreachable = 3,  ///< bgpd cannot be reached
};

}  // namespace withdrawd::daemon
