#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bgp.hpp"
#include "core/check.hpp"
#include "core/prefix.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

enum class Mode : std::uint8_t {
  soft,  ///< by prefix, through bgpd's vty
  hard,  ///< by process: stop and restart bgpd, as the 2016 script did
};

/// Prefixes, the checks they depend on, and what to do when they are down.
struct Rule {
  std::string name;
  std::vector<Prefix> prefixes;
  std::vector<std::size_t> checks;  ///< indices into Settings::checks; all must be up
  InstanceChoice instance;
  std::optional<RouteMapName> route_map;  ///< announced with this one; none: with what bgpd had
  bool may_fall_back = true;              ///< may its failure take the hard path?
};

struct Fallback {
  /// A prefix that must not be announced and still is (or of which nobody knows): this long.
  Duration after = std::chrono::seconds(5);
  /// From the kill to the restart; doubled by each further kill, up to the maximum.
  Duration restart_delay = std::chrono::seconds(2);
  Duration restart_delay_max = std::chrono::minutes(10);
};

/// All that the Controller decides by.
struct Settings {
  Mode mode = Mode::soft;
  std::vector<Check> checks;
  std::vector<Rule> rules;  ///< hard mode needs none: there every check counts
  Fallback fallback;
  Duration reconcile_interval = std::chrono::seconds(10);
  Duration settle =
      std::chrono::seconds(2);  ///< hard mode: nothing is asked so soon after a restart
  /// One outcome is a verdict while health is unknown: for a single round, which has no time to
  /// count further.
  bool first_outcome_decides = false;
};

}  // namespace withdrawd::core
