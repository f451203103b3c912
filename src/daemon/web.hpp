#pragma once

#include <functional>

#include "core/controller.hpp"
#include "daemon/http.hpp"

namespace withdrawd::daemon {

/// Where what is shown comes from. It is asked when somebody asks.
struct WebSources {
  std::function<core::Report()> report;
  std::function<std::string()> metrics;
};

/// The paths that withdrawd answers, but for /events, which is the server's.
void add_web_routes(HttpRoutes& routes, WebSources sources);

/// As `status --json` prints it when it has asked the daemon, with the end of its line.
std::string status_json(const core::Report& report);

/// Is everything as it should be, for a load balancer or a probe? None: yes. Else what is not, in
/// one line. It is not when
/// - a sick prefix is still announced and nothing more will be done about it by itself,
/// - bgpd cannot be reached, although it runs (or nobody knows),
/// - a check is down, or
/// - observed is not desired for some prefix.
/// A check whose health is still unknown is none of that.
std::optional<std::string> what_fails(const core::Report& report);

}  // namespace withdrawd::daemon
