#include "vty/vtysh_output.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transcript.hpp"

using namespace withdrawd;
using vty::next_after_refusal;
using vty::split_vtysh_output;
using vty::way_to;

namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string text) {
  Lines lines;
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  lines.push_back(text);
  return lines;
}

}  // namespace

TEST_CASE("what vtysh printed is split at its echoes, on Quagga and FRR") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto turn = test::Transcript::load(bgpd + "-vtysh-echo").turns.at(0);
    const auto answers = split_vtysh_output(turn.out, lines_of(turn.argv.back()));
    REQUIRE(answers.size() == 5);
    CHECK(answers[0].starts_with("Building configuration...\n"));
    CHECK(answers[0].ends_with("!\nend\n"));
    CHECK(answers[1].starts_with("BGP routing table entry for 192.0.2.0/24"));
    CHECK(answers[2] == "% Network not in table\n");
    CHECK(answers[3].find("NOSUCH") != std::string::npos);
    CHECK(answers[4].starts_with("BGP routing table entry for 2001:db8:53::/48"));
  }
}

TEST_CASE("prompts change with the node, and a stop shows in the number of answers") {
  const auto quagga = test::Transcript::load("quagga-1.2.3-vtysh-echo").turns.at(1);
  const auto all = split_vtysh_output(quagga.out, lines_of(quagga.argv.back()));
  CHECK(all ==
        Lines{"", "", "", "", "% Can't find specified static route configuration.\n", "", "", ""});

  const auto frr = test::Transcript::load("frr-8.4.4-vtysh-echo").turns.at(1);
  const auto part = split_vtysh_output(frr.out, lines_of(frr.argv.back()));
  CHECK(part == Lines{"", "", "", "", "% Can't find static route specified\n"});
}

TEST_CASE("a line of an answer that looks like an echo is not taken for one") {
  const Lines commands{"show running-config", "show ip bgp 192.0.2.0/24"};
  CHECK(split_vtysh_output(
            "warning about something\nvm# show running-config\n! other# show ip bgp 192.0.2.0/24\n"
            "vmx# show ip bgp 192.0.2.0/24\nvm# show ip bgp 192.0.2.0/24\nanswer\n",
            commands) ==
        Lines{"! other# show ip bgp 192.0.2.0/24\nvmx# show ip bgp 192.0.2.0/24\n", "answer\n"});
  CHECK(split_vtysh_output("", commands).empty());
  CHECK(split_vtysh_output("vm# something else\n", commands).empty());
  CHECK(split_vtysh_output("vm# show running-config", commands).empty());
}

TEST_CASE("a fresh session is brought to where the old one stood") {
  const Lines lines{"configure terminal",    "router bgp 1",         "address-family ipv4 unicast",
                    "network 192.0.2.0/24",  "exit-address-family",  "address-family ipv6 unicast",
                    "network 2001:db8::/32", "exit-address-family",  "exit",
                    "router bgp 2 view V",   "network 192.0.2.0/24", "end",
                    "configure terminal"};
  CHECK(way_to(lines, 0) == Lines{});
  CHECK(way_to(lines, 4) ==
        Lines{"configure terminal", "router bgp 1", "address-family ipv4 unicast"});
  CHECK(way_to(lines, 5) == Lines{"configure terminal", "router bgp 1"});
  CHECK(way_to(lines, 7) ==
        Lines{"configure terminal", "router bgp 1", "address-family ipv6 unicast"});
  CHECK(way_to(lines, 9) == Lines{"configure terminal"});
  CHECK(way_to(lines, 11) == Lines{"configure terminal", "router bgp 2 view V"});
  CHECK(way_to(lines, 12) == Lines{});
}

TEST_CASE(
    "behind a refused line the next one is typed; behind a refused section, the next section") {
  const Lines lines{"configure terminal",
                    "router bgp 1",
                    "address-family ipv4 unicast",
                    "network 192.0.2.0/24",
                    "network 1.0.0.0/8",
                    "exit-address-family",
                    "address-family ipv6 unicast",
                    "network 2001:db8::/32",
                    "exit-address-family",
                    "exit",
                    "router bgp 2",
                    "network 192.0.2.0/24",
                    "end"};
  CHECK(next_after_refusal(lines, 3) == 4);
  CHECK(next_after_refusal(lines, 2) == 6);
  CHECK(next_after_refusal(lines, 6) == 9);
  CHECK(next_after_refusal(lines, 1) == 10);
  CHECK(next_after_refusal(lines, 10) == lines.size());
  CHECK(next_after_refusal(lines, 0) == lines.size());
}

TEST_CASE("a refused section is not entered on the way to the next one") {
  const Lines lines{"configure terminal", "router bgp 1", "router bgp 2", "network 192.0.2.0/24",
                    "end"};
  const auto next = next_after_refusal(lines, 1);
  CHECK(next == 2);
  CHECK(way_to(lines, next) == Lines{"configure terminal"});
}
