#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bgp.hpp"
#include "core/check.hpp"
#include "core/error.hpp"
#include "core/fleet.hpp"
#include "core/prefix.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

enum class Mode : std::uint8_t {
  soft,  ///< by prefix, through bgpd's vty
  hard,  ///< by process: stop and restart bgpd, as the 2016 script did
};

/// Flap damping: each withdrawal adds `penalty`, which halves over `half_life`. Once over
/// `suppress` a prefix stays down until it is under `reuse`, so that upstreams which damp routes
/// (RFC 7196) have no reason to.
struct Damping {
  static constexpr double penalty = 1000;
  bool on = true;
  Duration half_life = std::chrono::minutes(5);
  double suppress = 5000;  ///< at least `penalty`
  double reuse = 2000;     ///< less than `suppress`
  auto operator<=>(const Damping&) const = default;
};

/// Rules of which so many prefixes together must stay announced.
struct Group {
  std::string name;
  std::size_t min_announced = 0;  ///< automatic withdrawals stop there
};

/// Prefixes, the checks they depend on, and what to do when they are down.
struct Rule {
  std::string name;
  std::vector<Prefix> prefixes;
  std::vector<std::size_t> checks;    ///< indices into Settings::checks
  std::size_t required = 0;           ///< so many of them must be up; 0: all
  std::vector<std::size_t> switches;  ///< checks that drain the rule while they are down
  InstanceChoice instance;
  std::optional<RouteMapName> route_map;  ///< announced with this one; none: with what bgpd had
  bool may_fall_back = true;              ///< may its failure take the hard path?
  std::optional<RouteMapName> on_down;    ///< stated with this one while down; none: withdrawn
  std::optional<RouteMapName> on_drain;   ///< likewise while drained
  std::optional<Duration> drain_grace;    ///< with on_drain: withdrawn after it; none: never
  Damping damping;
  std::optional<std::size_t> group;           ///< index into Settings::groups
  std::optional<FleetFloor> keep_announcing;  ///< none: the fleet's
  bool withdraw_at_start = false;  ///< nobody knows its health yet: withdrawn; else as it is
  bool withdraw_on_exit = false;   ///< withdrawn when a daemon ends
};

struct FallbackSettings {
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
  std::vector<Group> groups;
  std::optional<Fleet> fleet;
  FallbackSettings fallback;
  Duration reconcile_interval = std::chrono::seconds(10);
  Duration settle =
      std::chrono::seconds(2);  ///< hard mode: nothing is asked so soon after a restart
  /// One outcome is a verdict while health is unknown: for a single round, which has no time to
  /// count further.
  bool first_outcome_decides = false;
};

/// A prefix of a rule, by names that survive a change of the configuration.
using PrefixKey = std::pair<std::string, Prefix>;

/// All that `target` means: the name of a rule, a prefix, or "" for everything. An error lists what
/// there is.
Result<std::vector<PrefixKey>> find_prefixes(const Settings& settings, std::string_view target);

}  // namespace withdrawd::core
