#include "cli/doctor_judge.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "vty/running_config.hpp"

using namespace withdrawd;
using cli::Finding;
using Verdict = Finding::Verdict;

namespace {

/// A host that nothing is wrong with; each test breaks something.
struct Host {
  config::Config config;
  cli::Facts facts;

  explicit Host(std::string_view bgpd = "router bgp 65001\n network 192.0.2.0/24\n!\n",
                std::string_view rule = "") {
    auto parsed = config::parse(
        "[check.dns]\nserver = \"127.0.0.1\"\nname = \"www.test.com\"\n[rule.anycast]\nprefixes = "
        "[\"192.0.2.0/24\"]\nchecks = [\"dns\"]\n" +
            std::string(rule),
        "test.toml");
    REQUIRE(parsed);
    config = parsed->config;
    auto running = vty::read_running_config(bgpd);
    REQUIRE(running);
    facts.bgpd = cli::BgpdFacts{*running, vty::read_survey(bgpd), {}};
    facts.bgpd->prefixes.push_back({.rule = 0,
                                    .prefix = prefix("192.0.2.0/24"),
                                    .instance = core::InstanceKey(),
                                    .in_table = true,
                                    .answered = true,
                                    .sources = {.statement = true},
                                    .advertised_to = 2});
    facts.user = {.name = "root", .root = true, .acts = true};
    facts.process = {.pid = 12,
                     .known_by = "its vty socket",
                     .text = "pid 12, frr@edge.service, /usr/lib/frr/bgpd -d -N edge",
                     .may_signal = true,
                     .unit = "frr@edge.service",
                     .restart = {"/x"}};
    facts.checks.push_back({core::Outcome{core::OutcomeKind::ok, {}, ""}, {}});
    facts.runner = {.lock_held = true, .mode = "run", .pid = 34, .control_answers = true};
  }

  static core::Prefix prefix(std::string_view text) { return core::Prefix::parse(text).value(); }
  cli::PrefixFacts& only() { return facts.bgpd->prefixes.front(); }

  std::vector<Finding> of(Verdict verdict) const {
    auto all = cli::judge(config, facts);
    std::erase_if(all, [&](const Finding& one) { return one.verdict != verdict; });
    return all;
  }
  Finding only_wrong() const {
    const auto wrong = of(Verdict::wrong);
    std::string said;
    for (const auto& one : wrong) said += one.subject + ": " + one.text + "\n";
    CAPTURE(said);
    REQUIRE(wrong.size() == 1);
    return wrong.front();
  }
};

bool says(const Finding& finding, std::string_view text) {
  return finding.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("nothing is wrong with a host that is right") {
  CHECK(Host().of(Verdict::wrong).empty());
}

TEST_CASE("what is redistributed is named by its line, and taken out by the cure") {
  Host host("router bgp 65001\n redistribute connected route-map X\n redistribute static\n!\n");
  host.only().sources = {.redistributed = true};
  host.facts.addresses = {{core::Address::parse("192.0.2.53").value(), 24, "lo"}};
  auto finding = host.only_wrong();
  CHECK(says(finding, "\"redistribute connected route-map X\""));
  CHECK(finding.cure ==
        "vtysh -d bgpd -c 'configure terminal' -c 'router bgp 65001' -c 'address-family ipv4 "
        "unicast' -c 'no redistribute connected' -c 'network 192.0.2.0/24'");

  // Nothing tells which of the two it is.
  host.facts.addresses.clear();
  finding = host.only_wrong();
  CHECK(says(finding, "one of "));
}

TEST_CASE("why a statement is not in the table is told by what bgpd has") {
  const auto held_back = [](std::string_view bgpd) {
    Host host(bgpd);
    host.only().in_table = false;
    host.only().sources = {};
    return host.only_wrong();
  };
  CHECK(says(held_back("router bgp 65001\n network 192.0.2.0/24\n!\n"), "import-check"));
  CHECK(says(held_back("router bgp 65001\n network 192.0.2.0/24 route-map NO\n!\n"),
             "no such route-map"));
  const auto denied = held_back(
      "router bgp 65001\n no bgp network import-check\n network 192.0.2.0/24 route-map T\n!\n"
      "route-map T deny 10\n!\n");
  CHECK(denied.cure == "vtysh -d bgpd -c 'show route-map T'");
}

TEST_CASE("another path in the table is no absence, and whom it reaches is said") {
  Host host(
      "router bgp 65001\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 "
      "default-originate\n!\n");
  host.only().in_table = false;
  host.only().sources = {};
  host.only().other = core::OtherPath{
      .from = "10.0.0.3", .as_path = {65003}, .imported_from = "", .told = {"10.0.0.2"}};
  CHECK(says(host.only_wrong(), "handed on to 10.0.0.2"));
  CHECK(
      says(host.of(Verdict::note).front(), "a path of another site (from 10.0.0.3) in the table"));
  CHECK(says(host.of(Verdict::note).at(1), "default route that bgpd originates to 10.0.0.2"));
}

TEST_CASE("a prefix that no peer is told of is wrong") {
  Host host;
  host.only().advertised_to = 0;
  CHECK(says(host.only_wrong(), "advertised to no peer"));
  CHECK(host.only_wrong().cure == "vtysh -d bgpd -c 'show bgp summary'");
}

TEST_CASE("a prefix without a statement is no fault, whether its rule is up or down") {
  Host host("router bgp 65001\n!\n");
  host.only().in_table = false;
  host.only().sources = {};
  CHECK(host.of(Verdict::wrong).empty());
  CHECK(says(host.of(Verdict::note).front(), "looks up now"));
  host.facts.checks[0].outcome->kind = core::OutcomeKind::timeout;
  CHECK(says(host.of(Verdict::note).front(), "looks down now"));
}

TEST_CASE("what would attract the traffic of a withdrawn prefix is mentioned") {
  Host host(
      "router bgp 65001\n network 192.0.0.0/16\n network 192.0.2.0/24\n network 192.0.2.128/25\n"
      " aggregate-address 192.0.0.0/8 summary-only\n redistribute connected\n!\n");
  host.facts.addresses = {{core::Address::parse("192.0.2.53").value(), 32, "lo"}};
  const auto notes = host.of(Verdict::note);
  for (const std::string text : {"\"network 192.0.0.0/16\"", "\"network 192.0.2.128/25\"",
                                 "\"aggregate-address 192.0.0.0/8", "192.0.2.53/32 on lo"}) {
    CAPTURE(text);
    CHECK(std::ranges::any_of(notes, [&](const Finding& one) { return says(one, text); }));
  }
}

TEST_CASE("who may not use bgpd's socket is told the group, or to log in again") {
  Host host;
  host.facts.user = {.name = "ann"};
  host.facts.socket = {.path = "/run/frr/bgpd.vty", .is_socket = true, .group = "frrvty"};
  host.facts.transports.push_back(
      {.kind = core::TransportKind::socket,
       .text = "socket /run/frr/bgpd.vty",
       .failure = core::Failure{core::Trouble::unreachable, {"connect", "permission denied", ""}}});
  CHECK(host.only_wrong().cure == "usermod -aG frrvty ann");
  host.facts.socket.listed_in_group = true;
  CHECK(host.only_wrong().cure.starts_with("log in again"));
}

TEST_CASE("two ways that show different configurations do not lead to the same bgpd") {
  Host host;
  host.facts.transports.push_back({.kind = core::TransportKind::socket, .text = "socket"});
  host.facts.transports.push_back({.kind = core::TransportKind::vtysh, .text = "vtysh"});
  CHECK(host.of(Verdict::wrong).empty());
  host.facts.transports[1].statements[{}] = 3;
  CHECK(says(host.only_wrong(), "another configuration"));
}

TEST_CASE("bgpd's process is judged by what the fallback needs") {
  Host host;
  host.facts.process.may_signal = false;
  CHECK(says(host.only_wrong(), "the fallback cannot work"));
  // Another user can do what this one cannot.
  host.facts.user.acts = false;
  CHECK(host.of(Verdict::wrong).empty());

  Host never({"router bgp 65001\n network 192.0.2.0/24\n!\n"}, "fallback = \"never\"\n");
  never.facts.process.may_signal = false;
  never.facts.process.restart_problem = "nothing";
  CHECK(never.of(Verdict::wrong).empty());
}

TEST_CASE("which process the fallback would kill is shown, and how it is known") {
  Host host;
  const auto shown = [&host] {
    std::string text;
    for (const auto& one : host.of(Verdict::ok)) {
      if (one.subject == "bgpd's process") text += one.text;
    }
    return text;
  };
  CHECK(shown() ==
        "pid 12, frr@edge.service, /usr/lib/frr/bgpd -d -N edge, known by its vty socket, and the "
        "fallback can kill it");
  host.facts.process.denied = "/run/frr/bgpd.pid does not name it";
  CHECK(says(host.only_wrong(), "but /run/frr/bgpd.pid does not name it"));
}

TEST_CASE("a restart of another service than the one that bgpd belongs to is wrong") {
  Host host;
  for (const auto* same : {"frr@edge", "frr@edge.service"}) {
    host.facts.process.restart = {"systemctl", "restart", same};
    CHECK(host.of(Verdict::wrong).empty());
  }
  host.facts.process.restart = {"systemctl", "restart", "frr.service"};
  CHECK(says(host.only_wrong(), "frr.service would be restarted, but bgpd (pid 12) belongs to"));
  host.facts.process.restart.clear();
  host.facts.process.restart_problem = "nobody knows what starts this one";
  CHECK(says(host.only_wrong(), "it would stay down"));
}

TEST_CASE("cron is fine alone, and wrong beside the daemon") {
  Host host;
  host.facts.runner.cron_entries = {"/etc/cron.d/withdrawd:1"};
  CHECK(says(host.only_wrong(), "beside the daemon"));
  host.facts.runner.mode = "cron";
  CHECK(host.of(Verdict::wrong).empty());
  host.facts.runner.unit_enabled = true;
  CHECK(says(host.only_wrong(), "withdrawd.service"));
}

TEST_CASE("a check that answers, but slowly for its timeout, is mentioned") {
  Host host;
  host.facts.checks[0].outcome->latency = std::chrono::milliseconds(900);
  const auto notes = host.of(Verdict::note);
  CHECK(std::ranges::any_of(notes, [](const Finding& one) { return says(one, "is tight"); }));
  host.facts.checks[0].outcome->kind = core::OutcomeKind::timeout;
  CHECK(host.only_wrong().cure == "withdrawd check dns");
  host.facts.checks[0].outcome.reset();
  CHECK(host.of(Verdict::wrong).empty());
}

TEST_CASE("a route-map that a rule names and bgpd lacks is told") {
  const Host host("router bgp 65001\n network 192.0.2.0/24\n!\n",
                  "on_down = { route_map = \"DRAIN\" }\n");
  const auto finding = host.only_wrong();
  CHECK(finding.subject == "route-map DRAIN");
  CHECK(says(finding, "on_down"));
}
