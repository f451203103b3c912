#include "daemon/log_summary.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace withdrawd;
using namespace std::chrono_literals;
using core::LogLine;
using core::Severity;
using daemon::LogSummary;

namespace {

const core::Time start{};

LogLine withdrawn(const std::string& rule, int number) {
  return {Severity::warning,
          fmt::format("rule \"{}\": prefix {} withdrawn", rule, number),
          {.rule = rule, .prefix = std::to_string(number), .topic = "withdrawn"}};
}

/// Drives it as a session does: lets time pass until `end`, and gives the summaries.
std::vector<std::string> summaries(LogSummary& log, core::Time end) {
  std::vector<std::string> texts;
  for (auto next = log.next_due(); next && *next <= end; next = log.next_due()) {
    for (const auto& line : log.due(*next)) texts.push_back(line.text);
  }
  return texts;
}

}  // namespace

TEST_CASE("of ten thousand prefixes that change together the first are shown, the others counted") {
  LogSummary log;
  std::size_t shown = 0;
  for (int i = 0; i < 10'000; ++i) shown += log.is_shown(withdrawn("r", i), start);
  CHECK(shown == LogSummary::shown_first);
  REQUIRE(log.next_due() == start + 1s);
  CHECK(log.due(start + 999ms).empty());
  const auto lines = log.due(start + 1s);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].text ==
        "9990 more such lines in 1.0 s, the last: rule \"r\": prefix 9999 withdrawn");
  CHECK(lines[0].severity == Severity::warning);
  CHECK(lines[0].about.rule == "r");
  CHECK(lines[0].about.prefix.empty());
  CHECK_FALSE(log.next_due());
}

TEST_CASE("ten thousand rules of a prefix each do not flood either") {
  LogSummary log;
  std::size_t shown = 0;
  for (int i = 0; i < 10'000; ++i)
    shown += log.is_shown(withdrawn(fmt::format("r{}", i), i), start);
  CHECK(shown == LogSummary::shown_of_all);
  CHECK(summaries(log, start + 1s).size() == 1);
}

TEST_CASE("what goes on for an hour is summed up ever more seldom") {
  LogSummary log;
  std::size_t lines = 0;
  for (auto now = start; now < start + 1h; now += 100ms) {
    lines += summaries(log, now).size();
    lines += log.is_shown(withdrawn("flaps", 1), now);
  }
  CHECK(lines < 80);  // a line a minute, but for the beginning
  CHECK(lines > 60);
}

TEST_CASE("after a quiet time lines are shown again") {
  LogSummary log;
  for (int i = 0; i < 20; ++i) log.is_shown(withdrawn("r", i), start);
  CHECK(summaries(log, start + 1s).size() == 1);
  CHECK(log.is_shown(withdrawn("r", 1), start + 20s));
}

TEST_CASE("lines of another rule, topic, check or severity are no lines alike") {
  LogSummary log;
  for (int i = 0; i < 20; ++i) log.is_shown(withdrawn("r", i), start);
  CHECK(log.is_shown(withdrawn("other", 1), start));
  LogLine line = withdrawn("r", 1);
  line.about.topic = "announced";
  CHECK(log.is_shown(line, start));
  line = withdrawn("r", 1);
  line.severity = Severity::error;
  CHECK(log.is_shown(line, start));
}

TEST_CASE("a line without a topic is always shown") {
  LogSummary log;
  for (int i = 0; i < 1000; ++i) CHECK(log.is_shown({Severity::info, "the same"}, start));
  CHECK_FALSE(log.next_due());
}

TEST_CASE("what is left at the end is told") {
  LogSummary log;
  for (int i = 0; i < 12; ++i) log.is_shown(withdrawn("r", i), start);
  const auto lines = log.rest();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].text.starts_with("2 more such lines"));
  CHECK(log.rest().empty());
}
