#include "daemon/lock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

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
  std::error_code ignored;  // what matters shows at open()
  std::filesystem::create_directories(path.parent_path(), ignored);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    const int error = errno;
    return std::unexpected(
        core::Error{"open the lock file " + path.string(), std::generic_category().message(error),
                    error == EACCES ? "run as a user that may write there, or set lock_file"
                                    : "set lock_file"});
  }
  LockFile lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return read_holder(fd);
    return std::unexpected(
        core::Error{"lock " + path.string(), std::generic_category().message(errno), ""});
  }
  const std::string note = fmt::format("{} {}\n", mode, ::getpid());
  // For the message of who finds it locked, no more: a failure here costs only that.
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd, note.data(), note.size(), 0);
  }
  return lock;
}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

LockFile::~LockFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace withdrawd::daemon
