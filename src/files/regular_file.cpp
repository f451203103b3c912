#include "files/regular_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include "core/error.hpp"

namespace withdrawd::files {
namespace {

namespace fs = std::filesystem;

constexpr const char* service_user = "withdrawd";

std::unexpected<Refusal> refused(int number) {
  return std::unexpected(Refusal::of(number));
}

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "of no known kind";
  }
}

std::unexpected<Refusal> wrong_kind(mode_t mode) {
  return std::unexpected(
      Refusal{0, fmt::format("it is {}", kind_of(mode)), "expected a regular file"});
}

/// To open a device or the writing end of a FIFO is to do something to it already. So it is looked
/// at first, and once more when it is open: it may have become another meanwhile.
std::expected<FileDescriptor, Refusal> open(const fs::path& file, int flags, mode_t mode,
                                            Links links) {
  constexpr int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int follow = links == Links::follow ? 0 : O_NOFOLLOW;
  struct stat status{};
  const int looked = follow == 0 ? ::stat(file.c_str(), &status) : ::lstat(file.c_str(), &status);
  if (looked == 0 && !S_ISREG(status.st_mode)) return wrong_kind(status.st_mode);
  FileDescriptor opened(::open(file.c_str(), flags | always | follow, mode));
  if (!opened || ::fstat(opened.number(), &status) != 0) return refused(errno);
  if (!S_ISREG(status.st_mode)) return wrong_kind(status.st_mode);
  return opened;
}

struct Owner {
  uid_t user;
  gid_t group;
};

/// The user that the package makes for the service; none: there is no such user.
const std::optional<Owner>& service() {
  static const std::optional<Owner> found = []() -> std::optional<Owner> {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* user = nullptr;
    ::getpwnam_r(service_user, &entry, buffer.data(), buffer.size(), &user);
    if (!user) return {};
    return Owner{user->pw_uid, user->pw_gid};
  }();
  return found;
}

/// What root makes or finds left behind by root in the service's place, the service must be able to
/// write: a file belongs to the owner of its folder, and in root's own folder to the service's
/// user.
void give_away(int fd, const struct stat& folder) {
  if (::geteuid() != 0) return;
  struct stat status{};
  // With a second name it may be anybody's file that was linked to from here.
  if (::fstat(fd, &status) != 0 || status.st_uid != 0) return;
  if (S_ISREG(status.st_mode) && status.st_nlink != 1) return;
  const auto owner = folder.st_uid != 0 ? Owner{folder.st_uid, folder.st_gid}
                                        : service().value_or(Owner{0, folder.st_gid});
  // Without the right to (a container, NFS), it stays root's.
  if (owner.user != 0) static_cast<void>(::fchown(fd, owner.user, owner.group) == 0);
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

std::expected<void, Refusal> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return refused(errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::string random_suffix() {
  std::uint64_t number = 0;
  // Names collide no worse than those of before if there should be no random numbers: O_EXCL.
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
    number = static_cast<std::uint64_t>(::getpid());
  }
  return fmt::format("{:016x}", number);
}

}  // namespace

Refusal Refusal::of(int number) {
  return {number, core::errno_text(number), ""};
}

std::expected<FileDescriptor, Refusal> open_to_read(const fs::path& file) {
  return open(file, O_RDONLY, 0, Links::follow);
}

std::expected<FileDescriptor, Refusal> open_to_write(const fs::path& file, int flags, mode_t mode,
                                                     Links links) {
  struct stat folder{}, link{};
  const bool known = ::stat(folder_of(file).c_str(), &folder) == 0;
  // Whom the folder belongs to could have root write anywhere.
  if (known && folder.st_uid != 0 && ::geteuid() == 0) links = Links::refuse;
  auto opened = open(file, O_RDWR | O_CREAT | flags, mode, links);
  const bool is_link = ::lstat(file.c_str(), &link) != 0 || S_ISLNK(link.st_mode);
  if (opened && known && !is_link) give_away(opened->number(), folder);
  return opened;
}

std::expected<std::string, Refusal> read(const fs::path& file, std::size_t longest) {
  const auto opened = open_to_read(file);
  if (!opened) return std::unexpected(opened.error());
  std::string text;
  std::array<char, 16384> buffer;  // NOLINT: filled by read
  while (text.size() <= longest) {
    const auto got = ::read(opened->number(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return std::unexpected(Refusal{EFBIG,
                                 longest % 1'048'576 == 0
                                     ? fmt::format("it is longer than {} MiB", longest / 1'048'576)
                                     : fmt::format("it is longer than {} bytes", longest),
                                 ""});
}

std::expected<void, Refusal> replace(const fs::path& file, std::string_view text, mode_t mode,
                                     Umask umask) {
  // All by the folder, so that nobody can put another in its place meanwhile.
  const FileDescriptor folder(
      ::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!folder || ::fstat(folder.number(), &status) != 0) return refused(errno);
  const auto name = file.filename().native();
  const auto fresh = name + "." + random_suffix();
  const auto failed = [&](const Refusal& why) {
    ::unlinkat(folder.number(), fresh.c_str(), 0);
    return std::unexpected(why);
  };
  FileDescriptor opened(::openat(folder.number(), fresh.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!opened) return refused(errno);
  if (auto written = write_all(opened.number(), text); !written) return failed(written.error());
  if (umask == Umask::overruled && ::fchmod(opened.number(), mode) != 0)
    return failed(Refusal::of(errno));
  give_away(opened.number(), status);
  opened.close();
  if (::renameat(folder.number(), fresh.c_str(), folder.number(), name.c_str()) != 0) {
    return failed(Refusal::of(errno));
  }
  return {};
}

std::expected<void, Refusal> check_folder(const fs::path& folder) {
  struct stat status{};
  if (::stat(folder.empty() ? "." : folder.c_str(), &status) != 0) return refused(errno);
  const auto shown = folder.string();
  if ((status.st_mode & S_IWOTH) != 0) {
    return std::unexpected(Refusal{0, "everybody may write to its folder " + shown,
                                   "chmod o-w " + shown + ", or name another folder"});
  }
  // What root writes there is the owner's own (give_away), and goes through no link of his.
  if (status.st_uid == 0 || status.st_uid == ::geteuid() || ::geteuid() == 0) return {};
  return std::unexpected(Refusal{
      0, fmt::format("its folder {} belongs to another user (uid {})", shown, status.st_uid),
      "chown it to withdrawd's user, or name another folder"});
}

void make_folders(const fs::path& folder) {
  std::error_code failed;
  if (folder.empty() || fs::exists(folder, failed)) return;
  make_folders(folder.parent_path());
  if (::mkdir(folder.c_str(), 0755) != 0) return;
  const FileDescriptor made(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat above{};
  if (made && ::stat(folder_of(folder).c_str(), &above) == 0) give_away(made.number(), above);
}

}  // namespace withdrawd::files
