#include "daemon/requester.hpp"

#include <doctest/doctest.h>

using withdrawd::daemon::requester;

TEST_CASE("who asks has the name that the kernel's number has, whatever the asker says") {
  CHECK(requester(0, "root") == "root");
  CHECK(requester(0, "") == "root");
  CHECK(requester(0, "alice") == "root (\"alice\")");
  CHECK(requester(1, "root") == "daemon (\"root\")");
}

TEST_CASE("a user without an entry is a number") {
  CHECK(requester(3'999'999'999, "root") == "uid 3999999999 (\"root\")");
}
