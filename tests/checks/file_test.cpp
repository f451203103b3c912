#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "asked.hpp"

using namespace withdrawd;
using test::asked;
using test::in_words;

namespace {

class Folder {
 public:
  Folder() {
    auto name = (std::filesystem::temp_directory_path() / "withdrawd-checks-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string looked(const std::filesystem::path& path,
                   core::FileMeaning present = core::FileMeaning::down) {
  return in_words(asked(core::FileCheck{path, present}));
}

}  // namespace

TEST_CASE("a file that is there means down, unless it means up") {
  const Folder folder;
  const auto file = folder / "maintenance";
  CHECK(looked(file) == "ok: absent");
  CHECK(looked(file, core::FileMeaning::up) == "error: absent");
  std::ofstream(file) << "";
  CHECK(looked(file) == "error: present");
  CHECK(looked(file, core::FileMeaning::up) == "ok: present");
  std::filesystem::remove(file);
  CHECK(looked(file) == "ok: absent");
}

TEST_CASE("a file in a folder that is not there is absent, and so is a link to nowhere") {
  const Folder folder;
  CHECK(looked(folder / "nowhere" / "file") == "ok: absent");
  std::filesystem::create_symlink("nowhere", folder / "link");
  CHECK(looked(folder / "link") == "ok: absent");
}

TEST_CASE("a file that cannot be looked for is an error, whatever its presence means") {
  const Folder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(looked(folder / "loop").starts_with("error: cannot look: "));
  CHECK(looked(folder / "loop", core::FileMeaning::up).starts_with("error: cannot look: "));
}
