#include "daemon/http.hpp"

#include <algorithm>

#include "config/http.hpp"
#include "core/address.hpp"

namespace withdrawd::daemon {
namespace {

/// So much of the loop's time may go into one path.
constexpr int at_most_one_in = 20;

}  // namespace

void HttpRoutes::add(std::string path, Handler handler, core::Duration fresh) {
  routes_.insert_or_assign(std::move(path), Route{std::move(handler), fresh});
}

std::shared_ptr<const HttpResponse> HttpRoutes::answer(const HttpRequest& request, core::Time now) {
  const auto found = routes_.find(request.path);
  if (found == routes_.end()) {
    return std::make_shared<HttpResponse>(
        HttpResponse{.status = 404, .body = "There is no such page. / is the first.\n"});
  }
  Route& route = found->second;
  if (route.made && now < route.fresh_until) return route.made;
  const auto begun = std::chrono::steady_clock::now();
  auto response = std::make_shared<const HttpResponse>(route.handler(request));
  if (route.fresh > core::Duration::zero()) {
    const core::Duration took = std::chrono::steady_clock::now() - begun;
    route.made = response;
    route.fresh_until = now + std::max<core::Duration>(route.fresh, at_most_one_in * took);
  }
  return response;
}

std::vector<std::string> HttpRoutes::paths() const {
  std::vector<std::string> paths;
  paths.reserve(routes_.size());
  for (const auto& [path, route] : routes_) paths.push_back(path);
  return paths;
}

bool is_known_host(std::string_view host, const std::vector<std::string>& names) {
  if (host.empty()) return true;
  if (core::Endpoint::parse(host, 80)) return true;
  const auto name = config::parse_host_name(host.substr(0, host.rfind(':')));
  return name && (*name == "localhost" || std::ranges::find(names, *name) != names.end());
}

}  // namespace withdrawd::daemon
