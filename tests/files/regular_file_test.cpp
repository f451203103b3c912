#include "files/regular_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

using namespace withdrawd::files;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    auto pattern = (fs::temp_directory_path() / "withdrawd-files-XXXXXX").native();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  fs::path operator/(const char* name) const { return path / name; }
  fs::path path;
};

void write(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string kind_refused(const fs::path& file) {
  const auto read_it = read(file, 1000);
  const auto written = open_to_write(file, O_APPEND, 0600, Links::follow);
  REQUIRE_FALSE(read_it);
  REQUIRE_FALSE(written);
  CHECK(read_it.error().number == 0);
  CHECK(read_it.error().happened == written.error().happened);
  CHECK(read_it.error().advice == "expected a regular file");
  return read_it.error().happened;
}

bool is_root() {
  return ::geteuid() == 0;
}

struct stat status_of(const fs::path& file) {
  struct stat status{};
  REQUIRE(::lstat(file.c_str(), &status) == 0);
  return status;
}

constexpr uid_t somebody = 12345;

}  // namespace

TEST_CASE("what is no regular file is neither waited for nor read, and called by its name") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
  fs::create_symlink("/dev/zero", folder / "link");
  CHECK(kind_refused(folder / "fifo") == "it is a FIFO");
  CHECK(kind_refused(folder / "socket") == "it is a socket");
  CHECK(kind_refused(folder / "link") == "it is a device");
  CHECK(kind_refused("/dev/tty") == "it is a device");
  CHECK(kind_refused(folder.path) == "it is a directory");
}

TEST_CASE("a FIFO that somebody has open is no file either, and nobody at it sees us come") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const FileDescriptor other(::open((folder / "fifo").c_str(), O_RDWR | O_NONBLOCK));
  REQUIRE(::write(other.number(), "text", 4) == 4);
  CHECK(kind_refused(folder / "fifo") == "it is a FIFO");
}

TEST_CASE("a file is read up to its bound, and one of 2 GB not at all") {
  const Folder folder;
  write(folder / "file", "12345");
  CHECK(read(folder / "file", 5) == "12345");
  const auto longer = read(folder / "file", 4);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().number == EFBIG);
  CHECK(longer.error().happened == "it is longer than 4 bytes");
  write(folder / "large", "");
  fs::resize_file(folder / "large", 2'000'000'000);
  const auto large = read(folder / "large", std::size_t{1024} * 1024);
  REQUIRE_FALSE(large);
  CHECK(large.error().happened == "it is longer than 1 MiB");
  // Those of /proc say that they are empty.
  CHECK(read("/proc/self/stat", 4096).value().size() > 10);
  CHECK(read(folder / "none", 10).error().number == ENOENT);
}

TEST_CASE("where only we put files a link is refused, also one to nothing") {
  const Folder folder;
  write(folder / "elsewhere", "theirs");
  fs::create_symlink("elsewhere", folder / "link");
  fs::create_symlink("nothing", folder / "dangling");
  for (const auto* name : {"link", "dangling"}) {
    const auto opened = open_to_write(folder / name, O_APPEND, 0600);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().happened == "it is a symbolic link");
  }
  CHECK_FALSE(fs::exists(folder / "nothing"));
  CHECK(open_to_write(folder / "link", O_APPEND, 0600, Links::follow));
}

TEST_CASE("a file is replaced as a whole, and so is a link, but not what it points at") {
  const Folder folder;
  write(folder / "elsewhere", "theirs");
  fs::create_symlink("elsewhere", folder / "file");
  REQUIRE(replace(folder / "file", "ours", 0640));
  CHECK(read(folder / "elsewhere", 100) == "theirs");
  CHECK_FALSE(fs::is_symlink(folder / "file"));
  CHECK(read(folder / "file", 100) == "ours");
  CHECK((status_of(folder / "file").st_mode & 07777) == 0640);
  REQUIRE(replace(folder / "file", "anew", 0640));
  CHECK(read(folder / "file", 100) == "anew");
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 2);
}

TEST_CASE("what cannot be replaced stays, with nothing left beside it") {
  const Folder folder;
  fs::create_directories(folder / "file");
  write(folder / "file" / "inside", "");
  const auto done = replace(folder / "file", "ours", 0640);
  REQUIRE_FALSE(done);
  CHECK(done.error().number == EISDIR);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
  CHECK(replace(folder / "none" / "file", "ours", 0640).error().number == ENOENT);
}

TEST_CASE("a folder in which everybody may write, or another user's, is no place for our files") {
  const Folder folder;
  CHECK(check_folder(folder.path));
  ::chmod(folder.path.c_str(), 01777);
  const auto open_to_all = check_folder(folder.path);
  REQUIRE_FALSE(open_to_all);
  CHECK(open_to_all.error().happened ==
        "everybody may write to its folder " + folder.path.string());
  ::chmod(folder.path.c_str(), 0755);
  if (!is_root()) return;
  REQUIRE(::chown(folder.path.c_str(), somebody, somebody) == 0);
  CHECK(check_folder(folder.path));  // for root: what it makes there is that user's
}

TEST_CASE("what root makes in the service's folder is the service's, and what it had left there") {
  if (!is_root()) return;
  const Folder folder;
  REQUIRE(::chown(folder.path.c_str(), somebody, somebody) == 0);
  REQUIRE(open_to_write(folder / "lock", 0, 0644));
  CHECK(status_of(folder / "lock").st_uid == somebody);
  REQUIRE(replace(folder / "state", "ours", 0640));
  CHECK(status_of(folder / "state").st_uid == somebody);
  CHECK(status_of(folder / "state").st_gid == somebody);
  make_folders(folder / "a" / "b");
  CHECK(status_of(folder / "a").st_uid == somebody);
  CHECK(status_of(folder / "a" / "b").st_uid == somebody);
  write(folder / "old", "root's");
  REQUIRE(open_to_write(folder / "old", O_APPEND, 0644));
  CHECK(status_of(folder / "old").st_uid == somebody);
  // What belongs to a third stays that one's.
  write(folder / "third", "");
  REQUIRE(::chown((folder / "third").c_str(), somebody + 1, somebody + 1) == 0);
  REQUIRE(open_to_write(folder / "third", O_APPEND, 0644));
  CHECK(status_of(folder / "third").st_uid == somebody + 1);
}

TEST_CASE(
    "root is led nowhere by a link in another user's folder, and gives away no link's target") {
  if (!is_root()) return;
  const Folder folder, elsewhere;
  write(elsewhere / "shadow", "root's");
  fs::create_symlink(elsewhere / "shadow", folder / "link");
  const auto open_link = [&] {
    return open_to_write(folder / "link", O_APPEND, 0600, Links::follow);
  };
  // In its own folder it is root's own link.
  CHECK(open_link());
  CHECK(status_of(elsewhere / "shadow").st_uid == 0);
  REQUIRE(::chown(folder.path.c_str(), somebody, somebody) == 0);
  const auto refused = open_link();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().happened == "it is a symbolic link");
  CHECK(status_of(elsewhere / "shadow").st_uid == 0);
  // Nor by a second name of the file itself.
  fs::create_hard_link(elsewhere / "shadow", folder / "name");
  CHECK(open_to_write(folder / "name", O_APPEND, 0600));
  CHECK(status_of(elsewhere / "shadow").st_uid == 0);
}
