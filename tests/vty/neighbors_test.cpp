#include "vty/neighbors.hpp"

#include <doctest/doctest.h>

#include "transcript.hpp"
#include "vty/running_config.hpp"

using namespace withdrawd;
using test::Transcript;

TEST_CASE("which neighbors keep the prefixes of a bgpd that breaks off, as Quagga and FRR say") {
  for (const std::string bgpd : {"frr-8.4.4", "quagga-1.2.4"}) {
    CAPTURE(bgpd);
    const auto talk = Transcript::load(bgpd + "-socket-graceful-restart");
    const auto neighbors = vty::read_neighbors(talk.answer("show ip bgp neighbors"));
    REQUIRE(neighbors.size() == 2);
    CHECK(neighbors[0].name == "10.9.0.2");
    CHECK(neighbors[0].established);
    CHECK(neighbors[0].keeps);
    CHECK(neighbors[1].name == "10.9.0.9");
    CHECK_FALSE(neighbors[1].established);
    CHECK_FALSE(neighbors[1].keeps);
    const auto config = vty::read_running_config(talk.answer("show running-config"));
    REQUIRE(config);
    REQUIRE(config->graceful_restart);
    CHECK(config->graceful_restart->restart_time == std::chrono::seconds(20));
  }
}

TEST_CASE("an FRR that only helps its neighbors asks none to keep anything") {
  const auto neighbors = vty::read_neighbors(
      "BGP neighbor is 10.0.0.2, remote AS 65002, local AS 65001, external link\n"
      "  BGP state = Established, up for 00:00:05\n"
      "    Graceful Restart Capability: advertised and received\n"
      "    Local GR Mode: Helper*\n");
  REQUIRE(neighbors.size() == 1);
  CHECK_FALSE(neighbors[0].keeps);
  CHECK(vty::read_neighbors("% BGP instance not found\n").empty());
  CHECK(vty::read_neighbors("  BGP state = Established").empty());
}
