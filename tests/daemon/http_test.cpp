#include "daemon/http.hpp"

#include <doctest/doctest.h>

using namespace withdrawd;
using namespace std::chrono_literals;
using daemon::HttpRequest;
using daemon::HttpResponse;
using daemon::HttpRoutes;

TEST_CASE("a path is answered by its handler, and by nobody else") {
  HttpRoutes routes;
  routes.add("/a", [](const HttpRequest& request) {
    return HttpResponse{.status = 503, .body = "a?" + request.query};
  });
  const auto found = routes.answer({"/a", "x=1"}, core::Time());
  CHECK(found->status == 503);
  CHECK(found->body == "a?x=1");
  CHECK(routes.answer({"/a/", ""}, core::Time())->status == 404);
  CHECK(routes.answer({"", ""}, core::Time())->status == 404);
}

TEST_CASE("what stays fresh is made once for all who ask meanwhile") {
  HttpRoutes routes;
  int made = 0;
  routes.add(
      "/slow", [&made](const HttpRequest&) { return HttpResponse{.body = std::to_string(++made)}; },
      10s);
  const core::Time start{};
  CHECK(routes.answer({"/slow", ""}, start)->body == "1");
  CHECK(routes.answer({"/slow", ""}, start + 9999ms)->body == "1");
  CHECK(routes.answer({"/slow", ""}, start + 10s)->body == "2");
}

TEST_CASE("what takes long to make stays fresh for longer") {
  HttpRoutes routes;
  int made = 0;
  routes.add(
      "/slow",
      [&made](const HttpRequest&) {
        const auto begun = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - begun < 5ms) {
        }
        return HttpResponse{.body = std::to_string(++made)};
      },
      1ms);
  const core::Time start{};
  CHECK(routes.answer({"/slow", ""}, start)->body == "1");
  CHECK(routes.answer({"/slow", ""}, start + 99ms)->body == "1");
  CHECK(routes.answer({"/slow", ""}, start + 60s)->body == "2");
}

TEST_CASE("only a name that is known can be asked by") {
  const std::vector<std::string> names{"noc.example.net"};
  for (const char* known :
       {"", "127.0.0.1", "127.0.0.1:9853", "[::1]:9853", "192.0.2.1", "localhost", "LOCALHOST:9853",
        "localhost.", "noc.example.net", "NOC.example.net:9853"}) {
    CAPTURE(known);
    CHECK(daemon::is_known_host(known, names));
  }
  for (const char* unknown :
       {"evil.example", "noc.example.net.evil.example", "localhost.evil.example", "127.0.0.1.evil",
        "127.0.0.1:9853:1", "evil.example:127.0.0.1", "a b", ":", "noc.example.net/x", "[::1"}) {
    CAPTURE(unknown);
    CHECK_FALSE(daemon::is_known_host(unknown, names));
  }
}
