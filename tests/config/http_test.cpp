#include "config/http.hpp"

#include <doctest/doctest.h>

#include "written_config.hpp"

using namespace withdrawd;
using config::HttpAddress;

namespace {

std::string with_http(const std::string& keys) {
  return "[http]\n" + keys + "\n" + std::string(sound);
}

}  // namespace

TEST_CASE("HTTP is listened for on addresses and unix sockets") {
  const auto& http =
      parsed(with_http(R"(listen = ["127.0.0.1:9853", "[::1]:9853", "unix:/run/w/http.sock"])"))
          .http;
  REQUIRE(http.listen.size() == 3);
  CHECK(http.listen[0].text() == "127.0.0.1:9853");
  CHECK(http.listen[1].text() == "[::1]:9853");
  CHECK(http.listen[2].text() == "unix:/run/w/http.sock");
  CHECK(http.listen[2].socket == "/run/w/http.sock");
  CHECK(parsed(with_http("listen = \"127.0.0.2:80\"")).http.listen.size() == 1);
}

TEST_CASE("nobody listens for HTTP unless told where") {
  CHECK(parsed(sound).http.listen.empty());
}

TEST_CASE("what no HTTP can be listened for on is refused with what would be right") {
  const auto says = [](const char* listen, const char* what) {
    const auto all = complaints(with_http(std::string("listen = ") + listen));
    CAPTURE(listen);
    REQUIRE(all.size() == 1);
    CAPTURE(all[0]);
    CHECK(all[0].find(what) != std::string::npos);
  };
  says("\"127.0.0.1\"", "it has no port (as in 127.0.0.1:9853)");
  says("\"localhost:9853\"", "it is neither an IPv4 nor an IPv6 address");
  says("\"unix:http.sock\"", "not absolute (as in unix:/run/withdrawd/http.sock)");
  says(("\"unix:/" + std::string(200, 'x') + "\"").c_str(), "107 bytes at most");
  says("[\"127.0.0.1:1\", \"127.0.0.1:1\"]", "twice");
  says("9853", "expected an address and port, or a unix socket");
}

TEST_CASE("listening where other hosts can ask takes a decision, and gets a warning") {
  for (const char* address : {"0.0.0.0:9853", "192.0.2.1:9853", "[::]:9853", "[2001:db8::1]:80"}) {
    const auto listen = "listen = \"" + std::string(address) + "\"\n";
    const auto refused = complaints(with_http(listen));
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].find("allow_remote = true") != std::string::npos);
    const auto allowed = config::parse(with_http(listen + "allow_remote = true"), "t");
    REQUIRE(allowed);
    REQUIRE(allowed->warnings.size() == 1);
    CHECK(allowed->warnings[0].message.find("without a log-in") != std::string::npos);
  }
  for (const char* address : {"127.0.0.1:1", "127.255.0.3:1", "[::1]:1", "unix:/run/s"}) {
    CHECK(HttpAddress::parse(address).value().is_local());
  }
}

TEST_CASE("names of hosts are compared in lower case and without a dot at the end") {
  const auto& http =
      parsed(with_http("listen = \"127.0.0.1:1\"\nhosts = [\"NOC.Example.net.\"]")).http;
  CHECK(http.hosts == std::vector<std::string>{"noc.example.net"});
  CHECK(complaints(with_http("listen = \"127.0.0.1:1\"\nhosts = [\"a:80\"]")).size() == 1);
}

TEST_CASE("keys that need listen are told to be of no use without it") {
  const auto result = config::parse(with_http("hosts = [\"a\"]"), "t");
  REQUIRE(result);
  REQUIRE(result->warnings.size() == 1);
  CHECK(result->warnings[0].message == "\"hosts\" in [http] is of no use without \"listen\"");
}
