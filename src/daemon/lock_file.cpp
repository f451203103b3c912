#include "daemon/lock_file.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace {

LockFile::Holder read_holder(int fd) {
  std::array<char, 64> buffer{};
  const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
  const std::string_view text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  LockFile::Holder holder;
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    holder.mode = std::string(text.substr(0, space));
    std::from_chars(text.data() + space + 1, text.data() + text.size(), holder.pid);
  }
  return holder;
}

}  // namespace

core::Result<std::variant<LockFile, LockFile::Holder>> LockFile::take(
    const std::filesystem::path& path, std::string_view mode) {
  files::make_folders(path.parent_path());
  auto opened = files::open_to_write(path, 0, 0644);
  if (!opened) {
    const auto& why = opened.error();
    return std::unexpected(core::Error{"open the lock file " + path.string(), why.happened,
                                       why.number == EACCES
                                           ? "run as a user that may write there, or set lock_file"
                                       : why.advice.empty() ? "set lock_file"
                                                            : why.advice + "; else set lock_file"});
  }
  LockFile lock(*std::move(opened));
  const int fd = lock.fd_.number();
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return read_holder(fd);
    return std::unexpected(core::Error{"lock " + path.string(), core::errno_text(errno), ""});
  }
  const std::string note = fmt::format("{} {}\n", mode, ::getpid());
  // For the message of who finds it locked, no more: a failure here costs only that.
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd, note.data(), note.size(), 0);
  }
  return lock;
}

}  // namespace withdrawd::daemon
