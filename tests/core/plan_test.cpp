#include "core/plan.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;

namespace {

const auto asn = Asn::from(65001).value();
const InstanceKey red{InstanceKey::Kind::vrf, VtyName::parse("RED").value()};
const NetworkOptions tagged{.route_map = VtyName::parse("TAG").value()};

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

Change withdraw(std::string_view text, const InstanceKey& key = {}) {
  return {Change::Verb::withdraw, asn, key, prefix(text), {}};
}
Change announce(std::string_view text, const InstanceKey& key = {},
                const NetworkOptions& options = {}) {
  return {Change::Verb::announce, asn, key, prefix(text), options};
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a withdrawal takes the statement away with whatever it had") {
  auto change = withdraw("192.0.2.0/24");
  change.options = tagged;
  CHECK(change.statement() == "no network 192.0.2.0/24");
}

TEST_CASE("an announcement carries its options") {
  CHECK(announce("192.0.2.0/24").statement() == "network 192.0.2.0/24");
  CHECK(announce("2001:db8::/32", {}, tagged).statement() == "network 2001:db8::/32 route-map TAG");
}

TEST_CASE("an empty plan types nothing") {
  CHECK(Plan{}.vty_lines() == Lines{});
}

TEST_CASE("a plan is one batch from configure terminal to end") {
  CHECK(Plan{{withdraw("192.0.2.0/24")}}.vty_lines() ==
        Lines{"configure terminal", "router bgp 65001", "address-family ipv4 unicast",
              "no network 192.0.2.0/24", "exit-address-family", "end"});
}

TEST_CASE("a plan enters each instance and each family once") {
  const Plan plan{{withdraw("192.0.2.0/24"), announce("198.51.100.0/24", {}, tagged),
                   withdraw("2001:db8::/32"), announce("2001:db8:1::/48", red),
                   announce("203.0.113.0/24", red)}};
  CHECK(plan.vty_lines() == Lines{
                                "configure terminal",
                                "router bgp 65001",
                                "address-family ipv4 unicast",
                                "no network 192.0.2.0/24",
                                "network 198.51.100.0/24 route-map TAG",
                                "exit-address-family",
                                "address-family ipv6 unicast",
                                "no network 2001:db8::/32",
                                "exit-address-family",
                                "exit",
                                "router bgp 65001 vrf RED",
                                "address-family ipv6 unicast",
                                "network 2001:db8:1::/48",
                                "exit-address-family",
                                "address-family ipv4 unicast",
                                "network 203.0.113.0/24",
                                "exit-address-family",
                                "end",
                            });
}

TEST_CASE("a plan enters each family in the words of the bgpd at hand") {
  const Plan plan{{withdraw("192.0.2.0/24"), withdraw("2001:db8::/32")}};
  CHECK(plan.vty_lines({.short_ipv4 = true, .short_ipv6 = true}) ==
        Lines{"configure terminal", "router bgp 65001", "no network 192.0.2.0/24",
              "address-family ipv6", "no network 2001:db8::/32", "exit-address-family", "end"});
}

TEST_CASE("instances that differ in their AS alone are two") {
  auto other = withdraw("192.0.2.0/24");
  other.asn = Asn::from(65009).value();
  CHECK(Plan{{withdraw("192.0.2.0/24"), other}}.vty_lines() ==
        Lines{"configure terminal", "router bgp 65001", "address-family ipv4 unicast",
              "no network 192.0.2.0/24", "exit-address-family", "exit", "router bgp 65009",
              "address-family ipv4 unicast", "no network 192.0.2.0/24", "exit-address-family",
              "end"});
}

TEST_CASE("a change is in effect when its own instance has what it wants") {
  const RunningConfig config{
      .instances = {{asn, {}, {{prefix("192.0.2.0/24"), tagged}, {prefix("198.51.100.0/24"), {}}}},
                    {asn, red, {}}},
      .route_maps = {}};
  CHECK(in_effect(announce("192.0.2.0/24", {}, tagged), config));
  CHECK_FALSE(in_effect(announce("192.0.2.0/24"), config));
  CHECK_FALSE(in_effect(announce("198.51.100.0/24", {}, tagged), config));
  CHECK_FALSE(in_effect(withdraw("192.0.2.0/24"), config));
  CHECK(in_effect(withdraw("203.0.113.0/24"), config));
  CHECK(in_effect(withdraw("192.0.2.0/24", red), config));
  CHECK_FALSE(in_effect(announce("192.0.2.0/24", red, tagged), config));
}

TEST_CASE("in an instance that is not there everything is withdrawn") {
  CHECK(in_effect(withdraw("192.0.2.0/24"), {}));
  CHECK_FALSE(in_effect(announce("192.0.2.0/24"), {}));
}
