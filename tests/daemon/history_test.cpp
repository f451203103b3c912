#include "daemon/history.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "scratch.hpp"

using namespace withdrawd;
using namespace withdrawd::daemon;
using daemon::testing::ScratchDirectory;

namespace {

HistoryEntry numbered(int number) {
  return {.time = "2026-11-23T03:31:21.123Z",
          .kind = "changed",
          .rule = "anycast",
          .prefix = "192.0.2.0/24",
          .was = "announced",
          .is = "withdrawn",
          .cause = "cause " + std::to_string(number),
          .by = "withdrawd"};
}

std::vector<std::string> causes(HistoryReader& reader) {
  std::vector<std::string> all;
  const auto entries = reader.next().value();
  for (const auto& entry : entries) all.push_back(entry.cause);
  return all;
}

std::vector<std::string> causes(const std::filesystem::path& file) {
  HistoryReader reader(file);
  return causes(reader);
}

using Texts = std::vector<std::string>;

/// A history of `limit` bytes, with what it told.
struct Kept {
  explicit Kept(const std::filesystem::path& file, std::uint64_t limit = 1'000'000)
      : history(file, limit,
                [this](core::Severity, const std::string& text) { told.push_back(text); }) {}
  Texts told;
  History history;
};

}  // namespace

TEST_CASE("a note becomes an entry with its time in UTC") {
  core::Note note;
  note.kind = core::Note::Kind::killed;
  note.cause = "why";
  const auto entry = entry_of(
      note, std::chrono::system_clock::time_point(std::chrono::milliseconds(1'795'404'681'023)));
  CHECK(entry.time == "2026-11-23T03:31:21.023Z");
  CHECK(entry.kind == "killed");
  CHECK(entry.prefix == "");
  CHECK(entry.cause == "why");
}

TEST_CASE("an entry survives its line, whatever is in it") {
  auto entry = numbered(1);
  entry.cause = "\"quotes\", \\ and\nlines";
  const auto line = history_line(entry);
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(parse_history_line(line) == entry);
  entry.rule = entry.prefix = entry.was = entry.is = "";
  entry.kind = "of tomorrow";
  CHECK(parse_history_line(history_line(entry)) == entry);
}

TEST_CASE("entries are read in the order in which they were added") {
  const ScratchDirectory scratch;
  const auto file = scratch / "deep/history.jsonl";
  Kept kept(file);
  kept.history.add(numbered(1));
  kept.history.add(numbered(2));
  CHECK(causes(file) == Texts{"cause 1", "cause 2"});
  CHECK(kept.told.empty());
}

TEST_CASE("without a file nothing is kept, and a history that is not there is empty") {
  const ScratchDirectory scratch;
  Kept kept("");
  kept.history.add(numbered(1));
  CHECK(kept.told.empty());
  CHECK(causes(scratch / "none").empty());
}

TEST_CASE("damaged lines are skipped, and what follows a cut-off one is not lost") {
  const ScratchDirectory scratch;
  const auto file = scratch / "history";
  testing::write(file, "nonsense\n" + history_line(numbered(1)) +
                           "{\"kind\":\"changed\"}\n[]\n\n{\"time\":\"2026");
  Kept kept(file);
  kept.history.add(numbered(2));
  CHECK(causes(file) == Texts{"cause 1", "cause 2"});
}

TEST_CASE("a full file becomes the older one, and never more than two are kept") {
  const ScratchDirectory scratch;
  const auto file = scratch / "history";
  const auto limit = 3 * history_line(numbered(1)).size();
  Kept kept(file, limit);
  for (int i = 1; i <= 8; ++i) kept.history.add(numbered(i));
  CHECK(causes(file) == Texts{"cause 4", "cause 5", "cause 6", "cause 7", "cause 8"});
  CHECK(std::filesystem::file_size(file) <= limit);
  CHECK(std::filesystem::file_size(History::older(file)) <= limit);
}

TEST_CASE("a reader goes on with what is added, also when the file becomes the older one") {
  const ScratchDirectory scratch;
  const auto file = scratch / "history";
  Kept kept(file, 2 * history_line(numbered(1)).size());
  HistoryReader reader(file);
  CHECK(causes(reader).empty());
  kept.history.add(numbered(1));
  CHECK(causes(reader) == Texts{"cause 1"});
  CHECK(causes(reader).empty());
  kept.history.add(numbered(2));
  kept.history.add(numbered(3));
  CHECK(causes(reader) == Texts{"cause 2", "cause 3"});
  // Twice between two looks.
  for (int i = 4; i <= 7; ++i) kept.history.add(numbered(i));
  CHECK(causes(reader) == Texts{"cause 4", "cause 5", "cause 6", "cause 7"});
}

TEST_CASE("a history that cannot be written is told once, until it can be again") {
  const ScratchDirectory scratch;
  const auto file = scratch / "history";
  std::filesystem::create_directory(file);
  Kept kept(file);
  kept.history.add(numbered(1));
  kept.history.add(numbered(2));
  CHECK(kept.told.size() == 1);
  std::filesystem::remove(file);
  kept.history.add(numbered(3));
  CHECK(causes(file) == Texts{"cause 3"});
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  kept.history.add(numbered(4));
  CHECK(kept.told.size() == 2);
}

TEST_CASE("of a long history the end can be read, without what comes before it") {
  const ScratchDirectory scratch;
  const auto file = scratch / "history.jsonl";
  CHECK(last_entries(file, 1000).empty());
  const auto line = static_cast<off_t>(history_line(numbered(100)).size());
  Kept kept(file, static_cast<std::uint64_t>(line * 50));
  for (int number = 100; number < 200; ++number) kept.history.add(numbered(number));
  const auto last = last_entries(file, line * 10 + line / 2);
  REQUIRE(last.size() == 20);
  CHECK(last.front().cause == "cause 140");
  CHECK(last[9].cause == "cause 149");
  CHECK(last[10].cause == "cause 190");
  CHECK(last.back().cause == "cause 199");
}
