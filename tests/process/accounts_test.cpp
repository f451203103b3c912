#include "process/accounts.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "scratch_directory.hpp"

using namespace withdrawd;
using process::Accounts;

TEST_CASE("bgpd is root's, ours, or whoever's its files are; no other ordinary user's") {
  constexpr uid_t somebody = 54321;
  CHECK(Accounts().knows(0));
  CHECK(Accounts().knows(::geteuid()));
  CHECK_FALSE(Accounts().knows(somebody));
  CHECK(Accounts().text(0) == "user root");
  CHECK(Accounts().text(somebody) == "uid 54321");
  if (::geteuid() != 0) return;
  const test::ScratchDirectory scratch;
  const auto file = scratch.write("bgpd.vty", "");
  CHECK_FALSE(Accounts({file, "/nonexistent", ""}).knows(somebody));
  REQUIRE(::chown(file.c_str(), somebody, 0) == 0);
  CHECK(Accounts({file}).knows(somebody));
  CHECK_FALSE(Accounts({file}).none());
}
