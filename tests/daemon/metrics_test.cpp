#include "daemon/metrics.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "daemon/exposition.hpp"
#include "scratch.hpp"
#include "some_report.hpp"

using namespace withdrawd;
using daemon::Exposition;
using daemon::MetricsView;
using daemon::testing::ScratchDirectory;

namespace {

MetricsView some_view() {
  MetricsView view{.report = daemon::testing::some_report(),
                   .counts = {},
                   .version = "1.2.3",
                   .run = "run",
                   .now = MetricsView::WallTime(std::chrono::seconds(1'700'000'000)),
                   .started = MetricsView::WallTime(std::chrono::seconds(1'600'000'000)),
                   .loaded = MetricsView::WallTime(std::chrono::seconds(1'650'000'000))};
  view.counts.checks["resolver"];
  view.counts.rules["anycast"];
  return view;
}

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t series_in(const std::string& text) {
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) count += !line.starts_with('#');
  return count;
}

/// A view of so many rules of a prefix each, and so many checks.
MetricsView large_view(std::size_t prefixes, std::size_t checks) {
  MetricsView view = some_view();
  view.report.prefixes.assign(prefixes, view.report.prefixes[0]);
  view.report.checks.clear();
  view.counts.checks.clear();
  for (std::size_t i = 0; i < checks; ++i) {
    auto check = daemon::testing::some_report().checks[0];
    check.name = fmt::format("check{}", i);
    view.counts.checks[check.name];
    view.report.checks.push_back(check);
  }
  return view;
}

}  // namespace

TEST_CASE("a family is announced once, before its samples, and not without any") {
  Exposition out;
  out.gauge("a", "Help.");
  out.sample({}, 1);
  out.sample({{"x", "1"}, {"y", "2"}}, 2.5);
  out.gauge("empty", "Nothing.");
  out.counter("b_total", "More.");
  out.sample({}, 3);
  CHECK(out.text() ==
        "# HELP a Help.\n# TYPE a gauge\na 1\na{x=\"1\",y=\"2\"} 2.5\n"
        "# HELP b_total More.\n# TYPE b_total counter\nb_total 3\n");
  CHECK(out.series() == 3);
}

TEST_CASE("a histogram's buckets add up, and end with all there are") {
  daemon::Histogram histogram;
  histogram.add(std::chrono::milliseconds(1));
  histogram.add(std::chrono::milliseconds(4));
  histogram.add(std::chrono::seconds(30));
  Exposition out;
  out.histogram("h_seconds", "Times.");
  out.sample({{"check", "c"}}, histogram);
  const std::string& text = out.text();
  CHECK(has(text, "# TYPE h_seconds histogram"));
  CHECK(has(text, "h_seconds_bucket{check=\"c\",le=\"0.001\"} 1"));
  CHECK(has(text, "h_seconds_bucket{check=\"c\",le=\"0.0025\"} 1"));
  CHECK(has(text, "h_seconds_bucket{check=\"c\",le=\"0.005\"} 2"));
  CHECK(has(text, "h_seconds_bucket{check=\"c\",le=\"10\"} 2"));
  CHECK(has(text, "h_seconds_bucket{check=\"c\",le=\"+Inf\"} 3"));
  CHECK(has(text, "h_seconds_count{check=\"c\"} 3"));
  CHECK(has(text, "h_seconds_sum{check=\"c\"} 30.005"));
}

TEST_CASE("a label's value can hold anything") {
  CHECK(daemon::escaped_label("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
  CHECK(daemon::escaped_label("anycast-v4.1") == "anycast-v4.1");
}

TEST_CASE("health, state and since when are told by rule, prefix and check") {
  MetricsView view = some_view();
  view.report.prefixes[1].desired = core::Desired::withdrawn;
  view.report.prefixes[1].in_table = false;
  view.report.prefixes[1].desired_for = std::chrono::milliseconds(12'500);
  view.report.prefixes[1].agrees = false;
  view.report.prefixes[1].reach = {{core::Reach::Kind::handed_on, "is handed on"}};
  const std::string text = daemon::metrics_text(view);
  const std::string v4 = "rule=\"anycast\",prefix=\"192.0.2.0/24\"";
  const std::string v6 = "rule=\"anycast\",prefix=\"2001:db8:53::/48\"";
  CHECK(has(text, "withdrawd_prefix_health{" + v4 + ",health=\"up\"} 1"));
  CHECK(has(text, "withdrawd_prefix_health{" + v4 + ",health=\"down\"} 0"));
  CHECK(has(text, "withdrawd_prefix_desired{" + v4 + ",desired=\"announced\"} 1"));
  CHECK(has(text, "withdrawd_prefix_desired{" + v6 + ",desired=\"withdrawn\"} 1"));
  CHECK(has(text, "withdrawd_prefix_in_table{" + v6 + "} 0"));
  CHECK(has(text, "withdrawd_prefix_peers{" + v4 + "} 2"));
  CHECK(has(text, "withdrawd_prefix_desired_since_timestamp_seconds{" + v6 + "} 1699999987.5"));
  CHECK(has(text, "withdrawd_rule_prefixes{rule=\"anycast\",desired=\"withdrawn\"} 1"));
  CHECK(has(text, "withdrawd_rule_prefixes_in_table{rule=\"anycast\"} 1"));
  CHECK(has(text, "withdrawd_rule_prefixes_disagreeing{rule=\"anycast\"} 1"));
  CHECK(has(text, "withdrawd_rule_prefixes_reach{rule=\"anycast\",kind=\"handed_on\"} 1"));
  CHECK(has(text, "withdrawd_rule_prefixes_reach{rule=\"anycast\",kind=\"unheard\"} 0"));
  CHECK(has(text, "withdrawd_prefixes_reach{kind=\"handed_on\"} 1"));
  CHECK(has(text, "withdrawd_prefixes{desired=\"announced\"} 1"));
  CHECK(has(text, "withdrawd_check_health{check=\"resolver\",health=\"up\"} 1"));
  CHECK(has(text, "withdrawd_check_health_since_timestamp_seconds{check=\"resolver\"} 1699999990"));
  CHECK(has(text, "withdrawd_healthy 0"));
  CHECK(has(text, "withdrawd_build_info{version=\"1.2.3\",run=\"run\"} 1"));
  CHECK(has(text, "withdrawd_start_time_seconds 1600000000"));
}

TEST_CASE("the fleet's store and a contested name are told where there is a fleet") {
  MetricsView view = some_view();
  CHECK(daemon::metrics_text(view).find("withdrawd_fleet") == std::string::npos);
  view.report.fleet = core::FleetReport{"edge", "fra1", {}, "", {}, ""};
  std::string text = daemon::metrics_text(view);
  CHECK(text.find("withdrawd_fleet_reached") == std::string::npos);
  CHECK(has(text, "withdrawd_fleet_name_contested 0"));
  view.report.fleet->reached = false;
  view.report.fleet->name_contested_by = "ns2/1";
  text = daemon::metrics_text(view);
  CHECK(has(text, "withdrawd_fleet_reached 0"));
  CHECK(has(text, "withdrawd_fleet_name_contested 1"));
}

TEST_CASE("what nobody knows is missing, and what has not happened yet is 0") {
  MetricsView view = some_view();
  view.report.prefixes[0].in_table.reset();
  view.report.prefixes[0].desired_for.reset();
  view.report.bgpd_reachable = false;
  const std::string text = daemon::metrics_text(view);
  CHECK(text.find("withdrawd_prefix_in_table{rule=\"anycast\",prefix=\"192.0.2.0/24\"}") ==
        std::string::npos);
  CHECK(text.find("withdrawd_bgpd_running") == std::string::npos);
  CHECK(has(text, "withdrawd_statements_sent_total{transport=\"telnet\"} 0"));
  CHECK(has(text, "withdrawd_check_outcomes_total{check=\"resolver\",outcome=\"timeout\"} 0"));
  CHECK(has(text,
            "withdrawd_rule_changes_total{rule=\"anycast\",to=\"withdrawn\",by=\"withdrawd\"} 0"));
  CHECK(has(text, "withdrawd_check_latency_seconds_count{check=\"resolver\"} 0"));
}

TEST_CASE("no series is there twice, and each family's stand together") {
  const std::string text =
      daemon::metrics_text(some_view()) + daemon::process_metrics(std::chrono::system_clock::now());
  std::istringstream lines(text);
  std::set<std::string> series, families;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      CAPTURE(line);
      CHECK(families.insert(line).second);
    } else if (!line.starts_with('#')) {
      CAPTURE(line);
      CHECK(series.insert(line.substr(0, line.rfind(' '))).second);
    }
  }
}

TEST_CASE("details are left out, the finest first, where there would be too many series") {
  MetricsView view = large_view(10'000, 3);
  auto omitted = daemon::omission(view);
  CHECK(omitted.prefixes);
  CHECK_FALSE(omitted.latencies);
  CHECK_FALSE(omitted.rules);
  const std::string text = daemon::metrics_text(view);
  CHECK(text.find("withdrawd_prefix_") == std::string::npos);
  CHECK(has(text, "withdrawd_series_omitted{kind=\"prefix\"} 1"));
  CHECK(has(text, "withdrawd_series_omitted{kind=\"rule\"} 0"));
  CHECK(has(text, "withdrawd_rule_prefixes{rule=\"anycast\",desired=\"announced\"} 10000"));

  view = large_view(1, 1000);
  omitted = daemon::omission(view);
  CHECK(omitted.latencies);
  CHECK_FALSE(omitted.checks);
  view.max_series = 100;
  omitted = daemon::omission(view);
  CHECK(omitted.rules);
  CHECK(omitted.checks);
}

TEST_CASE("there are never more series than max_series says") {
  for (const std::size_t prefixes : {0, 1, 2, 100, 600, 20'000}) {
    for (const std::size_t checks : {1, 3, 100, 400, 2'000}) {
      for (const std::uint32_t most : {100U, 1'000U, 10'000U, 100'000U}) {
        MetricsView view = large_view(prefixes, checks);
        view.max_series = most;
        CAPTURE(prefixes);
        CAPTURE(checks);
        CHECK(series_in(daemon::metrics_text(view)) <= most);
      }
    }
  }
}

TEST_CASE("a file of metrics is replaced at once, and can be read by all") {
  const ScratchDirectory scratch;
  const auto file = scratch / "withdrawd.prom";
  daemon::testing::write(file, "before\n");
  REQUIRE(daemon::write_metrics(file, "after\n"));
  CHECK(daemon::testing::read(file) == "after\n");
  struct stat info{};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
  CHECK(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}) == 1);
}

TEST_CASE("a file of metrics that cannot be written says which and what to do") {
  const ScratchDirectory scratch;
  const auto done = daemon::write_metrics(scratch / "no/such/m.prom", "x");
  REQUIRE_FALSE(done);
  CHECK(done.error().text().find("no/such/m.prom") != std::string::npos);
  CHECK(done.error().text().find("file in [metrics]") != std::string::npos);
}
