#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "core/bgp.hpp"
#include "core/failure.hpp"
#include "core/outcome.hpp"
#include "core/plan.hpp"
#include "core/severity.hpp"

namespace withdrawd::core {

// What happens in the world: goes into the Controller.

/// A check was asked and this came of it.
struct CheckAnswered {
  std::size_t check;
  Outcome outcome;
};

/// The answer to ReadBgpd.
struct BgpdRead {
  std::expected<Observed, Failure> observed;
  std::string via;  ///< the transport, for the log
};

/// The answer to ApplyPlan: bgpd as it was read back afterwards, or why the plan is not in effect.
struct PlanApplied {
  std::expected<Observed, Failure> observed;
  std::string via;
  std::vector<std::string> answered;  ///< what bgpd said that was not mere success
};

/// bgpd closed a connection that was kept open: it has died, or is being restarted.
struct ConnectionLost {};

/// The answer to FindBgpd: the pids; empty: not running.
struct BgpdFound {
  Result<std::vector<pid_t>> pids;
};

/// The answer to StopBgpd: the pids that were killed; empty: bgpd was not running.
struct BgpdStopped {
  Result<std::vector<pid_t>> pids;
};

/// The answer to RestartBgpd: what the command printed.
struct BgpdRestarted {
  Result<std::string> output;
};

using Event = std::variant<CheckAnswered, BgpdRead, PlanApplied, ConnectionLost, BgpdFound,
                           BgpdStopped, BgpdRestarted>;

// What the Controller wants done. Each but Tell is answered by exactly one event, some time later.

struct AskCheck {
  std::size_t check;
};

struct ReadBgpd {
  std::vector<Lookup> lookups;
};

struct ApplyPlan {
  Plan plan;
  std::vector<Lookup> lookups;  ///< to be made when the configuration has been read back
};

struct FindBgpd {};
struct StopBgpd {};
struct RestartBgpd {};

/// One line for the operator.
struct Tell {
  Severity severity;
  std::string text;
};

using Effect = std::variant<AskCheck, ReadBgpd, ApplyPlan, FindBgpd, StopBgpd, RestartBgpd, Tell>;
using Effects = std::vector<Effect>;

}  // namespace withdrawd::core
