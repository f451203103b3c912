#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.hpp"

namespace withdrawd::daemon {

/// What was asked for, by GET or HEAD. It comes from outside: what is shown of it is escaped first.
struct HttpRequest {
  std::string path;   ///< "/status.json", as it was sent
  std::string query;  ///< what stands behind the question mark, as it was sent
};

/// What is answered. The server adds the length and headers that keep a browser from doing anything
/// with the body but showing it (`Content-Security-Policy: default-src 'none'` and the like); a
/// header that stands here goes before its own of that name.
struct HttpResponse {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// Which path is answered by whom. Handlers run on the event loop: what takes long to make is made
/// once for all who ask within `fresh`, or within 20 times as long as making it took, so that
/// nobody can keep the loop busy by asking.
class HttpRoutes {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  /// Of what is as live as the status is.
  static constexpr auto live = std::chrono::milliseconds(200);
  /// `fresh` zero: made for each request. Else it may not depend on the query.
  void add(std::string path, Handler handler, core::Duration fresh = {});

  /// 404 where there is no such path.
  std::shared_ptr<const HttpResponse> answer(const HttpRequest& request, core::Time now);

  /// In alphabetical order.
  std::vector<std::string> paths() const;

 private:
  struct Route {
    Handler handler;
    core::Duration fresh;
    std::shared_ptr<const HttpResponse> made{};
    core::Time fresh_until{};
  };
  std::map<std::string, Route, std::less<>> routes_;
};

/// May a browser that asks with this Host header be answered? Names would let any web site point
/// its own name here and read what it gets (DNS rebinding), so only "localhost", literal addresses
/// and `names` will do; none at all is no browser.
bool is_known_host(std::string_view host, const std::vector<std::string>& names);

}  // namespace withdrawd::daemon
