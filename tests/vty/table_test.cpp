#include "vty/table.hpp"

#include <doctest/doctest.h>

#include <string>

#include "transcript.hpp"

using namespace withdrawd;
using test::Transcript;
using vty::PathSources;
using vty::read_table_entry;
using vty::show_command;

namespace {

std::optional<bool> sourced_locally(std::string_view answer) {
  const auto entry = read_table_entry(answer);
  return entry ? std::optional(entry->sourced_locally()) : std::nullopt;
}

PathSources path_sources(std::string_view answer) {
  return read_table_entry(answer).value().sources;
}

std::optional<unsigned> advertised_to(std::string_view answer) {
  const auto entry = read_table_entry(answer);
  return entry ? entry->advertised_to : std::nullopt;
}

core::Prefix prefix(std::string_view text) {
  return core::Prefix::parse(text).value();
}

core::InstanceKey key(core::InstanceKey::Kind kind, std::string_view name) {
  return {kind, core::VtyName::parse(name).value()};
}

std::string path(std::string_view first_line, std::string_view origin_line) {
  return "BGP routing table entry for 192.0.2.0/24\nPaths: (1 available)\n  Not advertised to any "
         "peer\n  " +
         std::string(first_line) +
         "\n    0.0.0.0 from 0.0.0.0 (10.0.0.1)\n      Origin IGP, metric 0, " +
         std::string(origin_line) + "\n      Last update: Mon Nov 23 02:17:17 2026\n";
}

}  // namespace

TEST_CASE("the table is asked in words that both bgpds answered in the transcripts") {
  const auto v4 = prefix("203.0.113.0/24");
  const auto v6 = prefix("2001:db8:55::/48");
  const auto lab = key(core::InstanceKey::Kind::view, "LAB");
  const auto customer = key(core::InstanceKey::Kind::vrf, "CUSTOMER");
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto table = Transcript::load(bgpd + "-socket-table");
    const auto plan = Transcript::load(bgpd + "-socket-plan");
    CHECK(sourced_locally(table.answer(show_command(prefix("192.0.2.0/24"), {}))) == true);
    CHECK(sourced_locally(table.answer(show_command(prefix("1.0.0.0/24"), {}))) == false);
    CHECK(sourced_locally(table.answer(show_command(v4, lab))) == true);
    CHECK(sourced_locally(table.answer(show_command(v6, lab))) == true);
    CHECK(sourced_locally(table.answer(
              show_command(v4, key(core::InstanceKey::Kind::view, "NOSUCH")))) == std::nullopt);
    CHECK(sourced_locally(plan.answer(show_command(prefix("2001:db8:53::/48"), {}))) == true);
  }
  const auto frr = Transcript::load("frr-8.4.4-socket-table");
  CHECK(sourced_locally(frr.answer(show_command(prefix("192.0.2.0/24"), customer))) == true);
  CHECK(sourced_locally(frr.answer(show_command(prefix("2001:db8:54::/48"), customer))) == true);
  // Quagga has no VRFs: it does not know the command.
  const auto quagga = Transcript::load("quagga-1.2.3-socket-table");
  CHECK(sourced_locally(quagga.answer(show_command(prefix("192.0.2.0/24"), customer))) ==
        std::nullopt);
}

TEST_CASE("a redistributed or aggregated prefix is in the table just as well") {
  const auto quagga = Transcript::load("quagga-1.2.3-socket-table");
  CHECK(sourced_locally(quagga.answer("show ip bgp 203.0.113.0/24")) == true);  // redistributed
  CHECK(sourced_locally(quagga.answer("show ip bgp 198.18.0.0/23")) == true);   // aggregated
  const auto frr = Transcript::load("frr-8.4.4-socket-table");
  CHECK(sourced_locally(frr.answer("show ip bgp 203.0.114.0/24")) == true);
  CHECK(sourced_locally(frr.answer("show ip bgp 203.0.113.0/24")) == true);
}

TEST_CASE("a statement, redistribution and an aggregate are told apart, and seen side by side") {
  const auto quagga = Transcript::load("quagga-1.2.3-socket-table");
  const auto frr = Transcript::load("frr-8.4.4-socket-table");
  CHECK(path_sources(frr.answer("show ip bgp 192.0.2.0/24")) == PathSources{.statement = true});
  CHECK(path_sources(quagga.answer("show ip bgp 203.0.113.0/24")) ==
        PathSources{.redistributed = true});
  CHECK(path_sources(frr.answer("show ip bgp 203.0.114.0/24")) ==
        PathSources{.redistributed = true});
  CHECK(path_sources(quagga.answer("show ip bgp 198.18.0.0/23")) ==
        PathSources{.aggregated = true});
  CHECK(path_sources(frr.answer("show ip bgp 1.0.0.0/24")) == PathSources());
  CHECK(path_sources(path("Local", "valid, sourced") + "  Local\n    0.0.0.0 from 0.0.0.0\n" +
                     "      Origin IGP, valid, sourced, local, best\n") ==
        PathSources{.statement = true, .redistributed = true});
}

TEST_CASE("a path that is being removed is not in the table any more") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto plan = Transcript::load(bgpd + "-socket-plan");
    REQUIRE(plan.answer("show ip bgp 192.0.2.0/24", 1).find("(removed)") != std::string::npos);
    CHECK(sourced_locally(plan.answer("show ip bgp 192.0.2.0/24", 0)) == true);
    CHECK(sourced_locally(plan.answer("show ip bgp 192.0.2.0/24", 1)) == false);
    CHECK(sourced_locally(plan.answer("show ip bgp 192.0.2.0/24", 2)) == false);
    CHECK(sourced_locally(plan.answer("show ip bgp 192.0.2.0/24", 3)) == true);
  }
}

TEST_CASE("only a path of our own counts, and only one that can be announced") {
  CHECK(sourced_locally(path("Local", "valid, sourced, local, best")) == true);
  CHECK(sourced_locally(path("Local", "valid, sourced, local")) == true);  // not yet processed
  CHECK(sourced_locally(path("65002", "valid, external, best")) == false);
  CHECK(sourced_locally(path("Local", "valid, internal, best")) == false);
  CHECK(sourced_locally(path("Local, (aggregated by 65002 10.0.0.2)", "valid, internal, best")) ==
        false);
  // import-check: the prefix is not in the RIB; but as long as it is best, the peers have it.
  CHECK(sourced_locally(path("Local", "invalid, sourced, local")) == false);
  CHECK(sourced_locally(path("Local", "invalid, sourced, local, best (First path received)")) ==
        true);
}

TEST_CASE("a path of our own is found behind a removed one and among those of peers") {
  const auto two = [](std::string_view first, std::string_view second) {
    return path("Local, (removed)", first) +
           "  65002\n    10.0.0.2 from 10.0.0.2 (10.0.0.2)\n      Origin IGP, " +
           std::string(second) + "\n";
  };
  CHECK(sourced_locally(two("valid, sourced, local", "valid, sourced, local")) == true);
  CHECK(sourced_locally(two("valid, sourced, local", "valid, external, best")) == false);
}

TEST_CASE("the answer is the same with telnet's line ends") {
  for (const std::string name : {"quagga-1.2.3-telnet-route-map", "frr-8.4.4-telnet-route-map"}) {
    bool asked = false;
    const auto transcript = Transcript::load(name);
    for (const auto& turn : transcript.turns) {
      if (!turn.send.starts_with("show ")) continue;
      asked = true;
      CHECK(sourced_locally(turn.recv) == true);
    }
    CHECK(asked);
  }
  CHECK(sourced_locally("% Network not in table\r\n") == false);
}

TEST_CASE("text that answers another question is no answer") {
  for (const std::string text :
       {"", "\n", "No BGP process is configured\n", "% Unknown command.\n",
        "address is malformed\n", "      Origin IGP, valid, sourced, local\n"}) {
    CAPTURE(text);
    CHECK(sourced_locally(text) == std::nullopt);
  }
}

TEST_CASE("peers are counted one by one, in a group or not, with their names or without") {
  const auto frr = Transcript::load("frr-8.4.4-socket-advertised");
  CHECK(advertised_to(frr.answer("show ip bgp 192.0.2.0/24", 0)) == 1);
  CHECK(advertised_to(frr.answer("show bgp ipv6 unicast 2001:db8:53::/48")) == 1);
  CHECK(advertised_to(frr.answer("show ip bgp 192.0.2.0/24", 1)) == 2);
  CHECK(advertised_to(frr.answer("show ip bgp 192.0.2.0/24", 2)) == 2);
}

TEST_CASE("peers are counted where bgpd names them path by path") {
  const auto frr = Transcript::load("frr-8.4.4-socket-advertised");
  CHECK(advertised_to(frr.answer("show ip bgp 192.0.2.0/24", 3)) == 2);
  CHECK(advertised_to(frr.answer("show ip bgp 192.0.2.0/24", 4)) == 0);
  // A peer that is told of two paths is one peer.
  const std::string two =
      "BGP routing table entry for 192.0.2.0/24\n      Advertised to: 10.0.0.2 10.0.0.3\n"
      "      Advertised to: 10.0.0.3 10.0.0.4\n";
  CHECK(advertised_to(two) == 3);
}

TEST_CASE("a prefix that nobody is told of is advertised to no peer") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto table = Transcript::load(bgpd + "-socket-table");
    CHECK(advertised_to(table.answer("show ip bgp 192.0.2.0/24")) == 0);
    CHECK(advertised_to(table.answer("show ip bgp 1.0.0.0/24")) == 0);
    const auto telnet = Transcript::load(bgpd + "-telnet-route-map");
    for (const auto& turn : telnet.turns) {
      if (turn.send.starts_with("show ")) CHECK(advertised_to(turn.recv) == 0);
    }
  }
}

TEST_CASE("peers are counted with telnet's line ends and in the words of newer and older bgpds") {
  const std::string entry = "BGP routing table entry for 192.0.2.0/24\r\n";
  CHECK(advertised_to(entry + "  Advertised to non peer-group peers:\r\n  10.0.0.2 10.0.0.3\r\n") ==
        2);
  CHECK(advertised_to(entry + "  Advertised to peers:\r\n  10.0.0.2\r\n") == 1);
  // How many are in a group it does not say.
  CHECK(advertised_to(entry + "  Advertised to peer-groups:\r\n  TRANSIT\r\n") == std::nullopt);
}

TEST_CASE("text that says nothing about peers gives no number") {
  for (const std::string text :
       {"", "No BGP process is configured\n", "% Unknown command.\n",
        "  Advertised to non peer-group peers:\n  10.0.0.2\n", "  Not advertised to any peer\n",
        "BGP routing table entry for 192.0.2.0/24\nPaths: (1 available)\n"}) {
    CAPTURE(text);
    CHECK(advertised_to(text) == std::nullopt);
  }
}

TEST_CASE("another site's path is told apart from ours, with who told of it and who is told") {
  const auto frr = Transcript::load("frr-8.4.4-socket-reach");
  const std::string question = "show ip bgp 192.0.2.0/24";
  CHECK(read_table_entry(frr.answer(question, 0)).value().other == std::nullopt);  // ours is best
  const auto withdrawn = read_table_entry(frr.answer(question, 1)).value();
  CHECK_FALSE(withdrawn.sourced_locally());
  CHECK(withdrawn.other == core::OtherPath{.from = "10.54.0.3",
                                           .as_path = {65003},
                                           .imported_from = "",
                                           .told = {"10.53.0.2", "10.54.0.3"}});
  CHECK(read_table_entry(frr.answer(question, 2)).value().other == std::nullopt);

  const auto quagga = Transcript::load("quagga-1.2.4-socket-reach");
  CHECK(read_table_entry(quagga.answer(question, 1)).value().other ==
        core::OtherPath{
            .from = "10.54.0.3", .as_path = {65003}, .imported_from = "", .told = {"10.53.0.2"}});
}

TEST_CASE("a path imported from another instance is none of ours, although it prints as such") {
  const auto frr = Transcript::load("frr-8.4.4-socket-reach");
  const auto imported = read_table_entry(frr.answer("show ip bgp 192.0.2.0/24", 3)).value();
  CHECK_FALSE(imported.sourced_locally());
  CHECK(imported.other.value().imported_from == "10.53.0.9:2");
  CHECK(imported.other->told.contains("10.53.0.2"));
  CHECK(sourced_locally(frr.answer("show ip bgp vrf RED 192.0.2.0/24")) == true);
  // Beside a path of our own it changes nothing.
  const auto both =
      path("Local", "valid, sourced, local, best") +
      "  Imported from 10.0.0.9:2:192.0.2.0/24\n  Local\n    0.0.0.0 from 0.0.0.0 (10.0.0.1)\n"
      "      Origin IGP, valid, sourced, local\n";
  CHECK(path_sources(both) == PathSources{.statement = true});
  CHECK(read_table_entry(both).value().other == std::nullopt);
}

TEST_CASE("an AS path is read without confederations, sets and what is said behind it") {
  const auto read = [](std::string_view line) {
    return read_table_entry(path(line, "valid, external, best")).value().other.value().as_path;
  };
  CHECK(read("65002 65003") == std::vector<std::uint32_t>{65002, 65003});
  CHECK(read("1.10 65003") == std::vector<std::uint32_t>{65546, 65003});  // as-notation dot
  CHECK(read("(65011 65012) 65002 {65004,65005}, (stale)") == std::vector<std::uint32_t>{65002});
  CHECK(read("Local").empty());
}
