#include "vty/password_file.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

using namespace withdrawd;
using vty::read_password_file;

namespace {

class PasswordFile {
 public:
  explicit PasswordFile(std::string_view text, mode_t mode = 0600) {
    std::string name = (std::filesystem::temp_directory_path() / "withdrawd-pw-XXXXXX").string();
    ::close(::mkstemp(name.data()));
    path_ = name;
    std::ofstream(path_, std::ios::binary) << text;
    ::chmod(path_.c_str(), mode);
  }
  ~PasswordFile() { std::filesystem::remove(path_); }
  PasswordFile(const PasswordFile&) = delete;
  PasswordFile& operator=(const PasswordFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

core::Error error_of(const PasswordFile& file) {
  const auto password = read_password_file(file.path());
  REQUIRE_FALSE(password);
  CHECK(password.error().tried == "read the password file " + file.path().string());
  CHECK(password.error().text().find("zebra") == std::string::npos);
  return password.error();
}

}  // namespace

TEST_CASE("the password is the first line of its file, as it stands") {
  CHECK(read_password_file(PasswordFile("zebra\n").path()) == "zebra");
  CHECK(read_password_file(PasswordFile("zebra").path()) == "zebra");
  CHECK(read_password_file(PasswordFile("zebra\nsecond line\n").path()) == "zebra");
  CHECK(read_password_file(PasswordFile(" two words? \n").path()) == " two words? ");
  CHECK(read_password_file(PasswordFile("zebra\n", 0400).path()) == "zebra");
}

TEST_CASE("a password file that others can read or write is refused") {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0666U}) {
    const PasswordFile file("zebra\n", mode);
    CHECK(error_of(file).happened == "other users can read or write it");
    CHECK(error_of(file).advice == "chmod 600 " + file.path().string());
  }
}

TEST_CASE("a password file of another user is refused (needs root)" *
          doctest::skip(::geteuid() != 0)) {
  const PasswordFile file("zebra\n");
  REQUIRE(::chown(file.path().c_str(), 65534, 65534) == 0);
  CHECK(error_of(file).happened == "it belongs to another user, who could change it");
}

TEST_CASE("a password file without a password that could be typed is refused") {
  CHECK(error_of(PasswordFile("")).happened == "its first line is empty");
  CHECK(error_of(PasswordFile("\nzebra\n")).happened == "its first line is empty");
  CHECK(error_of(PasswordFile("zebra\r\n")).happened ==
        "its first line ends with a carriage return");
  CHECK(error_of(PasswordFile("zebra\x1b\n")).happened ==
        "its first line holds a byte that bgpd's vty does not take");
  CHECK(error_of(PasswordFile("zebr\xc3\xa4\n")).happened ==
        "its first line holds a byte that bgpd's vty does not take");
  CHECK(error_of(PasswordFile(std::string(2000, 'x'))).happened == "its first line is too long");
}

TEST_CASE("what is no file is no password file") {
  const auto happened = [](const std::filesystem::path& file) {
    return read_password_file(file).error().happened;
  };
  CHECK(happened("/no/such/file") == "No such file or directory");
  CHECK(happened("/") == "it is a directory");
  CHECK(happened("/dev/zero") == "it is a device");
  const PasswordFile place("");
  const auto fifo = place.path().string() + ".fifo";
  ::mkfifo(fifo.c_str(), 0600);
  CHECK(happened(fifo) == "it is a FIFO");
  std::filesystem::remove(fifo);
}
