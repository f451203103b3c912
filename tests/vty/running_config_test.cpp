#include "vty/running_config.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "transcript.hpp"

using namespace withdrawd;
using core::InstanceKey;
using core::NetworkOptions;
using core::Prefix;
using test::Transcript;
using vty::read_running_config;

namespace {

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

NetworkOptions with_route_map(std::string_view name) {
  return {.route_map = core::RouteMapName::parse(name).value(), .backdoor = false};
}

/// "router bgp 65001: 192.0.2.0/24, 198.51.100.0/24 route-map TAG", one line an instance.
std::string summary(const core::RunningConfig& config) {
  std::string text;
  for (const auto& instance : config.instances) {
    if (!text.empty()) text += "\n";
    text += instance.text() + ":";
    const char* between = " ";
    for (const auto& [network, options] : instance.networks) {
      text += between + network.text() + options.text();
      between = ", ";
    }
  }
  return text;
}

std::string read(std::string_view text) {
  const auto config = read_running_config(text);
  return config ? summary(*config) : "error: " + config.error().happened;
}

std::string with_carriage_returns(std::string_view text) {
  std::string lines;
  for (const char c : text) lines += c == '\n' ? "\r\n" : std::string(1, c);
  return lines;
}

std::string without_indentation(std::string_view text) {
  std::string lines;
  bool start = true;
  for (const char c : text) {
    if (start && c == ' ') continue;
    lines += c;
    start = c == '\n';
  }
  return lines;
}

/// `show running-config` as the named transcript has it, whatever the transport.
std::string config_of(const std::string& name) {
  const auto transcript = Transcript::load(name);
  for (const auto& turn : transcript.turns) {
    if (turn.send == std::string("show running-config\0", 20)) {
      return turn.recv.substr(0, turn.recv.find('\0'));
    }
    if (turn.send == "show running-config\n") {
      const auto start = turn.recv.find('\n') + 1;
      return turn.recv.substr(start, turn.recv.rfind('\n') + 1 - start);
    }
    if (!turn.argv.empty() && turn.argv.back() == "show running-config") return turn.out;
  }
  throw std::runtime_error(name + " has no configuration");
}

const char* const plain =
    "router bgp 65001: 192.0.2.0/24, 198.51.100.0/24 route-map TAG, 2001:db8:53::/48";

}  // namespace

TEST_CASE("the configuration is the same through socket, telnet and vtysh, on Quagga and FRR") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    for (const std::string way : {"socket", "telnet", "vtysh"}) {
      CAPTURE(bgpd);
      CAPTURE(way);
      const auto text = config_of(bgpd + "-" + way + "-withdraw-announce");
      const auto config = read_running_config(text);
      REQUIRE(config);
      CHECK(summary(*config) == plain);
      CHECK(config->route_maps == std::set<std::string>{"TAG"});
      CHECK(read(with_carriage_returns(text)) == plain);
      CHECK(read(without_indentation(text)) == plain);
    }
  }
}

TEST_CASE("views and VRFs are instances of their own, and other tables are not ours") {
  CHECK(read(config_of("frr-8.4.4-socket-config-vrfs")) ==
        "router bgp 65001: 192.0.2.0/24, 192.0.2.128/25 backdoor\n"
        "router bgp 65009 vrf CUSTOMER: 192.0.2.0/24, 203.0.113.0/24\n"
        "router bgp 65010 view LAB: 203.0.113.0/24");
  CHECK(read(config_of("quagga-1.2.3-socket-config-views")) ==
        "router bgp 65001: 192.0.2.0/24, 192.0.2.128/25 backdoor\n"
        "router bgp 65009 view CUSTOMER: 192.0.2.0/24, 203.0.113.0/24");
}

TEST_CASE("label-index, EVPN's vni and IPv6 statements of several instances are told apart") {
  const char* const wanted =
      "router bgp 65001: 192.0.2.0/24, 198.18.0.0/25 label-index 7, 198.51.100.0/24 route-map TAG, "
      "203.0.113.128/25, 2001:db8:53::/48\n"
      "router bgp 65009 vrf CUSTOMER: 192.0.2.0/24, 2001:db8:54::/48\n"
      "router bgp 65010 view LAB: 203.0.113.0/24, 2001:db8:55::/48";
  const auto text = config_of("frr-8.4.4-socket-plan");
  CHECK(read(text) == wanted);
  CHECK(read(without_indentation(text)) == wanted);
}

TEST_CASE("a route-map's name that is no word we would type is not lost without a trace") {
  const auto config = read_running_config(
      "router bgp 65001\n network 192.0.2.0/24 route-map A?B\n network 198.51.100.0/24\n!\nline "
      "vty\n!\n");
  REQUIRE(config);
  REQUIRE(config->instances.size() == 1);
  const auto& networks = config->instances[0].networks;
  CHECK(networks.at(core::Prefix::parse("192.0.2.0/24").value()).untypable);
  CHECK_FALSE(networks.at(core::Prefix::parse("198.51.100.0/24").value()).untypable);
}

TEST_CASE("cisco style masks and prefixes that their class implies are read") {
  CHECK(read(config_of("quagga-1.2.3-socket-config-cisco-style")) ==
        "router bgp 65001: 10.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24 route-map TAG, "
        "203.0.113.64/26, 2001:db8:53::/48");
  CHECK(read("router bgp 1\n network 0.0.0.0\n network 172.16.0.0 backdoor\n"
             " network 10.0.0.0 mask 255.255.255.255 route-map X\n exit\n!\n") ==
        "router bgp 1: 0.0.0.0/0, 10.0.0.0/32 route-map X, 172.16.0.0/16 backdoor");
  for (const std::string bad : {"10.0.0.0 mask 255.0.255.0", "10.0.0.1 mask 255.0.0.0",
                                "10.0.0.0 mask", "224.0.0.0", "nonsense", "192.0.2.1/24", ""}) {
    CAPTURE(bad);
    const auto config = read_running_config("router bgp 1\n network " + bad + "\n exit\n!\n");
    REQUIRE_FALSE(config);
    CHECK(config.error().happened.find("has no prefix") != std::string::npos);
  }
}

TEST_CASE("an AS number in dotted notation is the same number") {
  CHECK(read("!\nrouter bgp 1.10 vrf RED as-notation dot\n !\n address-family ipv4 unicast\n"
             "  network 192.0.2.0/24\n exit-address-family\nexit\n!\n") ==
        "router bgp 65546 vrf RED: 192.0.2.0/24");
  CHECK(read("!\nrouter bgp 1.99999\nexit\n!\n").starts_with("error: "));
  CHECK(read("!\nrouter bgp\nexit\n!\n").starts_with("error: "));
}

TEST_CASE("sections with an exit of their own do not end the instance") {
  CHECK(
      read("frr version 10.3\n!\nvrf RED\n rpki\n  rpki cache 192.0.2.9 323 preference 1\n exit\n"
           "exit-vrf\n!\n"
           "router bgp 65001\n bgp router-id 10.0.0.1\n !\n segment-routing srv6\n  locator A\n "
           "exit\n"
           " !\n address-family ipv4 unicast\n  network 192.0.2.0/24\n exit-address-family\n"
           " !\n address-family ipv4 vpn\n  network 192.0.2.0/24 rd 1:1 label 3\n"
           " exit-address-family\n"
           " !\n address-family ipv6 unicast\n  network 2001:db8::/32\n exit-address-family\n"
           " !\n address-family l2vpn evpn\n  vni 100\n   rd 1:1\n  exit-vni\n  network "
           "192.0.2.0/24 rd 1:1\n"
           " exit-address-family\n"
           " !\n bmp mirror buffer-limit 9\n !\n bmp targets T\n  bmp stats interval 1000\n exit\n"
           "exit\n!\n"
           "router bgp 65001 vrf RED\n !\n address-family ipv6 unicast\n  network 2001:db8:1::/48\n"
           " exit-address-family\nexit\n!\nrpki\n rpki polling_period 3600\nexit\n!\nend\n") ==
      "router bgp 65001: 192.0.2.0/24, 2001:db8::/32\n"
      "router bgp 65001 vrf RED: 2001:db8:1::/48");
}

TEST_CASE("instances without any exit, as FRR printed them before 8.1, are told apart") {
  CHECK(read("frr version 7.5\n!\nrouter bgp 65001\n !\n address-family ipv4 unicast\n"
             "  network 192.0.2.0/24\n exit-address-family\n !\n address-family ipv6 unicast\n"
             "  network 2001:db8::/48\n exit-address-family\n!\nrouter bgp 65002 vrf RED\n !\n"
             " address-family ipv6 unicast\n  network 2001:db8:1::/48\n exit-address-family\n!\n"
             "rpki\n rpki polling_period 3600\n exit\n!\nline vty\n!\n") ==
        "router bgp 65001: 192.0.2.0/24, 2001:db8::/48\n"
        "router bgp 65002 vrf RED: 2001:db8:1::/48");
}

TEST_CASE("network statements of other daemons are not BGP's") {
  CHECK(
      read("Current configuration:\n!\nrouter ospf\n network 10.0.0.0/8 area 0\n!\n"
           "router bgp 65001\n network 192.0.2.0/24\n exit\n!\nrouter rip\n network 10.0.0.0/8\n!\n"
           "end\n") == "router bgp 65001: 192.0.2.0/24");
}

TEST_CASE("IPv6 statements that Quagga's vtysh has mixed up are an error, not a guess") {
  const auto text = config_of("quagga-1.2.3-vtysh-mixed-views");
  const auto config = read_running_config(text);
  REQUIRE_FALSE(config);
  CHECK(config.error().advice.find("socket or telnet") != std::string::npos);

  SUBCASE("also when only the first instance has some") {
    CHECK(
        read("Current configuration:\n!\nrouter bgp 1\n network 192.0.2.0/24\n!\n"
             "router bgp 2 view V\n network 192.0.2.0/24\n exit\n!\n"
             " address-family ipv6\n network 2001:db8::/32\n exit-address-family\n exit\n!\nend\n")
            .starts_with("error: it does not tell which instance"));
  }
  SUBCASE("but IPv4 statements alone are safe") {
    CHECK(read("Current configuration:\n!\nrouter bgp 1\n network 192.0.2.0/24\n!\n"
               "router bgp 2 view V\n network 192.0.2.0/24\n!\n"
               " address-family ipv6\n exit-address-family\n exit\n exit-address-family\n "
               "exit\n!\nend\n") ==
          "router bgp 1: 192.0.2.0/24\nrouter bgp 2 view V: 192.0.2.0/24");
  }
  SUBCASE("and so is a last instance that alone has a section") {
    CHECK(read("Current configuration:\n!\nrouter bgp 1\n network 192.0.2.0/24\n exit\n!\n"
               "router bgp 2 view V\n!\n"
               " address-family ipv6\n network 2001:db8::/32\n exit-address-family\n "
               "exit\n!\nend\n") ==
          "router bgp 1: 192.0.2.0/24\nrouter bgp 2 view V: 2001:db8::/32");
  }
}

TEST_CASE("names that withdrawd could not type are left out") {
  CHECK(read("!\nrouter bgp 1\n network 192.0.2.0/24 route-map a#b\n exit\n!\n"
             "router bgp 2 view x;y\n network 192.0.2.0/24\n exit\n!\n") ==
        "router bgp 1: 192.0.2.0/24");
}

TEST_CASE("what is no running configuration is an error") {
  for (const std::string text :
       {"", "\n", "% [BGP] Unknown command: show running-config\n", "% Unknown command.\n",
        "VTY configuration is locked by other VTY\n",
        "BGP routing table entry for 192.0.2.0/24\n"}) {
    CAPTURE(text);
    CHECK_FALSE(read_running_config(text));
  }
  CHECK_FALSE(read_running_config("!\nrouter bgp 1\nexit\n!\n% Something broke\n"));
}

TEST_CASE("a configuration with a header is complete or an error, wherever it is cut") {
  for (const std::string name :
       {"quagga-1.2.3-vtysh-withdraw-announce", "frr-8.4.4-vtysh-withdraw-announce",
        "frr-8.4.4-telnet-withdraw-announce", "quagga-1.2.3-telnet-withdraw-announce"}) {
    const auto text = config_of(name);
    const auto end = text.rfind("end");
    for (std::size_t length = 0; length < end + 3; ++length) {
      if (read_running_config(text.substr(0, length))) FAIL(name << " cut at " << length);
    }
  }
}

TEST_CASE("a configuration without a header that ends within a line or an instance is an error") {
  for (const std::string name :
       {"quagga-1.2.3-socket-withdraw-announce", "frr-8.4.4-socket-withdraw-announce"}) {
    const auto text = config_of(name);
    const auto complete = read(text);
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto part = text.substr(0, length);
      const bool ends_at_separator = part.ends_with("!\n") || part.ends_with("exit\n");
      const bool within_instance =
          part.find("router bgp") < part.size() && part.find("route-map TAG p") == part.npos;
      if (read_running_config(part) &&
          (!part.ends_with('\n') || (within_instance && !ends_at_separator))) {
        FAIL(name << " cut at " << length);
      }
    }
  }
}

TEST_CASE("ten thousand statements are read in milliseconds") {
  std::string text = "!\nrouter bgp 65001\n !\n address-family ipv4 unicast\n";
  for (int i = 0; i < 10000; ++i) {
    text += fmt::format("  network 10.{}.{}.0/24 route-map TAG\n", i / 256, i % 256);
  }
  text += " exit-address-family\nexit\n!\n";
  auto best = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto config = read_running_config(text);
    best = std::min(best, std::chrono::steady_clock::now() - start);
    REQUIRE(config);
    CHECK(config->instances.at(0).networks.size() == 10000);
    CHECK(config->instances.at(0).networks.at(prefix("10.39.15.0/24")) == with_route_map("TAG"));
  }
  MESSAGE("best of 5: " << std::chrono::duration<double, std::milli>(best).count() << " ms");
  // Loose: for a sanitizer on a busy machine. Anything quadratic is far over it.
  CHECK(best < std::chrono::milliseconds(200));
}

TEST_CASE("graceful restart: for how long peers keep what they have heard") {
  const auto promised = [](std::string_view lines) {
    const auto config = read_running_config(fmt::format("!\n{}!\n", lines));
    REQUIRE(config);
    return config->graceful_restart;
  };
  using namespace std::chrono_literals;
  using Promise = core::GracefulRestart;
  CHECK_FALSE(promised("router bgp 65001\n network 192.0.2.0/24\nexit\n"));
  // As FRR 8.4.4 and Quagga 1.2.4 print it.
  CHECK(promised(
            "router bgp 65001\n bgp graceful-restart restart-time 20\n bgp graceful-restart\n") ==
        Promise{20s, 0s});
  CHECK(
      promised(
          "router bgp 65001\n bgp graceful-restart stalepath-time 300\n bgp graceful-restart\n") ==
      Promise{120s, 0s});
  CHECK(promised("router bgp 65001\n bgp long-lived-graceful-restart stale-time 3600\n"
                 " bgp graceful-restart\n") == Promise{120s, 1h});
  CHECK(promised("router bgp 65001\n neighbor 10.0.0.2 remote-as 65002\n"
                 " neighbor 10.0.0.2 graceful-restart\nexit\n") == Promise{120s, 0s});
  // What is not on has no time; and these keep what others announce.
  CHECK_FALSE(promised("router bgp 65001\n bgp graceful-restart restart-time 20\n"));
  CHECK_FALSE(promised("router bgp 65001\n bgp long-lived-graceful-restart stale-time 3600\n"));
  CHECK_FALSE(
      promised("router bgp 65001\n bgp graceful-restart-disable\n"
               " neighbor 10.0.0.2 graceful-restart-helper\n"
               " neighbor 10.0.0.3 graceful-restart-disable\n"));
  // The longest of all instances; FRR's process-wide form.
  CHECK(promised("router bgp 65001\n bgp graceful-restart restart-time 20\n bgp graceful-restart\n"
                 "exit\n!\nrouter bgp 65001 vrf RED\n bgp graceful-restart\nexit\n") ==
        Promise{120s, 0s});
  CHECK(promised("bgp graceful-restart restart-time 30\nbgp graceful-restart\n!\n"
                 "router bgp 65001\nexit\n") == Promise{30s, 0s});
}

TEST_CASE("in other tables an aggregate and a default route count as well") {
  const auto config = read_running_config(
      "router bgp 65001\n aggregate-address 203.0.113.0/24\n !\n address-family ipv4 multicast\n"
      "  aggregate-address 192.0.2.0/24 summary-only\n exit-address-family\n !\n"
      " address-family ipv6 labeled-unicast\n  neighbor fd53::2 default-originate\n"
      " exit-address-family\nexit\n!\n");
  REQUIRE(config);
  const auto& instance = config->instances.front();
  CHECK(instance.other_tables.at(prefix("192.0.2.0/24")) ==
        std::set<std::string>{"ipv4 multicast"});
  CHECK_FALSE(instance.other_tables.contains(prefix("203.0.113.0/24")));
  CHECK(instance.default_originates.at(core::Family::ipv6) == std::set<std::string>{"fd53::2"});
}

TEST_CASE("other tables, neighbors' AS and default routes are taken from both bgpds") {
  const auto frr = read_running_config(
      Transcript::load("frr-8.4.4-socket-reach").answer("show running-config", 1));
  REQUIRE(frr);
  const auto& ours = frr->instances.front();
  const auto p = prefix("192.0.2.0/24");
  CHECK_FALSE(ours.networks.contains(p));
  CHECK(ours.other_tables.at(p) ==
        std::set<std::string>{"ipv4 labeled-unicast", "ipv4 multicast", "ipv4 vpn"});
  CHECK(ours.neighbors == std::map<std::string, std::uint32_t>{
                              {"10.53.0.2", 65002}, {"10.54.0.3", 65003}, {"fd53::2", 65002}});
  CHECK(ours.default_originates.at(core::Family::ipv4) ==
        std::set<std::string>{"10.53.0.2", "10.54.0.3"});
  CHECK(ours.default_originates.at(core::Family::ipv6) == std::set<std::string>{"fd53::2"});
  CHECK(frr->instances.at(1).networks.contains(p));

  const auto quagga = read_running_config(
      Transcript::load("quagga-1.2.4-socket-reach").answer("show running-config", 1));
  REQUIRE(quagga);
  const auto& other = quagga->instances.front();
  CHECK_FALSE(other.networks.contains(p));
  CHECK(other.other_tables.at(p) == std::set<std::string>{"ipv4 multicast"});
  CHECK(other.neighbors ==
        std::map<std::string, std::uint32_t>{{"10.53.0.2", 65002}, {"10.54.0.3", 65003}});
  CHECK(other.default_originates.at(core::Family::ipv4) == std::set<std::string>{"10.53.0.2"});
}

TEST_CASE("a neighbor has its peer-group's AS, wherever that stands") {
  const auto config = read_running_config(
      "router bgp 65001\n neighbor UP peer-group\n neighbor UP remote-as 65002\n"
      " neighbor 10.0.0.2 peer-group UP\n neighbor eth0 interface peer-group UP\n"
      " neighbor eth1 interface v6only remote-as internal\n"
      " neighbor 10.0.0.3 remote-as external\n!\n");
  REQUIRE(config);
  CHECK(config->instances.front().neighbors ==
        std::map<std::string, std::uint32_t>{
            {"10.0.0.2", 65002}, {"UP", 65002}, {"eth0", 65002}, {"eth1", 65001}});
}
