#pragma once

#include <cstdint>
#include <optional>

#include "core/bgp.hpp"
#include "core/desired.hpp"

namespace withdrawd::core {

/// What a prefix should be, and who wants it so.
struct DesiredState {
  enum class Reason : std::uint8_t {
    health,   ///< its checks
    start,    ///< nobody knows its health yet
    damping,  ///< its checks are up, but it has flapped
    minimum,  ///< it would be withdrawn, but for its group's min_announced
    fleet,    ///< it would be withdrawn, but the fleet has not given leave (yet)
    drain,    ///< an operator, or a switch that operators have
    exit,     ///< this run ends
  };
  Desired desired = Desired::as_it_is;
  Reason reason = Reason::health;
  std::optional<RouteMapName> route_map{};  ///< for `degraded`
  bool operator==(const DesiredState&) const = default;
};

/// What bgpd makes of a prefix, as far as it has been read.
enum class Standing : std::uint8_t {
  unknown,
  absent,
  stated,     ///< there is a statement, but no path in the table (yet)
  unstated,   ///< in the table, but there is no statement (any longer)
  announced,  ///< in the table, by a statement
};

}  // namespace withdrawd::core
