#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "cli/doctor_findings.hpp"
#include "core/stale_routes.hpp"
#include "vty/neighbors.hpp"

namespace withdrawd::cli {

/// \file
/// Would peers let go of what a killed bgpd had announced? With graceful restart only those do
/// whose sessions are ended by a NOTIFICATION, for which withdrawd needs more than it does to kill.

struct SessionFacts {
  std::size_t count = 0;  ///< BGP sessions that stand
  std::string problem;    ///< why this user cannot end them; empty: it can
};

/// Looks at the process's sockets, and closes its copies again.
SessionFacts gather_sessions(pid_t bgpd);

/// `known`: what bgpd's configuration says, which hard mode does not read. `acts`: what this user
/// may not do, withdrawd may not either.
Finding judge_sessions(const core::KnownGracefulRestart& known,
                       const std::vector<vty::Neighbor>& neighbors, const SessionFacts& facts,
                       bool acts);

}  // namespace withdrawd::cli
