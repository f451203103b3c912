#include "daemon/history.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/json_fields.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
using files::Refusal;
namespace {

/// Longer lines are no entries of ours.
constexpr std::size_t longest_line = std::size_t{64} * 1024;

std::unexpected<core::Error> failure(std::string attempted, const Refusal& why) {
  return std::unexpected(core::Error{
      std::move(attempted), why.happened,
      why.number == 0 && !why.advice.empty() ? why.advice + "; else set history_file" : ""});
}

/// Does what is in the file lack the end of its last line? Somebody was cut off.
bool ends_inside_a_line(int fd, off_t size) {
  char last = '\n';
  return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

void take_lines(std::string& text, std::vector<HistoryEntry>& entries) {
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    auto entry = parse_history_line(std::string_view(text).substr(at, end - at));
    if (entry) entries.push_back(*std::move(entry));
  }
  text.erase(0, at);
  // A line without an end is none; what is left of it, when it ends, is a damaged one.
  if (text.size() > longest_line) text.assign(1, '?');
}

/// Reads to the end, or as far as it goes.
core::Result<void> read_lines(int fd, const std::filesystem::path& file, std::string& partial,
                              std::vector<HistoryEntry>& entries) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read the history " + file.string(), Refusal::of(errno));
    if (got == 0) return {};
    partial.append(buffer.data(), static_cast<std::size_t>(got));
    take_lines(partial, entries);
  }
}

}  // namespace

HistoryEntry entry_of(const core::Note& note, std::chrono::system_clock::time_point now) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now);
  const auto s = std::chrono::floor<std::chrono::seconds>(ms);
  return {
      .time = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                          fmt::gmtime(std::chrono::system_clock::to_time_t(s)), (ms - s).count()),
      .kind = std::string(core::name(note.kind)),
      .rule = note.rule,
      .prefix = note.prefix ? note.prefix->text() : "",
      .was = note.was,
      .is = note.is,
      .cause = note.cause,
      .by = note.by};
}

std::string history_line(const HistoryEntry& entry) {
  json::object object{{"time", entry.time},
                      {"kind", entry.kind},
                      {"rule", or_null(entry.rule)},
                      {"prefix", or_null(entry.prefix)}};
  if (!entry.was.empty() || !entry.is.empty()) {
    object["was"] = entry.was;
    object["is"] = entry.is;
  }
  object["cause"] = entry.cause;
  object["by"] = entry.by;
  return json::serialize(object) + "\n";
}

std::optional<HistoryEntry> parse_history_line(std::string_view line) {
  if (line.size() > longest_line) return {};
  boost::system::error_code error;
  const auto value = json::parse(json::string_view(line.data(), line.size()), error);
  const auto* object = error ? nullptr : value.if_object();
  if (!object) return {};
  HistoryEntry entry{.time = std::string(text_in(*object, "time")),
                     .kind = std::string(text_in(*object, "kind")),
                     .rule = std::string(text_in(*object, "rule")),
                     .prefix = std::string(text_in(*object, "prefix")),
                     .was = std::string(text_in(*object, "was")),
                     .is = std::string(text_in(*object, "is")),
                     .cause = std::string(text_in(*object, "cause")),
                     .by = std::string(text_in(*object, "by"))};
  if (entry.time.empty() || entry.kind.empty()) return {};
  return entry;
}

History::History(std::filesystem::path file, std::uint64_t limit, TellFunction tell)
    : file_(std::move(file)), limit_(limit), tell_(std::move(tell)) {}

std::filesystem::path History::older(const std::filesystem::path& file) {
  return file.native() + ".1";
}

void History::add(const HistoryEntry& entry) {
  if (file_.empty()) return;
  const auto done = append(history_line(entry));
  if (done) {
    failed_ = false;
  } else if (!std::exchange(failed_, true)) {
    tell_(core::Severity::warning,
          done.error().text() + "; changes are not kept until that is mended");
  }
}

core::Result<void> History::append(const std::string& line) const {
  const auto attempted = "write the history " + file_.string();
  const auto folder = file_.parent_path();
  files::make_folders(folder);
  if (auto safe = files::check_folder(folder); !safe) return failure(attempted, safe.error());
  // Twice at most: the second time it is a new file.
  for (bool full = true;;) {
    const auto opened = files::open_to_write(file_, O_APPEND, 0640);
    if (!opened) return failure(attempted, opened.error());
    struct stat status{};
    if (::fstat(opened->number(), &status) != 0) return failure(attempted, Refusal::of(errno));
    if (group_ && status.st_gid != *group_) {
      // Without the right to, only its owner can read it.
      static_cast<void>(::fchown(opened->number(), static_cast<uid_t>(-1), *group_) == 0);
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (full && size > 0 && size + line.size() > limit_) {
      if (::rename(file_.c_str(), older(file_).c_str()) != 0) {
        return failure(attempted, Refusal::of(errno));
      }
      full = false;
      continue;
    }
    const auto text = ends_inside_a_line(opened->number(), status.st_size) ? "\n" + line : line;
    const auto wrote = ::write(opened->number(), text.data(), text.size());
    if (wrote == static_cast<ssize_t>(text.size())) return {};
    return failure(attempted, Refusal::of(wrote < 0 ? errno : ENOSPC));
  }
}

std::vector<HistoryEntry> last_entries(const std::filesystem::path& file, off_t bytes) {
  std::vector<HistoryEntry> entries;
  for (const auto& one : {History::older(file), file}) {
    const auto opened = files::open_to_read(one);
    struct stat status{};
    if (!opened || ::fstat(opened->number(), &status) != 0) continue;
    // Where that begins inside a line, the rest of it is a damaged one.
    if (status.st_size > bytes) ::lseek(opened->number(), status.st_size - bytes, SEEK_SET);
    std::string partial;
    static_cast<void>(read_lines(opened->number(), one, partial, entries));
  }
  return entries;
}

core::Result<std::vector<HistoryEntry>> HistoryReader::next() {
  std::vector<HistoryEntry> entries;
  struct stat status{};
  const bool is_there = ::stat(file_.c_str(), &status) == 0;
  const bool is_other = bool(fd_) && is_there && status.st_ino != inode_;
  if (fd_) {
    if (auto done = read_on(entries); !done) return std::unexpected(done.error());
  }
  if (!std::exchange(began_, true) || is_other) {
    if (auto done = read_older(entries); !done) return std::unexpected(done.error());
    fd_.close();
    partial_.clear();
  }
  if (!fd_) {
    if (auto done = read_on(entries); !done) return std::unexpected(done.error());
  }
  return entries;
}

core::Result<void> HistoryReader::read_older(std::vector<HistoryEntry>& entries) const {
  const auto older = History::older(file_);
  const auto opened = files::open_to_read(older);
  if (!opened && opened.error().number == ENOENT) return {};
  if (!opened) return failure("read the history " + older.string(), opened.error());
  struct stat status{};
  // The one that was just read to its end.
  if (fd_ && ::fstat(opened->number(), &status) == 0 && status.st_ino == inode_) return {};
  std::string partial;
  return read_lines(opened->number(), older, partial, entries);
}

core::Result<void> HistoryReader::read_on(std::vector<HistoryEntry>& entries) {
  if (!fd_) {
    auto opened = files::open_to_read(file_);
    if (!opened && opened.error().number == ENOENT) return {};
    if (!opened) return failure("read the history " + file_.string(), opened.error());
    fd_ = *std::move(opened);
    struct stat status{};
    if (::fstat(fd_.number(), &status) == 0) inode_ = status.st_ino;
  }
  return read_lines(fd_.number(), file_, partial_, entries);
}

}  // namespace withdrawd::daemon
