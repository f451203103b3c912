#include "core/stale_routes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace withdrawd::core {

std::optional<StaleRoutes> stale_routes(const SessionsEnded& sessions,
                                        const KnownGracefulRestart& known, Time now) {
  if (known && !*known) return std::nullopt;
  // A frozen bgpd's sessions may have gone without a trace, and peers have kept what they heard.
  const bool none_was_left = known && sessions.ended == 0;
  if (sessions.all() && !none_was_left) return std::nullopt;
  StaleRoutes stale{sessions.left, sessions.problem, {}};
  if (stale.why.empty()) stale.why = "none was left to send it on";
  if (known) stale.until = now + (*known)->kept();
  return stale;
}

std::string StaleRoutes::text(Time now) const {
  return fmt::format(
      "peers with graceful restart may keep its prefixes{} ({}their "
      "sessions have no NOTIFICATION: {})",
      until ? " for up to " + describe(*until - now) : " until it runs again",
      peers.empty() ? "" : fmt::format("{}; ", fmt::join(peers, ", ")), why);
}

std::optional<StaleReport> report(const std::optional<StaleRoutes>& stale, Time now) {
  if (!stale || (stale->until && *stale->until <= now)) return std::nullopt;
  return StaleReport{stale->peers, stale->why,
                     stale->until ? std::optional(*stale->until - now) : std::nullopt};
}

std::string tell_sessions(const SessionsEnded& sessions, const std::optional<StaleRoutes>& stale,
                          Time now) {
  if (stale) return "; " + stale->text(now);
  if (sessions.ended == 0) return "";
  return fmt::format(", and {} BGP session{} ended by a NOTIFICATION", sessions.ended,
                     sessions.ended == 1 ? "" : "s");
}

}  // namespace withdrawd::core
