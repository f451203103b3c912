#include "daemon/page_routes.hpp"

#include <boost/json.hpp>
#include <memory>
#include <utility>

namespace withdrawd::daemon {
namespace {

HttpResponse json_response(const boost::json::object& object) {
  return {.type = "application/json", .body = boost::json::serialize(object) + "\n"};
}

}  // namespace

void add_page_routes(HttpRoutes& routes, StatusPage& page, std::function<core::Report()> report) {
  const auto look = std::make_shared<const std::function<core::Report()>>(std::move(report));
  routes.add(
      "/",
      [look](const HttpRequest&) {
        HttpResponse response{.type = "text/html; charset=utf-8",
                              .body = StatusPage::html((*look)())};
        response.headers.emplace_back("Content-Security-Policy",
                                      StatusPage::content_security_policy());
        return response;
      },
      HttpRoutes::live);
  routes.add(
      "/page.json",
      [look, &page](const HttpRequest&) {
        return json_response(page.to_json((*look)(), StatusPage::Moment::now()));
      },
      HttpRoutes::live);
  routes.add("/find.json", [look, &page](const HttpRequest& request) {
    return json_response(page.find((*look)(), request.query, StatusPage::Moment::now()));
  });
}

}  // namespace withdrawd::daemon
