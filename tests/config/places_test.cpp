#include "config/places.hpp"

#include <doctest/doctest.h>

#include "folder.hpp"

using namespace withdrawd;

namespace {

config::Places places_in(std::string_view text) {
  const Folder folder;
  return config::find_places(folder.file(text));
}

}  // namespace

TEST_CASE("the daemon is found by a file that is wrong elsewhere") {
  const auto places = places_in(
      "control_socket = \"/run/other/control.sock\"\nhistory_file = \"\"\nunknown = 3\n"
      "[rule.x]\nprefixs = 7\n");
  CHECK(places.control_socket == "/run/other/control.sock");
  CHECK(places.history_file.empty());
}

TEST_CASE("what stands before the mistake of a file that is no TOML counts") {
  CHECK(places_in("control_socket = \"/run/other/control.sock\"\n\n[rule.x\nprefixes = 7\n")
            .control_socket == "/run/other/control.sock");
  CHECK(places_in("control_socket = \"/run/other/control.sock\"\nlist = [\n  1,\n  ??\n")
            .control_socket == "/run/other/control.sock");
}

TEST_CASE("without a word of the file the daemon is where it is by default") {
  const config::Places usual;
  CHECK(places_in("control_socket = 7\n").control_socket == usual.control_socket);
  CHECK(places_in("control_socket = \"control.sock\"\n").control_socket == usual.control_socket);
  CHECK(places_in("????").history_file == usual.history_file);
  CHECK(config::find_places("/nonexistent/withdrawd.toml").control_socket == usual.control_socket);
}
