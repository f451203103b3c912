// Requests, answers, the state file, the log and the environment of on_change, with texts that want
// to be more than text.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <string>

#include "../hostile_text.hpp"
#include "daemon/history.hpp"
#include "daemon/log.hpp"
#include "daemon/on_change.hpp"
#include "daemon/requests.hpp"
#include "daemon/state_file.hpp"
#include "scratch.hpp"

using namespace withdrawd;
namespace json = boost::json;
using daemon::Request;
using daemon::StateFile;
using testing::hostile_texts;
using testing::is_printable;

TEST_CASE("a request that somebody else wrote is printable, in whatever field it says what") {
  for (const auto hostile : hostile_texts) {
    for (const char* field : {"target", "who", "why"}) {
      CAPTURE(field);
      CAPTURE(std::string(hostile));
      json::object object{{"target", "anycast"}};
      object[field] = hostile;
      // Where that is no UTF-8 it is no JSON either.
      const auto request = Request::parse("drain " + json::serialize(object));
      if (!request) {
        CHECK(is_printable(request.error().text()));
        continue;
      }
      CHECK(is_printable(request->target + request->who + request->why));
      const auto drain = daemon::drain_of(*request, {});
      REQUIRE(drain);
      CHECK(is_printable(drain->who + drain->why));
    }
    const auto word = Request::parse(hostile);
    REQUIRE_FALSE(word);
    CHECK(is_printable(word.error().text()));
    CHECK_FALSE(Request::parse("drain " + std::string(hostile)));
  }
}

TEST_CASE("whatever an operator types as a reason comes over whole, as one printable line") {
  for (const auto hostile : hostile_texts) {
    const std::string typed(hostile);
    const Request request{
        .verb = Request::Verb::drain, .target = typed, .who = typed, .why = typed, .length = {}};
    CHECK(is_printable(request.line()));
    const auto back = Request::parse(request.line());
    REQUIRE(back);
    CHECK(is_printable(back->why));
    CHECK(Request::parse(back->line())->why == back->why);
  }
}

TEST_CASE("an answer that is none of ours is shown as one printable line") {
  for (const auto hostile : hostile_texts) {
    for (const char* key : {"said", "error", "else"}) {
      const auto said = daemon::read_said(json::serialize(json::object{{key, hostile}}));
      CHECK(is_printable(said ? *said : said.error().text()));
      CHECK(said.has_value() == (std::string_view(key) == "said" && hostile[0] != '\xff'));
    }
    CHECK_FALSE(daemon::read_said(hostile));
  }
  for (const char* none : {"", "[]", "{", "{\"said\":1}", "null"})
    CHECK_FALSE(daemon::read_said(none));
}

TEST_CASE("a state file that somebody wrote brings no text that is more than text") {
  const StateFile::Moment noon{StateFile::WallTime(std::chrono::hours(490'000)),
                               core::Time(std::chrono::hours(90))};
  for (const auto hostile : hostile_texts) {
    CAPTURE(std::string(hostile));
    json::object drain{
        {"rule", "r"}, {"prefix", "192.0.2.0/24"}, {"who", hostile}, {"why", hostile}};
    json::object withdrawn{{"rule", "r"}, {"prefix", "192.0.2.0/24"}, {"route_map", hostile}};
    json::object elsewhere{{"rule", "r"}, {"prefix", hostile}};
    const json::object state{{"version", 1},
                             {"saved", 490'000LL * 3600},
                             {"drains", json::array{drain, elsewhere}},
                             {"withdrawn", json::array{withdrawn, elsewhere}}};
    const auto memory = daemon::parse_state(json::serialize(state), noon);
    if (!memory) {
      CHECK(hostile[0] == '\xff');
      CHECK(is_printable(memory.error().text()));
      continue;
    }
    REQUIRE(memory->policy.drains.size() == 1);
    const auto& kept = memory->policy.drains.begin()->second;
    CHECK(is_printable(kept.who + kept.why));
    REQUIRE(memory->options.size() == 1);
    CHECK_FALSE(memory->options.begin()->second.route_map);
  }
}

TEST_CASE("a line of the log is one line, whoever forgot to escape what") {
  const daemon::testing::ScratchDirectory scratch;
  auto log = daemon::Log::open(
      {.target = config::LogTarget::file, .file = scratch / "log", .least = core::Severity::debug});
  REQUIRE(log);
  for (const auto hostile : hostile_texts) log->tell(core::Severity::error, hostile);
  REQUIRE(log->finish(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  const auto written = daemon::testing::read(scratch / "log");
  CHECK(std::ranges::count(written, '\n') == static_cast<long>(hostile_texts.size()));
  for (const char c : written) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
}

TEST_CASE("the environment of on_change holds one printable line a variable") {
  for (const auto hostile : hostile_texts) {
    const std::string text(hostile);
    const daemon::HistoryEntry entry{text, text, text, text, text, text, text, text};
    const auto environment = daemon::environment_for(entry);
    CHECK(environment.size() == 8);
    for (const auto& variable : environment) {
      CHECK(is_printable(variable));
      CHECK(variable.starts_with("WITHDRAWD_"));
    }
    const auto line = daemon::history_line(entry);
    CHECK(line.find('\n') == line.size() - 1);
  }
}
