#include "daemon/status_page.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "daemon/fleet_table.hpp"
#include "reported.hpp"

using namespace withdrawd;
using namespace withdrawd::daemon;
using namespace withdrawd::daemon::testing;
namespace json = boost::json;

namespace {

const StatusPage::Moment now{core::Time(std::chrono::hours(100)),
                             moment_of({.time = "2026-11-23T12:00:00.000Z"}).value()};

/// So many prefixes of a rule.
core::Report many(std::size_t count, const std::string& rule = "edge") {
  core::Report all = report({});
  for (std::size_t i = 0; i < count; ++i) {
    all.prefixes.push_back(
        announced(rule, "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24"));
  }
  return all;
}

json::object shown(const core::Report& report) {
  StatusPage page("edge1");
  page.use(settings(report));
  return page.to_json(report, now);
}

json::object found(const core::Report& report, std::string_view query) {
  StatusPage page("edge1");
  page.use(settings(report));
  return page.find(report, query, now);
}

std::vector<std::string> prefixes(const json::value& rows) {
  std::vector<std::string> all;
  for (const auto& row : rows.as_array()) all.emplace_back(row.at("prefix").as_string());
  return all;
}

using Texts = std::vector<std::string>;

HistoryEntry withdrawn(const std::string& prefix, const std::string& time) {
  return {.time = time,
          .kind = "changed",
          .rule = "edge",
          .prefix = prefix,
          .was = "announced",
          .is = "withdrawn",
          .cause = "timed out",
          .by = "withdrawd"};
}

}  // namespace

TEST_CASE("what is not as usual comes first, in its rule and of the rules") {
  const auto page =
      shown(report({announced("a", "192.0.2.0/24"), drained("b", "198.51.100.0/24"),
                    announced("c", "203.0.113.0/25"), sick("c", "203.0.113.128/25")}));
  Texts rules;
  for (const auto& rule : page.at("rules").as_array()) {
    rules.emplace_back(rule.at("name").as_string());
  }
  CHECK(rules == Texts{"c", "b", "a"});
  CHECK(prefixes(page.at("rules").at(0).at("rows")) == Texts{"203.0.113.128/25", "203.0.113.0/25"});
  CHECK(page.at("counts") ==
        json::value{{"announced", 2}, {"degraded", 0}, {"withdrawn", 2}, {"unknown", 0}});
}

TEST_CASE("a row says who drained what, why, and until when") {
  const auto page = shown(report({drained("a", "192.0.2.0/24")}));
  const auto& drain = page.at("rules").at(0).at("rows").at(0).at("drain");
  CHECK(drain.at("who") == "alice");
  CHECK(drain.at("why") == "new disks");
  const auto noon = page.at("now_ms").as_int64();
  CHECK(drain.at("since_ms") == noon - 5 * 60'000);
  CHECK(drain.at("until_ms") == noon + 25 * 60'000);
  CHECK(drain.at("grace_until_ms").is_null());
}

TEST_CASE("a moment of the past is the same number each time it is shown") {
  const auto seen = report({sick("a", "192.0.2.0/24")});
  StatusPage page("edge1");
  page.use(settings(seen));
  const auto since = [&](const core::Report& report, const StatusPage::Moment& at) {
    return page.to_json(report, at).at("rules").at(0).at("rows").at(0).at("since_ms").as_int64();
  };
  const auto first = since(seen, now);
  // Two seconds later; the clocks do not go quite alike.
  auto later = seen;
  *later.prefixes[0].desired_for += std::chrono::seconds(2);
  CHECK(since(later, {now.steady + std::chrono::seconds(2),
                      now.wall + std::chrono::milliseconds(2037)}) == first);
  // The host's clock was set.
  CHECK(since(seen, {now.steady, now.wall + std::chrono::hours(1)}) == first + 3'600'000);
}

TEST_CASE("of ten thousand prefixes only those that are not as usual are sent") {
  auto all = many(10'000);
  all.prefixes[777] = sick("edge", "10.3.9.0/24");
  const auto page = shown(all);
  CHECK_FALSE(page.at("shows_all").as_bool());
  const auto& rule = page.at("rules").at(0);
  CHECK(prefixes(rule.at("rows")) == Texts{"10.3.9.0/24"});
  CHECK(rule.at("prefixes") == 10'000);
  CHECK(rule.at("counts").at("announced") == 9'999);
  CHECK(rule.at("strip").as_array().size() > 0);
  CHECK(json::serialize(page).size() < 10'000);
}

TEST_CASE("the page stays small when all of ten thousand prefixes are sick, and says how many") {
  core::Report all = report({});
  for (int rule = 0; rule < 100; ++rule) {
    for (auto& one : many(100, "rule-" + std::to_string(rule)).prefixes) {
      all.prefixes.push_back(sick(one.rule, one.prefix.text()));
    }
  }
  const auto page = shown(all);
  std::size_t rows = 0;
  for (const auto& rule : page.at("rules").as_array()) {
    CHECK(rule.at("rows").as_array().size() <= StatusPage::most_rows_a_rule);
    CHECK(rule.at("unusual") == 100);
    rows += rule.at("rows").as_array().size();
  }
  CHECK(rows == StatusPage::most_rows);
  CHECK(page.at("more_rules") == 100 - StatusPage::most_rules);
  CHECK(json::serialize(page).size() < 200'000);
}

TEST_CASE("a prefix is found by a part of it, by an address in it, and by its rule") {
  auto all = many(300);
  all.prefixes.push_back(announced("customer", "2001:db8:53::/48"));
  CHECK(prefixes(found(all, "10.0.7.0%2F24").at("rows")) == Texts{"10.0.7.0/24"});
  CHECK(prefixes(found(all, "10.1.4.99").at("rows")) == Texts{"10.1.4.0/24"});
  CHECK(prefixes(found(all, "2001%3adb8%3A53%3A%3A1").at("rows")) == Texts{"2001:db8:53::/48"});
  CHECK(prefixes(found(all, "custom").at("rows")) == Texts{"2001:db8:53::/48"});
  const auto every = found(all, "edge");
  CHECK(every.at("count") == 300);
  CHECK(every.at("rows").as_array().size() == StatusPage::most_found);
  CHECK(found(all, "").at("count") == 0);
  CHECK(found(all, "192.0.2.1").at("count") == 0);
}

TEST_CASE("what happened to many prefixes at once is told once") {
  const auto seen = many(5);
  StatusPage page("edge1");
  page.use(settings(seen));
  page.add(withdrawn("10.0.9.0/24", "2026-11-23T11:00:00.000Z"));
  for (int i = 0; i < 5; ++i) {
    page.add(withdrawn(seen.prefixes[static_cast<std::size_t>(i)].prefix.text(),
                       "2026-11-23T11:30:00.00" + std::to_string(i) + "Z"));
  }
  const auto changes = page.to_json(seen, now).at("changes").as_array();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].at("count") == 5);
  CHECK(changes[0].at("prefixes").as_array().size() == 3);
  CHECK(changes[1].at("count") == 1);
  // And of those that are told, only the last.
  for (int i = 0; i < 100; ++i) {
    page.add(withdrawn("10.0.0.0/24", "2026-11-22T" + std::to_string(10 + i % 2) + ":00:00.000Z"));
  }
  CHECK(page.to_json(seen, now).at("changes").as_array().size() == StatusPage::most_changes);
}

TEST_CASE("checks that are down come first, each with its trace") {
  const auto seen =
      report({}, {check("fine", core::Health::up), check("sick", core::Health::down)});
  StatusPage page("edge1");
  page.use(settings(seen));
  page.answered({1, {core::OutcomeKind::timeout, {}, ""}}, now.steady);
  const auto shown = page.to_json(seen, now);
  const auto& checks = shown.at("checks").as_array();
  CHECK(checks[0].at("name") == "sick");
  CHECK(checks[0].at("trace").at("failed") == json::array{1});
  CHECK(checks[1].at("last").at("latency_us") == 480);
}

TEST_CASE("the page carries its verdict, as text") {
  auto seen = report({sick("a", "192.0.2.0/24")}, {check("<b>&\"", core::Health::down)});
  const std::string html = StatusPage::html(seen);
  CHECK(html.find("1 of 1 prefix is withdrawn: 1 down. Check &quot;&lt;b&gt;&amp;&quot;&quot; is "
                  "down.") != html.npos);
  CHECK(html.find("@") == html.find("@media"));
  CHECK(html.find("<b>&") == html.npos);
}

TEST_CASE("the page may load nothing but what stands in it") {
  const auto policy = std::string(StatusPage::content_security_policy());
  CHECK(policy.starts_with("default-src 'none'; script-src 'sha256-"));
  CHECK(policy.find("unsafe") == policy.npos);
  CHECK(policy.find("http") == policy.npos);
}

TEST_CASE("what a browser encodes is decoded, and what is no encoding stays") {
  CHECK(url_decoded("192.0.2.0%2F24") == "192.0.2.0/24");
  CHECK(url_decoded("a+b%20c") == "a b c");
  CHECK(url_decoded("100%") == "100%");
  CHECK(url_decoded("%2") == "%2");
  CHECK(url_decoded("%zz") == "%zz");
}

namespace {

core::FleetSites::Entry stands(const std::string& site, core::PlaceState state,
                               const std::string& place = "192.0.2.0/24") {
  return {
      .place = place,
      .site = site,
      .said = {.state = state,
               .announced = state != core::PlaceState::left,
               .health = state == core::PlaceState::sick ? core::Health::down : core::Health::up},
      .since = 1764000000};
}

core::Report in_a_fleet(core::FleetSites sites) {
  core::Report all = report({announced("a", "192.0.2.0/24")});
  all.fleet =
      core::FleetReport{.group = "edge",
                        .site = "fra1",
                        .reached = true,
                        .detail = "http://192.0.2.11:2379",
                        .reached_for = std::chrono::minutes(1),
                        .sites = std::make_shared<const core::FleetSites>(std::move(sites))};
  return all;
}

}  // namespace

TEST_CASE("a site that is in no fleet shows none") {
  CHECK(shown(report({announced("a", "192.0.2.0/24")})).at("fleet").is_null());
}

TEST_CASE("of a fleet the page shows every site, those that are not as usual first") {
  using core::PlaceState;
  auto held = stands("lhr1", PlaceState::sick);
  held.said.held = true;
  auto drained = stands("ams1", PlaceState::left);
  drained.said.drained = true;
  const auto page = shown(in_a_fleet(
      {.entries = {drained, stands("fra1", PlaceState::up), held, stands("waw1", PlaceState::up)},
       .members = {"ams1", "fra1", "lhr1", "waw1", "zrh1"}}));
  const auto& fleet = page.at("fleet");
  CHECK(fleet.at("heard") == 4);
  CHECK(fleet.at("silent") == json::value{"zrh1"});
  CHECK(fleet.at("reached_since_ms") == page.at("now_ms").as_int64() - 60'000);
  const auto& place = fleet.at("prefixes").at(0);
  CHECK(place.at("counts") == json::value{{"announced", 2}, {"drained", 1}, {"held", 1}});
  Texts rows;
  for (const auto& row : place.at("rows").as_array()) {
    rows.push_back(std::string(row.at("site").as_string()) + " " +
                   std::string(row.at("is").as_string()));
  }
  CHECK(rows == Texts{"lhr1 held", "ams1 drained", "fra1 announced", "waw1 announced"});
  CHECK(place.at("rows").at(0).at("health") == "down");
  CHECK(place.at("rows").at(0).at("since_ms") == 1764000000000);
}

TEST_CASE("of a large fleet only what is not as usual is sent, and the rest is counted") {
  core::FleetSites sites;
  for (int site = 0; site < 50; ++site) {
    for (int place = 0; place < 100; ++place) {
      const bool sick = place == 77 && site % 2 == 1;
      sites.entries.push_back(stands("site" + std::to_string(site),
                                     sick ? core::PlaceState::sick : core::PlaceState::up,
                                     "10.0." + std::to_string(place) + ".0/24"));
    }
  }
  for (int site = 0; site < 100; ++site) sites.members.push_back("site" + std::to_string(site));
  const auto page = shown(in_a_fleet(sites));
  const auto& fleet = page.at("fleet");
  CHECK(fleet.at("prefixes").as_array().size() == FleetTable::most_prefixes);
  CHECK(fleet.at("more_prefixes") == 100 - FleetTable::most_prefixes);
  CHECK(fleet.at("silent_count") == 50);
  CHECK(fleet.at("silent").as_array().size() == FleetTable::most_silent);
  const auto& worst = fleet.at("prefixes").at(0);
  CHECK(worst.at("prefix") == "10.0.77.0/24");
  CHECK(worst.at("rows").as_array().size() == FleetTable::most_rows_a_prefix);
  CHECK(worst.at("rest") == 50 - FleetTable::most_rows_a_prefix);
  CHECK(json::serialize(page).size() < 10'000);
}

TEST_CASE("names that others have written into the store are printable on the page") {
  const auto page = shown(in_a_fleet(
      {.entries = {stands("\x1b[31mred", core::PlaceState::up)}, .members = {"quiet\nsite"}}));
  const std::string text = json::serialize(page.at("fleet"));
  CHECK(text.find("\\u001b") == text.npos);
  CHECK(text.find("\\n") == text.npos);
}
