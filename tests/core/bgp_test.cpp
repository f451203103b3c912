#include "core/bgp.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;

namespace {

InstanceKey view(std::string_view name) {
  return {InstanceKey::Kind::view, VtyName::parse(name).value()};
}
InstanceKey vrf(std::string_view name) {
  return {InstanceKey::Kind::vrf, VtyName::parse(name).value()};
}
Asn asn(std::int64_t number) {
  return Asn::from(number).value();
}

/// The instance chosen, as text, or the error.
std::string chosen(const RunningConfig& config, const InstanceChoice& choice) {
  const auto instance = choose_instance(config, choice);
  return instance ? (*instance)->text() : instance.error().text();
}

const RunningConfig one{.instances = {{asn(65001), {}, {}}}, .route_maps = {}};
const RunningConfig several{.instances = {{asn(65001), {}, {}},
                                          {asn(65001), vrf("RED"), {}},
                                          {asn(65009), view("LAB"), {}}},
                            .route_maps = {}};

}  // namespace

TEST_CASE("an AS number is 1 to 4294967294") {
  CHECK(Asn::parse("1")->number() == 1);
  CHECK(Asn::parse("65001")->number() == 65001);
  CHECK(Asn::parse("4294967294")->number() == 4294967294);
  CHECK(Asn::parse("1.10")->number() == 65546);     // asdot
  CHECK(Asn::parse("0.65001")->number() == 65001);  // asdot+
  CHECK(Asn::parse("65535.65534")->number() == 4294967294);
  for (const std::string text : {"0", "4294967295", "-1", "+1", "065001", "1.65536", "1.", ".1",
                                 "01.1", "1.2.3", "AS65001", "", " 1", "99999999999999999999"}) {
    REQUIRE_FALSE(Asn::parse(text));
    CHECK(Asn::parse(text).error().text() ==
          "read AS number \"" + text + "\": it is not an AS number (1 to 4294967294)");
  }
  CHECK_FALSE(Asn::from(0));
  CHECK_FALSE(Asn::from(-65001));
  CHECK_FALSE(Asn::from(4294967295));
}

TEST_CASE("a name for a vty is one word") {
  CHECK(VtyName::parse("TAG-1_a.b:c@d+e/f=g~h")->text() == "TAG-1_a.b:c@d+e/f=g~h");
  CHECK(VtyName::parse(std::string(127, 'x')));
}

TEST_CASE("a name that could become more than a word is refused, naming the byte") {
  const auto refused = [](std::string_view text) { return VtyName::parse(text).error().text(); };
  const std::string rule = " (1 to 127 letters, digits and -_.:@+/=~)";
  CHECK(refused("") == "read name \"\": it is empty" + rule);
  CHECK(refused("A B") == "read name \"A B\": byte 2 is ' '" + rule);
  CHECK(refused("A\nend") == "read name \"A\\x0aend\": byte 2 is '\\x0a'" + rule);
  CHECK(refused("TAG?") == "read name \"TAG?\": byte 4 is '?'" + rule);
  CHECK(refused("!x") == "read name \"!x\": byte 1 is '!'" + rule);
  CHECK(refused("\xc3\xa9") == "read name \"\\xc3\\xa9\": byte 1 is '\\xc3'" + rule);
  CHECK(VtyName::parse(std::string(128, 'x')).error().happened == "it has 128 bytes");
  using namespace std::string_view_literals;
  for (const char c : " \t\r\n\0!#?|;'\"\\$`<>(){}[]*&,^%"sv) {
    CAPTURE(c);
    CHECK_FALSE(VtyName::parse(std::string("A") + c));
  }
}

TEST_CASE("an instance prints as bgpd configures it") {
  CHECK(Instance{asn(65001), {}, {}}.text() == "router bgp 65001");
  CHECK(Instance{asn(65009), vrf("RED"), {}}.text() == "router bgp 65009 vrf RED");
  CHECK(Instance{asn(65009), view("LAB"), {}}.text() == "router bgp 65009 view LAB");
  CHECK(InstanceKey{}.text() == "the default instance");
  CHECK(vrf("RED").text() == "vrf RED");
  CHECK(view("LAB").text() == "view LAB");
}

TEST_CASE("network options print in the order in which bgpd prints them") {
  const auto tag = VtyName::parse("TAG").value();
  CHECK(NetworkOptions{}.text() == "");
  CHECK(NetworkOptions{.route_map = tag}.text() == " route-map TAG");
  CHECK(NetworkOptions{.backdoor = true}.text() == " backdoor");
  CHECK(NetworkOptions{.route_map = tag, .backdoor = true, .label_index = 7}.text() ==
        " label-index 7 route-map TAG backdoor");
}

TEST_CASE("the only instance needs no naming") {
  CHECK(chosen(one, {}) == "router bgp 65001");
}

TEST_CASE("an instance is chosen by AS, by name, or by both") {
  CHECK(chosen(several, {asn(65009), {}}) == "router bgp 65009 view LAB");
  CHECK(chosen(several, {{}, InstanceKey{}}) == "router bgp 65001");
  CHECK(chosen(several, {{}, vrf("RED")}) == "router bgp 65001 vrf RED");
  CHECK(chosen(several, {asn(65001), vrf("RED")}) == "router bgp 65001 vrf RED");
}

TEST_CASE("a choice that several instances fit lists them and says how to tell them apart") {
  const std::string advice =
      " (name one with \"vrf\", \"view\" or \"as\"; vrf = \"default\" is the one without a name)";
  CHECK(chosen(several, {}) ==
        "find the BGP instance in bgpd's running configuration: there are \"router bgp 65001\", "
        "\"router bgp 65001 vrf RED\", \"router bgp 65009 view LAB\"" +
            advice);
  CHECK(chosen(several, {asn(65001), {}}) ==
        "find the BGP instance of AS 65001 in bgpd's running configuration: there are \"router bgp "
        "65001\", \"router bgp 65001 vrf RED\"" +
            advice);
}

TEST_CASE("a choice that no instance fits lists what there is") {
  CHECK(chosen(one, {asn(65002), {}}) ==
        "find the BGP instance of AS 65002 in bgpd's running configuration: there is only "
        "\"router bgp 65001\" (correct \"vrf\", \"view\" or \"as\")");
  CHECK(chosen(one, {asn(65001), vrf("RED")}) ==
        "find vrf RED of AS 65001 in bgpd's running configuration: there is only "
        "\"router bgp 65001\" (correct \"vrf\", \"view\" or \"as\")");
  // A view is not a VRF of the same name.
  CHECK_FALSE(choose_instance(several, {{}, vrf("LAB")}));
}

TEST_CASE("a bgpd without BGP says so") {
  CHECK(chosen({}, {}) ==
        "find the BGP instance in bgpd's running configuration: there is no \"router bgp\"");
}
