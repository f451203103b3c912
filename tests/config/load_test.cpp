#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "folder.hpp"
#include "written_config.hpp"

namespace {

/// What is said of a file, without the file's path in front.
std::string complaint(const std::filesystem::path& file) {
  const auto result = withdrawd::config::load(file);
  if (result) return "fine";
  REQUIRE(result.error().size() == 1);
  const auto text = result.error().front().text();
  REQUIRE(text.starts_with(file.native()));
  return text.substr(file.native().size());
}

}  // namespace

TEST_CASE("a file is read and complained of by its path") {
  const Folder folder;
  CHECK(complaint(folder.file(sound)) == "fine");
  CHECK(
      complaint(folder.file(in_check("tries = 0"))) ==
      ":4:9: error: \"tries\" in [check.resolver] is the number 0; expected a whole number from 1 "
      "to 1000");
}

TEST_CASE("a file that is not there is named, with an example to start from") {
  const Folder folder;
  CHECK(complaint(folder.path() / "nosuch.toml") ==
        ": error: cannot be read: No such file or directory (etc/withdrawd.toml is an example to "
        "start from)");
}

TEST_CASE("a directory is no configuration file") {
  const Folder folder;
  CHECK(complaint(folder.path()) ==
        ": error: cannot be read: it is a directory (expected a regular file)");
}

TEST_CASE("a file that may not be read says so") {
  const Folder folder;
  const auto file = folder.file(sound);
  chmod(file.c_str(), 0);
  // Root may read everything: it has to become somebody else for a moment.
  const bool root = geteuid() == 0;
  if (root) {
    chmod(folder.path().c_str(), 0755);
    REQUIRE(seteuid(65534) == 0);
  }
  const auto said = complaint(file);
  if (root) REQUIRE(seteuid(0) == 0);
  CHECK(said == ": error: cannot be read: Permission denied");
}

TEST_CASE("an empty file is told from one without mistakes") {
  const Folder folder;
  const std::string empty =
      ": error: no configuration in it (etc/withdrawd.toml is an example to start from)";
  CHECK(complaint(folder.file("")) == empty);
  CHECK(complaint(folder.file("# mode = \"soft\"\n")) == empty);
}

TEST_CASE("a file without end is not read to its end") {
  CHECK(complaint("/dev/zero") ==
        ": error: cannot be read: it is a device (expected a regular file)");
}
