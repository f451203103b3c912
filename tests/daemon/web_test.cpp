#include "daemon/web.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "some_report.hpp"

using namespace withdrawd;
using daemon::HttpRoutes;
using daemon::what_fails;
using daemon::testing::some_report;

TEST_CASE("nothing fails while all is up and as it should be, or health is not known yet") {
  auto report = some_report();
  CHECK(what_fails(report) == std::nullopt);
  report.checks[0].health = core::Health::unknown;
  CHECK(what_fails(report) == std::nullopt);
  report.prefixes[0].desired = core::Desired::withdrawn;  // by a drain, say: so it should be
  CHECK(what_fails(report) == std::nullopt);
}

TEST_CASE("a check that is down fails, in its own words") {
  auto report = some_report();
  report.checks[0].health = core::Health::down;
  report.checks[0].story = "check \"resolver\" timed out 1 of 1";
  CHECK(what_fails(report) == "check \"resolver\" timed out 1 of 1");
  report.checks.push_back(report.checks[0]);
  CHECK(what_fails(report) == "check \"resolver\" timed out 1 of 1 (and 1 more)");
}

TEST_CASE("a prefix that is not as it should be fails, with what stands in between") {
  auto report = some_report();
  report.prefixes[1].agrees = false;
  CHECK(what_fails(report) == "rule \"anycast\": 2001:db8:53::/48 should be announced and is not");
  report.prefixes[1].trouble = "there is no route-map TAG";
  CHECK(what_fails(report) ==
        "rule \"anycast\": 2001:db8:53::/48 should be announced, but: there is no route-map TAG");
}

TEST_CASE("a prefix that is reached otherwise than it should be fails, and says how") {
  auto report = some_report();
  report.prefixes[1].reach = {{core::Reach::Kind::default_route, "has a default route"}};
  CHECK(what_fails(report) == std::nullopt);
  report.prefixes[1].reach.push_back({core::Reach::Kind::unheard, "is heard by nobody"});
  CHECK(what_fails(report) ==
        "rule \"anycast\": 2001:db8:53::/48 should be announced, but it is heard by nobody");
}

TEST_CASE("a sick prefix that stays announced comes before anything else that fails") {
  auto report = some_report();
  report.failing = true;
  report.bgpd_reachable = false;
  report.checks[0].health = core::Health::down;
  CHECK(what_fails(report) == "a sick prefix is still announced");
  report.prefixes[1].agrees = false;
  report.prefixes[1].desired = core::Desired::withdrawn;
  CHECK(what_fails(report) == "rule \"anycast\": 2001:db8:53::/48 should be withdrawn and is not");
}

TEST_CASE("what somebody else changes back again and again is no sick prefix") {
  auto report = some_report();
  report.failing = true;
  report.prefixes[1].reach = {{core::Reach::Kind::contested, "comes back"}};
  CHECK(what_fails(report) ==
        "rule \"anycast\": 2001:db8:53::/48 should be announced, but it comes back");
}

TEST_CASE("a bgpd that cannot be reached fails; one that does not run is its prefixes' matter") {
  auto report = some_report();
  report.bgpd_reachable = false;
  CHECK(what_fails(report) == "bgpd cannot be reached");
  report.bgpd_gone = true;
  CHECK(what_fails(report) == std::nullopt);
}

TEST_CASE("/healthz is 200 and ok, or 503 and why") {
  auto report = some_report();
  HttpRoutes routes;
  daemon::add_web_routes(routes, {.report = [&report] { return report; }, .metrics = {}});
  const auto fine = routes.answer({"/healthz", ""}, core::Time());
  CHECK(fine->status == 200);
  CHECK(fine->body == "ok\n");
  report.bgpd_reachable = false;
  const auto bad = routes.answer({"/healthz", ""}, core::Time() + std::chrono::seconds(1));
  CHECK(bad->status == 503);
  CHECK(bad->body == "bgpd cannot be reached\n");
}

TEST_CASE("/status.json is what status --json prints") {
  HttpRoutes routes;
  daemon::add_web_routes(routes, {.report = some_report, .metrics = {}});
  const auto answer = routes.answer({"/status.json", ""}, core::Time());
  CHECK(answer->type == "application/json");
  CHECK(answer->body.ends_with("}\n"));
  const auto value = boost::json::parse(answer->body);
  CHECK(value.at("source") == "daemon");
  CHECK(value.at("prefixes").as_array().size() == 2);
}
