#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "cli/fleet_table.hpp"

using namespace withdrawd;
namespace json = boost::json;

namespace {

json::object one_place() {
  return {{"prefix", "192.0.2.0/24"}, {"site", "fra1"},   {"state", "up"}, {"announced", true},
          {"health", "up"},           {"drained", false}, {"held", false}, {"for_s", 12}};
}

json::object fleet_of(json::object place) {
  return {{"version", 1},
          {"group", "edge"},
          {"site", "fra1"},
          {"keep_announcing", "2"},
          {"places", json::array{std::move(place)}},
          {"silent", json::array{"zrh1"}}};
}

std::string shown(const json::object& fleet) {
  const auto read = cli::fleet_in(json::serialize(fleet));
  REQUIRE(read);
  return cli::fleet_table(*read, cli::Terminal(-1));
}

std::string shown_for(json::value seconds) {
  auto place = one_place();
  place["for_s"] = std::move(seconds);
  const std::string table = shown(fleet_of(std::move(place)));
  const auto row = table.find("192.0.2.0/24");
  REQUIRE(row != table.npos);
  const auto end = table.find('\n', row);
  return table.substr(table.rfind(' ', end) + 1, end - table.rfind(' ', end) - 1);
}

}  // namespace

TEST_CASE("a fleet is shown by prefixes and sites, and who is silent") {
  CHECK(shown(fleet_of(one_place())) ==
        "fleet edge: 1 of 2 sites heard, keep_announcing 2\n"
        "PREFIX        SITE  IS         HEALTH     FOR\n"
        "192.0.2.0/24  fra1  announced  up         12s\n"
        "-             zrh1  silent\n");
}

TEST_CASE("a time is shown whatever number it is") {
  CHECK(shown_for(119) == "119s");
  CHECK(shown_for(120.9) == "2m");
  CHECK(shown_for(7200) == "2h");
  CHECK(shown_for(std::uint64_t{3} * 86400) == "3d");
  CHECK(shown_for(-5) == "0s");
  CHECK(shown_for(1e300) == "36500d");
  CHECK(shown_for(~std::uint64_t{0}) == "36500d");
}

TEST_CASE("what is no table of a fleet is a complaint, and no crash") {
  for (const char* text : {"", "{", "[]", "{}", "null", "\"fleet\""}) {
    CAPTURE(text);
    REQUIRE_FALSE(cli::fleet_in(text));
    CHECK(cli::fleet_in(text).error().find("another version") != std::string::npos);
  }
  CHECK(cli::fleet_in(R"({"error":"look at the fleet"})").error() == "look at the fleet");
  for (const auto& member : one_place()) {
    CAPTURE(member.key());
    auto odd = one_place();
    odd[member.key()] = json::array();
    if (member.key() == "drained") continue;  // only looked at where it is not announced
    if (member.key() == "state") continue;    // is only compared
    CHECK_FALSE(cli::fleet_in(json::serialize(fleet_of(odd))));
    odd.erase(member.key());
    CHECK_FALSE(cli::fleet_in(json::serialize(fleet_of(odd))));
  }
}

TEST_CASE("names that want to talk to the terminal are shown escaped") {
  auto place = one_place();
  place["site"] = "fra1\x1b[31m";
  CHECK(shown(fleet_of(std::move(place))).find('\x1b') == std::string::npos);
}
