#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "files/file_descriptor.hpp"

namespace withdrawd::daemon {

/// A Note with its time, as text: what is kept and handed on. A kind that a later version writes is
/// as good as one of today's.
struct HistoryEntry {
  std::string time;    ///< "2026-11-23T03:31:21.123Z"
  std::string kind;    ///< "changed", "held", ...
  std::string rule;    ///< empty: all of bgpd
  std::string prefix;  ///< empty: the whole rule, or all of bgpd
  std::string was, is;
  std::string cause;
  std::string by;
  bool operator==(const HistoryEntry&) const = default;
};

HistoryEntry entry_of(const core::Note& note, std::chrono::system_clock::time_point now);

/// One line of JSON with its end, and back; no entry: the line is damaged.
std::string history_line(const HistoryEntry& entry);
std::optional<HistoryEntry> parse_history_line(std::string_view line);

/// The file in which changes are kept, a line each. When it is full it becomes FILE.1, and the
/// FILE.1 before it goes: there is never more than twice the limit.
class History {
 public:
  using TellFunction = std::function<void(core::Severity, const std::string&)>;

  /// `file` empty: nothing is kept.
  History(std::filesystem::path file, std::uint64_t limit, TellFunction tell);

  /// Members of the group may read it, where this process may give it to them.
  void give_to(gid_t group) { group_ = group; }

  /// A failure is told, the first of a row only, and costs the entry.
  void add(const HistoryEntry& entry);

  static std::filesystem::path older(const std::filesystem::path& file);

 private:
  core::Result<void> append(const std::string& line) const;

  std::filesystem::path file_;
  std::uint64_t limit_;
  TellFunction tell_;
  std::optional<gid_t> group_;
  bool failed_ = false;
};

/// The end of what is kept: of each of the two files that many bytes. Oldest first; what cannot be
/// read is not there.
std::vector<HistoryEntry> last_entries(const std::filesystem::path& file, off_t bytes);

/// Reads what is kept, and then what is added, also across the moment when FILE becomes FILE.1.
/// Takes no part in the writing; damaged lines are skipped.
class HistoryReader {
 public:
  explicit HistoryReader(std::filesystem::path file) : file_(std::move(file)) {}

  /// All that is new, oldest first; the first time all that there is. An error: a file is there and
  /// cannot be read.
  core::Result<std::vector<HistoryEntry>> next();

 private:
  core::Result<void> read_older(std::vector<HistoryEntry>& entries) const;
  core::Result<void> read_on(std::vector<HistoryEntry>& entries);

  std::filesystem::path file_;
  files::FileDescriptor fd_;  ///< of FILE as it was when last seen
  ino_t inode_ = 0;           ///< likewise
  std::string partial_;       ///< a line that has not ended yet
  bool began_ = false;
};

}  // namespace withdrawd::daemon
