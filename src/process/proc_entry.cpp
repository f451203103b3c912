#include "process/proc_entry.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "files/file_descriptor.hpp"

namespace withdrawd::process {
namespace {

std::filesystem::path proc(pid_t pid, std::string_view file) {
  return std::filesystem::path("/proc") / std::to_string(pid) / file;
}

bool gone(int error) {
  return error == ENOENT || error == ESRCH;
}

/// The number at the beginning of a text.
template <class Number>
Number number_in(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The word after so many blanks.
std::string_view word_after(std::string_view text, std::size_t blanks, char blank) {
  for (; blanks > 0; --blanks) text.remove_prefix(std::min(text.find(blank), text.size() - 1) + 1);
  return text;
}

core::Error hidden(pid_t pid, int error) {
  return {"read /proc/" + std::to_string(pid), core::errno_text(error),
          "run as root, or mount /proc without hidepid"};
}

}  // namespace

std::expected<std::string, int> read_small_file(const std::filesystem::path& file) {
  const files::FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor) return std::unexpected(errno);
  std::string text;
  std::array<char, 4096> buffer;  // NOLINT: filled by read
  while (text.size() < 16 * buffer.size()) {
    const auto got = ::read(descriptor.number(), buffer.data(), buffer.size());
    if (got < 0) return std::unexpected(errno);
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// The process's name, which stands there too, cannot forge a line: the kernel escapes its line
// feeds.
std::string_view status_value(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    const auto line = status.substr(0, status.find('\n'));
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":\t")) {
      return line.substr(key.size() + 2);
    }
    status.remove_prefix(std::min(line.size() + 1, status.size()));
  }
  return {};
}

core::Result<std::optional<ProcEntry>> read_proc_entry(pid_t pid) {
  const auto stat = read_small_file(proc(pid, "stat"));
  const auto status = stat ? read_small_file(proc(pid, "status")) : stat;
  if (!status) {
    if (gone(status.error())) return std::nullopt;
    return std::unexpected(hidden(pid, status.error()));
  }

  // "PID (NAME) STATE ..." where NAME may hold anything, ")" as well.
  const auto name_begin = stat->find('(');
  const auto name_end = stat->rfind(')');
  if (name_begin == std::string::npos || name_end < name_begin || name_end + 2 >= stat->size()) {
    return std::unexpected(hidden(pid, EIO));
  }
  ProcEntry entry;
  entry.name = stat->substr(name_begin + 1, name_end - name_begin - 1);
  const char state = (*stat)[name_end + 2];
  // STATE is the third field, the start the 22nd.
  entry.started =
      number_in<std::uint64_t>(word_after(std::string_view(*stat).substr(name_end + 2), 19, ' '));
  const auto users = status_value(*status, "Uid");
  entry.user = number_in<uid_t>(users);
  entry.acts_as = number_in<uid_t>(word_after(users, 1, '\t'));
  entry.alive = state != 'Z' && state != 'X' && state != 'x';

  // NSpid lists the pid in every namespace from the one that /proc shows down to the process's own:
  // one number means that these are the same. Unlike the link ns/pid everybody may read it.
  const auto own_pid = std::to_string(pid);
  entry.ours =
      status_value(*status, "NSpid") == own_pid && status_value(*status, "Tgid") == own_pid;
  return entry;
}

std::vector<std::string> command_line(pid_t pid) {
  std::vector<std::string> words;
  const auto text = read_small_file(proc(pid, "cmdline")).value_or("");
  for (std::string_view left = text; !left.empty();) {
    const auto word = left.substr(0, left.find('\0'));
    words.emplace_back(word);
    left.remove_prefix(std::min(word.size() + 1, left.size()));
  }
  return words;
}

std::filesystem::path program_of(pid_t pid) {
  std::error_code failed;
  std::string file = std::filesystem::read_symlink(proc(pid, "exe"), failed).string();
  // As after an upgrade.
  constexpr std::string_view deleted = " (deleted)";
  if (file.ends_with(deleted)) file.resize(file.size() - deleted.size());
  return file;
}

// The link ns/net may be read by those only who may trace the process. What the kernel shows of its
// network everybody may look at, and a folder in there has a number of its own in each namespace.
std::string network_of(pid_t pid) {
  struct stat folder{};
  if (::stat(proc(pid, "net/stat").c_str(), &folder) != 0) return "";
  return std::to_string(folder.st_ino);
}

core::Result<std::vector<pid_t>> all_processes() {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self", failed);
  if (failed || self != std::to_string(::getpid())) {
    return std::unexpected(core::Error{
        "look for processes", "/proc is missing, or shows another PID namespace", "mount /proc"});
  }
  // Process 1 is always there and another user's, unless we are root and see everything.
  if (const auto init = read_small_file("/proc/1/stat"); !init) {
    return std::unexpected(core::Error{"look for processes", "/proc hides those of other users",
                                       "run as root, or mount /proc without hidepid"});
  }

  std::vector<pid_t> pids;
  std::filesystem::directory_iterator entry("/proc", failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (pid != ::getpid()) pids.push_back(pid);
  }
  if (failed) {
    return std::unexpected(core::Error{"look for processes in /proc", failed.message(), ""});
  }
  std::ranges::sort(pids);
  return pids;
}

}  // namespace withdrawd::process
