#include "cli/look.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <string>

#include "../hostile_text.hpp"
#include "cli/change_log.hpp"
#include "cli/status_table.hpp"
#include "daemon/report_json.hpp"

using namespace withdrawd;
namespace json = boost::json;
using testing::hostile_texts;
using testing::is_printable;

namespace {

json::value some_status() {
  core::Report report{};
  report.bgpd_reachable = true;
  report.via = "socket /run/frr/bgpd.vty";
  core::CheckReport check{};
  check.name = "resolver";
  check.story = "check \"resolver\" timed out";
  report.checks.push_back(check);
  core::PrefixReport prefix{.rule = "anycast",
                            .prefix = core::Prefix::parse("192.0.2.0/24").value()};
  prefix.why = "check \"resolver\" timed out";
  report.prefixes.push_back(prefix);
  return daemon::to_json(report);
}

/// `shown` may have line ends of its own.
bool lines_are_printable(std::string shown) {
  std::erase(shown, '\n');
  return is_printable(shown);
}

}  // namespace

TEST_CASE("a status of the running withdrawd is taken as it is") {
  const auto status = some_status();
  const auto read = cli::status_in(json::serialize(status));
  REQUIRE(read);
  CHECK(*read == status);
}

TEST_CASE("what is no status, or lacks what is shown of one, is none") {
  for (const char* text : {"", "{", "[]", "{}", "{\"error\":\"no\"}", "null", "\"status\""}) {
    CAPTURE(text);
    CHECK_FALSE(cli::status_in(text));
  }
  const auto whole = some_status();
  for (const auto& member : whole.as_object()) {
    const std::string key(member.key());
    if (key == "version" || key == "mode") continue;  // are only compared
    CAPTURE(key);
    auto odd = whole;
    odd.as_object()[key] = json::object{{"a", 1}};
    CHECK_FALSE(cli::status_in(json::serialize(odd)));
  }
  for (const char* key : {"rule", "why", "health", "desired"}) {
    CAPTURE(key);
    auto odd = whole;
    odd.at("prefixes").at(0).as_object()[key] = 7;
    CHECK_FALSE(cli::status_in(json::serialize(odd)));
    odd.at("prefixes").at(0).as_object().erase(key);
    CHECK_FALSE(cli::status_in(json::serialize(odd)));
  }
}

TEST_CASE("times beyond all measure are shown as a very long time") {
  auto odd = some_status();
  odd.at("checks").at(0).as_object()["health_for_s"] = 1e300;
  odd.at("prefixes").at(0).as_object()["desired_for_s"] = -1e300;
  const auto read = cli::status_in(json::serialize(odd));
  REQUIRE(read);
  CHECK(cli::check_lines(read->at("checks").at(0), cli::Terminal(-1)).find("36500 d") !=
        std::string::npos);
}

TEST_CASE("a status that wants to talk to the terminal is shown escaped") {
  for (const auto hostile : hostile_texts) {
    CAPTURE(std::string(hostile));
    auto odd = some_status();
    for (const char* key : {"rule", "prefix", "why", "health", "desired", "trouble", "route_map"})
      odd.at("prefixes").at(0).as_object()[key] = hostile;
    odd.at("checks").at(0).as_object()["story"] = hostile;
    odd.at("bgpd").as_object()["transport"] = hostile;
    const auto read = cli::status_in(json::serialize(odd));
    if (!read) {
      CHECK(hostile[0] == '\xff');  // no UTF-8, no JSON
      continue;
    }
    CHECK(lines_are_printable(cli::status_table(*read, cli::Terminal(-1))));
    CHECK(lines_are_printable(cli::check_lines(read->at("checks").at(0), cli::Terminal(-1))));
    const std::string text(hostile);
    const daemon::HistoryEntry entry{text, text, text, text, text, text, text, text};
    CHECK(lines_are_printable(cli::change_line(entry, cli::Terminal(-1))));
  }
}
