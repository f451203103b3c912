#include "vty/survey.hpp"

#include <doctest/doctest.h>

#include "transcript.hpp"

using namespace withdrawd;
using core::Family;
using test::Transcript;
using vty::read_survey;
using vty::Survey;

namespace {

core::Prefix prefix(std::string_view text) {
  return core::Prefix::parse(text).value();
}

Survey survey_of(const std::string& transcript) {
  return read_survey(Transcript::load(transcript).answer("show running-config"));
}

}  // namespace

TEST_CASE("what else announces prefixes is found in both bgpds' configurations") {
  for (const std::string name :
       {"frr-8.4.4-socket-config-vrfs", "quagga-1.2.3-socket-config-views"}) {
    CAPTURE(name);
    const auto survey = survey_of(name);
    const auto* standard = survey.find({});
    REQUIRE(standard);
    CHECK(standard->number == "65001");
    const auto& others = standard->others.at(Family::ipv4);
    CHECK(others.redistribute == std::vector<std::string>{"redistribute connected"});
    REQUIRE(others.aggregates.size() == 1);
    CHECK(others.aggregates[0].prefix == prefix("198.51.100.0/24"));
    CHECK(others.aggregates[0].line == "aggregate-address 198.51.100.0/24 summary-only");
    // Those of other tables are not ours.
    CHECK(standard->networks ==
          std::map<core::Prefix, std::string>{{prefix("192.0.2.0/24"), ""},
                                              {prefix("192.0.2.128/25"), " backdoor"}});
    const auto named = std::ranges::find_if(survey.instances,
                                            [](const auto& one) { return one.number == "65009"; });
    REQUIRE(named != survey.instances.end());
    CHECK(named->networks.contains(prefix("203.0.113.0/24")));
    CHECK(named->others.empty());
  }
}

TEST_CASE("import-check is on, off, or not said") {
  CHECK(survey_of("frr-8.4.4-socket-config-vrfs").find({})->import_check == false);
  CHECK(survey_of("quagga-1.2.3-socket-config-views").find({})->import_check == std::nullopt);
  CHECK(read_survey("router bgp 1\n bgp network import-check\n").find({})->import_check == true);
}

TEST_CASE("Cisco's notation is noticed, and understood") {
  const auto survey = survey_of("quagga-1.2.3-socket-config-cisco-style");
  CHECK(survey.cisco_style);
  const auto& networks = survey.find({})->networks;
  CHECK(networks.contains(prefix("10.0.0.0/8")));
  CHECK(networks.contains(prefix("203.0.113.64/26")));
  CHECK(networks.at(prefix("198.51.100.0/24")) == " route-map TAG");
  CHECK(networks.contains(prefix("2001:db8:53::/48")));
  CHECK_FALSE(survey_of("quagga-1.2.3-socket-config-views").cisco_style);
}

TEST_CASE("a start-up file as people write it is read, complete or not") {
  const auto survey = read_survey(
      "# by hand\r\nrouter ospf\r\n network 192.0.2.0/24 area 0\r\n redistribute bgp\r\n"
      "router bgp 65001 vrf A\r\nnetwork 192.0.2.0/24\r\naddress-family ipv6 unicast\r\n"
      "\tnetwork 2001:db8::/32\r\n\tredistribute kernel route-map K");
  REQUIRE(survey.instances.size() == 1);
  const auto& instance = survey.instances[0];
  CHECK(instance.key.text() == "vrf A");
  CHECK(instance.networks.size() == 2);
  CHECK(instance.others.at(Family::ipv6).redistribute ==
        std::vector<std::string>{"redistribute kernel route-map K"});
}

TEST_CASE("text that is no configuration gives nothing") {
  for (const std::string text : {"", "% Unknown command\n", "network 192.0.2.0/24\n",
                                 "router bgp 65001 vrf a\\b\n network 192.0.2.0/24\n"}) {
    CAPTURE(text);
    CHECK(read_survey(text).instances.empty());
  }
}
