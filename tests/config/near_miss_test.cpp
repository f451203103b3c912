#include "config/near_miss.hpp"

#include <doctest/doctest.h>

using withdrawd::config::near_miss;

namespace {

const std::vector<std::string> keys{"socket", "socket_timeout", "telnet",         "telnet_timeout",
                                    "as",     "restart",        "restart_timeout"};

}  // namespace

TEST_CASE("one letter more, less, changed or swapped is a near miss") {
  CHECK(near_miss("sockett", keys) == "socket");
  CHECK(near_miss("scket", keys) == "socket");
  CHECK(near_miss("sacket", keys) == "socket");
  CHECK(near_miss("osckte", keys) == "socket");
  CHECK(near_miss("socket-timeout", keys) == "socket_timeout");
  CHECK(near_miss("Telnet", keys) == "telnet");
  CHECK(near_miss("asn", keys) == "as");
}

TEST_CASE("the nearest of several is taken") {
  CHECK(near_miss("tlnet_timeout", keys) == "telnet_timeout");
  CHECK(near_miss("restrt_timeout", keys) == "restart_timeout");
}

TEST_CASE("a word cut short stands for the first that begins with it") {
  CHECK(near_miss("warn", {"debug", "info", "warning"}) == "warning");
  CHECK(near_miss("sock", keys) == "socket");
}

TEST_CASE("what is far from everything has no near miss") {
  CHECK(near_miss("interval", keys) == "");
  CHECK(near_miss("x", keys) == "");
  CHECK(near_miss("", keys) == "");
  CHECK(near_miss("socket", {}) == "");
  CHECK(near_miss(std::string(100000, 's'), keys) == "");
}
