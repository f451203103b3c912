#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "core/controller.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// What a look without a hand gave.
struct Observation {
  core::Report report;
  bool at_rest = false;               ///< nothing to do
  std::vector<std::string> withheld;  ///< what would be typed, or done, now
  std::vector<std::string> problems;  ///< errors met on the way
};

/// Asks every check once, reads bgpd, and says what would be done; changes nothing. One outcome
/// counts as a verdict. Ends within `limit`.
Observation observe(config::Config config, core::Duration limit);

}  // namespace withdrawd::daemon
