#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bgp.hpp"
#include "core/events.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

/// \file
/// What peers may still have of a bgpd that was killed: a session that has merely broken off makes
/// a peer with graceful restart keep all that it has heard in it (RFC 4724, RFC 9494).
struct StaleRoutes {
  std::vector<std::string> peers;  ///< their addresses; empty: not known which
  std::string why;                 ///< their sessions were not ended by a NOTIFICATION
  std::optional<Time> until;       ///< none: nobody knows, bgpd was never read
  bool operator==(const StaleRoutes&) const = default;

  /// "peers with graceful restart may keep its prefixes for up to 2 min (10.0.0.2; why)"
  std::string text(Time now) const;
};

/// What bgpd's configuration says of graceful restart; none: it has not been read.
using KnownGracefulRestart = std::optional<std::optional<GracefulRestart>>;

/// None: no peer keeps anything, since all sessions have been ended or bgpd asks nobody to. That
/// there was none to be ended is no all-clear where bgpd is known to have graceful restart.
std::optional<StaleRoutes> stale_routes(const SessionsEnded& sessions,
                                        const KnownGracefulRestart& known, Time now);

/// For a report.
struct StaleReport {
  std::vector<std::string> peers;
  std::string why;
  std::optional<Duration> left;  ///< none: nobody knows
};
std::optional<StaleReport> report(const std::optional<StaleRoutes>& stale, Time now);

/// ", and 2 BGP sessions ended by a NOTIFICATION", or "; " and what peers may keep, or nothing.
std::string tell_sessions(const SessionsEnded& sessions, const std::optional<StaleRoutes>& stale,
                          Time now);

}  // namespace withdrawd::core
