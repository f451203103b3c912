#pragma once

#include <functional>

#include "core/controller.hpp"
#include "daemon/http.hpp"
#include "daemon/status_page.hpp"

namespace withdrawd::daemon {

/// `/`, and what the page asks for: `/page.json` and `/find.json`. `page` must outlive the routes.
void add_page_routes(HttpRoutes& routes, StatusPage& page, std::function<core::Report()> report);

}  // namespace withdrawd::daemon
