#include "cli/status_table.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <sstream>

#include "daemon/report_json.hpp"

using namespace withdrawd;

namespace {

core::Report report() {
  core::Report report{.mode = core::Mode::soft,
                      .checks = {},
                      .prefixes = {},
                      .bgpd_reachable = true,
                      .bgpd_gone = false,
                      .bgpd_killed = false,
                      .failing = false};
  const auto prefix = [](const char* text, core::Health health) {
    return core::PrefixReport{
        .rule = "anycast",
        .prefix = core::Prefix::parse(text).value(),
        .instance = "router bgp 65001",
        .health = health,
        .desired = health == core::Health::up ? core::Desired::announced : core::Desired::withdrawn,
        .why = "check \"resolver\" timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 s)",
        .configured = health == core::Health::up,
        .options = {},
        .in_table = health == core::Health::up,
        .trouble = {},
        .agrees = true};
  };
  report.prefixes.push_back(prefix("192.0.2.0/24", core::Health::down));
  report.prefixes.push_back(prefix("2001:db8:53::/48", core::Health::down));
  report.prefixes.back().options =
      core::NetworkOptions{core::RouteMapName::parse("TAG").value(), false, {}};
  report.prefixes.push_back(prefix("203.0.113.0/24", core::Health::up));
  report.prefixes.back().rule = "second";
  report.prefixes.back().why = "check \"other\" ok 3 of 3";
  return report;
}

std::string table(const core::Report& from) {
  // No terminal: a pipe's end would do; -1 is none either.
  return cli::status_table(daemon::to_json(from), cli::Palette(-1));
}

}  // namespace

TEST_CASE("the status table shows each prefix with its rule, and the cause once a rule") {
  CHECK(table(report()) ==
        "bgpd: answers\n"
        "PREFIX            HEALTH   DESIRED    CONFIGURED  IN TABLE  RULE\n"
        "192.0.2.0/24      down     withdrawn  no          no        anycast\n"
        "2001:db8:53::/48  down     withdrawn  no          no        anycast\n"
        "    route-map TAG\n"
        "    check \"resolver\" timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 s)\n"
        "203.0.113.0/24    up       announced  yes         yes       second\n"
        "    check \"other\" ok 3 of 3\n");
}

TEST_CASE("trouble stands under its prefix, in lines of 80 columns") {
  core::Report troubled = report();
  troubled.prefixes[0].trouble =
      "has no network statement, yet is in the table (redistribute or aggregate-address?) and so "
      "on and on";
  const std::string text = table(troubled);
  CHECK(text.find("    it has no network statement, yet is in the table") != std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
}

TEST_CASE("what is not known is a question mark, not a no") {
  core::Report unread = report();
  unread.bgpd_reachable = false;
  for (auto& prefix : unread.prefixes) {
    prefix.configured.reset();
    prefix.in_table.reset();
  }
  const std::string text = table(unread);
  CHECK(text.starts_with("bgpd: cannot be reached\n"));
  CHECK(text.find("192.0.2.0/24      down     withdrawn  ?           ?         anycast\n") !=
        std::string::npos);
}

TEST_CASE("a bgpd that the fallback killed is said to be so") {
  core::Report killed = report();
  killed.bgpd_killed = true;
  killed.bgpd_gone = true;
  CHECK(table(killed).starts_with("bgpd: killed by the fallback, and not running\n"));
}

TEST_CASE("the JSON of a report keeps its documented keys") {
  const auto value = daemon::to_json(report());
  CHECK(value.at("version") == 1);
  CHECK(value.at("mode") == "soft");
  CHECK(value.at("bgpd").at("running") == true);
  CHECK(value.at("prefixes").at(1).at("route_map") == "TAG");
  CHECK(value.at("prefixes").at(0).at("route_map").is_null());
  CHECK(value.at("prefixes").at(2).at("in_table") == true);
}
