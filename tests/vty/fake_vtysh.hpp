#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "process/scratch_directory.hpp"
#include "transcript.hpp"

namespace withdrawd::test {

/// A vtysh that plays what it is told to: a shell script in a directory of its own.
class FakeVtysh {
 public:
  /// Prints and exits as the runs say, one after the other, and then exits with 99.
  explicit FakeVtysh(const std::vector<Transcript::Turn>& runs) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto number = std::to_string(i);
      directory_.write("out." + number, runs[i].out);
      directory_.write("err." + number, runs[i].err);
      directory_.write("exit." + number, std::to_string(runs[i].exit));
    }
    write(
        "n=0; while [ -e argv.$n ]; do n=$((n + 1)); done\n"
        "printf '%s\\0' \"$@\" > argv.$n\n"
        "[ -e exit.$n ] || exit 99\n"
        "cat out.$n; cat err.$n >&2; exit $(cat exit.$n)\n");
  }
  /// Does what the script says, in its own directory, arguments in "$@".
  explicit FakeVtysh(std::string_view script) { write(script); }

  std::filesystem::path program() const { return directory_.path() / "vtysh"; }
  const std::filesystem::path& directory() const { return directory_.path(); }

  /// The arguments of each run so far (not of one that plays a script of the test's own).
  std::vector<std::vector<std::string>> runs() const {
    std::vector<std::vector<std::string>> all;
    while (true) {
      std::ifstream file(directory_.path() / ("argv." + std::to_string(all.size())),
                         std::ios::binary);
      if (!file) return all;
      auto& argv = all.emplace_back();
      for (std::string word; std::getline(file, word, '\0');) argv.push_back(word);
    }
  }

 private:
  void write(std::string_view script) {
    const auto file = directory_.write(
        "vtysh", "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 98\n" + std::string(script));
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }

  ScratchDirectory directory_;
};

}  // namespace withdrawd::test
