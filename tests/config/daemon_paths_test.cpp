#include "config/daemon_paths.hpp"

#include <doctest/doctest.h>

#include "folder.hpp"

using namespace withdrawd;

namespace {

config::DaemonPaths paths_in(std::string_view text) {
  const Folder folder;
  return config::find_daemon_paths(folder.file(text));
}

}  // namespace

TEST_CASE("the daemon is found by a file that is wrong elsewhere") {
  const auto paths = paths_in(
      "control_socket = \"/run/other/control.sock\"\nhistory_file = \"\"\nunknown = 3\n"
      "[rule.x]\nprefixs = 7\n");
  CHECK(paths.control_socket == "/run/other/control.sock");
  CHECK(paths.history_file.empty());
}

TEST_CASE("what stands before the mistake of a file that is no TOML counts") {
  CHECK(paths_in("control_socket = \"/run/other/control.sock\"\n\n[rule.x\nprefixes = 7\n")
            .control_socket == "/run/other/control.sock");
  CHECK(paths_in("control_socket = \"/run/other/control.sock\"\nlist = [\n  1,\n  ??\n")
            .control_socket == "/run/other/control.sock");
}

TEST_CASE("without a word of the file the daemon is where it is by default") {
  const config::DaemonPaths usual;
  CHECK(paths_in("control_socket = 7\n").control_socket == usual.control_socket);
  CHECK(paths_in("control_socket = \"control.sock\"\n").control_socket == usual.control_socket);
  CHECK(paths_in("????").history_file == usual.history_file);
  CHECK(config::find_daemon_paths("/nonexistent/withdrawd.toml").control_socket ==
        usual.control_socket);
}
