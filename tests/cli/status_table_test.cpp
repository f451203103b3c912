#include "cli/status_table.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <sstream>

#include "cli/look.hpp"
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
        .desired_for = std::chrono::minutes(12),
        .why = "check \"resolver\" timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 s)",
        .configured = health == core::Health::up,
        .options = {},
        .in_table = health == core::Health::up,
        .peers = health == core::Health::up ? 3U : 0U,
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
  return cli::status_table(daemon::to_json(from), cli::Terminal(-1));
}

}  // namespace

TEST_CASE("the status table shows each prefix with its rule, and the cause once a rule") {
  CHECK(table(report()) ==
        "bgpd: answers\n"
        "PREFIX            SHOULD BE     FOR  HEALTH   CONF  TABLE  PEERS  RULE\n"
        "192.0.2.0/24      withdrawn     12m  down     no    no     0      anycast\n"
        "2001:db8:53::/48  withdrawn     12m  down     no    no     0      anycast\n"
        "    route-map TAG\n"
        "    check \"resolver\" timed out 1 of 1 (127.0.0.1:53, A www.test.com, 1.0 s)\n"
        "203.0.113.0/24    announced     12m  up       yes   yes    3      second\n"
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

TEST_CASE("drains, damping and what a minimum keeps are told with how long they will last") {
  using namespace std::chrono_literals;
  core::Report busy = report();
  busy.via = "socket";
  busy.groups = {{"edge", 2, 3, 2, 1}};
  busy.prefixes[0].drain = core::DrainReport{"alice", "new kernel", 90s, 28min, 30s};
  busy.prefixes[1].damping = core::DampingReport{5321, true, 6min};
  busy.prefixes[2].damping = core::DampingReport{1812, false, 0s};
  const std::string text = table(busy);
  CAPTURE(text);
  CHECK(
      text.starts_with("bgpd: answers through socket\n"
                       "group edge: 2 of 3 prefixes wanted, at least 2: 1 would be withdrawn, but "
                       "for\n  min_announced\n"));
  CHECK(
      text.find("drained by alice for 1 min 30 s (\"new kernel\"), 28 min left, withdrawn in 30") !=
      std::string::npos);
  CHECK(text.find("    flap damping: stays down for another 6 min (penalty 5321)\n") !=
        std::string::npos);
  CHECK(text.find("    flap damping: penalty 1812\n") != std::string::npos);
}

TEST_CASE("another host with this site's name is called out, and the exit status says so") {
  core::Report seen = report();
  seen.fleet = core::FleetReport{"edge", "fra1", true, "https://192.0.2.11:2379", {}, ""};
  CHECK(cli::exit_status_of(daemon::to_json(seen)) == 0);
  CHECK(table(seen).find("another host") == std::string::npos);
  seen.fleet->name_contested_by = "ns2/1";
  CHECK(cli::exit_status_of(daemon::to_json(seen)) == 1);
  CHECK(table(seen).find("fleet edge: another host (ns2/1) uses the site name fra1, too") !=
        std::string::npos);
}

TEST_CASE("a statement and a table that do not fit together are called out in words") {
  core::Report odd = report();
  odd.prefixes[0].in_table = true;
  odd.prefixes[2].in_table = false;
  const std::string text = table(odd);
  CHECK(text.find("in the table without a network statement") != std::string::npos);
  CHECK(text.find("has a network statement, but is not in the table") != std::string::npos);
}

TEST_CASE("how a prefix is reached stands under it, and a fault of that kind is one for scripts") {
  using Kind = core::Reach::Kind;
  core::Report seen = report();
  seen.prefixes[0].reach = {{Kind::default_route, "is covered by the default route"}};
  CHECK(cli::exit_status_of(daemon::to_json(seen)) == 0);
  CHECK(table(seen).find("    it is covered by the default route\n") != std::string::npos);
  seen.prefixes[2].reach = {{Kind::unheard, "is advertised to no peer"}};
  CHECK(cli::exit_status_of(daemon::to_json(seen)) == 1);
  CHECK(table(seen).find("    it is advertised to no peer\n") != std::string::npos);

  seen.failing = true;
  CHECK(table(seen).find("A sick prefix is still announced") != std::string::npos);
  seen.prefixes[0].reach = {{Kind::contested, "was announced by somebody else"}};
  CHECK(table(seen).find("Somebody else changes a prefix back again and again") !=
        std::string::npos);
  CHECK(table(seen).find("A sick prefix") == std::string::npos);
  seen.failing_why = "bgpd may not be killed for it";
  CHECK(table(seen).find("A sick prefix is still announced: bgpd may not be killed for it; a human "
                         "is needed.\n"
                         "Somebody else changes a prefix back again and again") !=
        std::string::npos);
  // An older daemon says nothing of it.
  auto old = daemon::to_json(seen);
  old.at("prefixes").at(0).as_object().erase("reach");
  CHECK(cli::reach_of(old.at("prefixes").at(0)).empty());
}

TEST_CASE("what is not known is a question mark, not a no") {
  core::Report unread = report();
  unread.bgpd_reachable = false;
  for (auto& prefix : unread.prefixes) {
    prefix.configured.reset();
    prefix.in_table.reset();
    prefix.peers.reset();
    prefix.desired_for.reset();
  }
  const std::string text = table(unread);
  CHECK(text.starts_with("bgpd: cannot be reached\n"));
  CHECK(text.find("192.0.2.0/24      withdrawn          down     ?     ?      ?      anycast\n") !=
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
