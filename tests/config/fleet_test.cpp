#include <doctest/doctest.h>

#include "written_config.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;

namespace {

/// `lines` stand in [fleet], from line 4, behind endpoints and site.
std::string in_fleet(std::string_view lines, std::string_view endpoints = "[\"https://192.0.2.1\"]",
                     std::string_view in_rule = "") {
  return "[fleet]\nendpoints = " + std::string(endpoints) + "\nsite = \"a\"\n" +
         std::string(lines) + "\n" + std::string(sound) + std::string(in_rule) + "\n";
}

bool is_refused(const std::string& text, std::string_view because) {
  for (const auto& line : complaints(text)) {
    if (line.find("error") != std::string::npos && line.find(because) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("without [fleet] a site is in none") {
  const auto config = parsed(std::string(sound));
  CHECK_FALSE(config.settings.fleet);
  CHECK(config.fleet.endpoints.empty());
}

TEST_CASE("a fleet has defaults for all but its endpoints and this site's name") {
  const auto config = parsed(in_fleet(""));
  REQUIRE(config.settings.fleet);
  CHECK(config.settings.fleet->group == "withdrawd");
  CHECK(config.settings.fleet->site == "a");
  CHECK(config.settings.fleet->keep_announcing == core::FleetFloor{1});
  CHECK_FALSE(config.settings.fleet->hold_when_unreachable);
  CHECK(config.settings.fleet->timeout == 250ms);
  CHECK(config.fleet.lease == 10s);
}

TEST_CASE("an endpoint is a URL with an address or a name") {
  const auto config = parsed(in_fleet(
      "", "[\"http://10.0.0.1\", \"https://[2001:db8::1]:4001\", \"https://etcd.net:1/\"]"));
  REQUIRE(config.fleet.endpoints.size() == 3);
  CHECK(config.fleet.endpoints[0].text() == "http://10.0.0.1:2379");
  CHECK(config.fleet.endpoints[1].text() == "https://[2001:db8::1]:4001");
  CHECK(config.fleet.endpoints[2].text() == "https://etcd.net:1");
  for (const auto* bad : {"\"10.0.0.1\"", "\"http://\"", "\"http://a:x\"", "\"http://a:0\"",
                          "\"http://[::1\"", "\"http://[a]\"", "\"http://a b\"", "7"}) {
    CAPTURE(bad);
    CHECK(is_refused(in_fleet("", "[" + std::string(bad) + "]"), "endpoints"));
  }
  CHECK(is_refused(in_fleet("", "[\"http://a\", \"http://a:2379\"]"), "twice"));
}

TEST_CASE("a rule has a floor of its own, as a number or a share") {
  const auto config =
      parsed(in_fleet("keep_announcing = 3", "[\"http://a\"]", "keep_announcing = \"50%\""));
  CHECK(config.settings.fleet->keep_announcing == core::FleetFloor{3});
  CHECK(config.settings.rules.at(0).keep_announcing == core::FleetFloor{50, true});
  for (const auto* bad : {"101", "-1", "\"0%\"", "\"101%\"", "\"half\""}) {
    CAPTURE(bad);
    CHECK(is_refused(in_fleet("keep_announcing = " + std::string(bad)), "keep_announcing"));
  }
  CHECK(is_refused(std::string(sound) + "keep_announcing = 1\n", "of no use without [fleet]"));
}

TEST_CASE("what belongs together must be said together") {
  CHECK(is_refused(in_fleet("user = \"u\""), "without \"password_file\""));
  CHECK(is_refused(in_fleet("password_file = \"/p\""), "without \"user\""));
  CHECK(is_refused(in_fleet("cert = \"/c\""), "without \"key\""));
  CHECK(is_refused(in_fleet("ca = \"/c\"", "[\"http://a\"]"), "https://"));
  CHECK(is_refused("mode = \"hard\"\n" + in_fleet(""), "mode = \"soft\""));
  CHECK(complaints(in_fleet("user = \"u\"\npassword_file = \"/p\"")) == Lines{});
}

TEST_CASE("a password that goes through the net in clear text is worth a warning") {
  const auto lines = complaints(in_fleet("user = \"u\"\npassword_file = \"/p\"", "[\"http://a\"]"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("warning") != std::string::npos);
}

TEST_CASE("names of fleets and sites have no slash, which their keys are made of") {
  CHECK(is_refused(in_fleet("group = \"a/b\""), "\"group\""));
  CHECK(is_refused(in_fleet("group = \"\""), "\"group\""));
}
