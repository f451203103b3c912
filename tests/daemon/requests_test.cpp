#include "daemon/requests.hpp"

#include <doctest/doctest.h>

using namespace withdrawd;
using daemon::Request;

TEST_CASE("a request is understood as it was meant") {
  Request request{.verb = Request::Verb::drain,
                  .target = "any cast",
                  .who = "alice",
                  .why = "a \"kernel\"",
                  .length = std::chrono::minutes(30)};
  const auto back = Request::parse(request.line());
  REQUIRE(back);
  CHECK(back->verb == Request::Verb::drain);
  CHECK(back->target == "any cast");
  CHECK(back->who == "alice");
  CHECK(back->why == "a \"kernel\"");
  CHECK(back->length == std::chrono::minutes(30));
  for (const auto verb :
       {Request::Verb::status, Request::Verb::undrain, Request::Verb::reload, Request::Verb::now}) {
    request.verb = verb;
    CHECK(Request::parse(request.line())->verb == verb);
  }
}

TEST_CASE("a request that is none is refused, and nothing of it gets into a log as it came") {
  for (const char* line :
       {"", "drian", "drain", "drain 5", "drain {", "drain {\"for_ms\":0}", "drain {\"for_ms\":-1}",
        "drain {\"for_ms\":\"1\"}", "drain {\"for_ms\":99999999999999}", "status\x01"}) {
    CAPTURE(line);
    CHECK_FALSE(Request::parse(line));
  }
  CHECK(Request::parse("st\033[31m").error().text().find("st\\x1b[31m") != std::string::npos);
  const auto odd = Request::parse("drain {\"who\":\"a\\nb\",\"why\":\"\\u0007\",\"target\":3}");
  REQUIRE(odd);
  CHECK(odd->who == "a\\x0ab");
  CHECK(odd->why == "\\x07");
  CHECK(odd->target.empty());
  CHECK(Request::parse("undrain {}")->who == "somebody");
}
