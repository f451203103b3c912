#include "daemon/lock_file.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include "scratch.hpp"

using namespace withdrawd;
using daemon::LockFile;
using daemon::testing::ScratchDirectory;

TEST_CASE("the second one is told who holds the lock") {
  const ScratchDirectory scratch;
  auto first = LockFile::take(scratch / "lock", "run");
  REQUIRE(first);
  REQUIRE(std::holds_alternative<LockFile>(*first));
  const auto second = LockFile::take(scratch / "lock", "cron");
  REQUIRE(second);
  REQUIRE(std::holds_alternative<LockFile::Holder>(*second));
  CHECK(std::get<LockFile::Holder>(*second).mode == "run");
  CHECK(std::get<LockFile::Holder>(*second).pid == ::getpid());
}

TEST_CASE("the lock is free again when its holder lets go") {
  const ScratchDirectory scratch;
  {
    const auto first = LockFile::take(scratch / "lock", "run");
    REQUIRE(first);
  }
  const auto second = LockFile::take(scratch / "lock", "cron");
  REQUIRE(second);
  CHECK(std::holds_alternative<LockFile>(*second));
}

TEST_CASE("the lock dies with its holder, also by SIGKILL") {
  const ScratchDirectory scratch;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto held = LockFile::take(scratch / "lock", "cron");
    const char byte = held && std::holds_alternative<LockFile>(*held) ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = '?';
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  {
    const auto denied = LockFile::take(scratch / "lock", "cron");
    REQUIRE(denied);
    REQUIRE(std::holds_alternative<LockFile::Holder>(*denied));
    CHECK(std::get<LockFile::Holder>(*denied).pid == child);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  const auto taken = LockFile::take(scratch / "lock", "cron");
  REQUIRE(taken);
  CHECK(std::holds_alternative<LockFile>(*taken));
}

TEST_CASE(
    "missing directories are made; a place that cannot hold a lock is an error that says so") {
  const ScratchDirectory scratch;
  CHECK(LockFile::take(scratch / "a/b/lock", "run"));
  daemon::testing::write(scratch / "file", "");
  const auto failed = LockFile::take(scratch / "file/lock", "run");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text().find("lock_file") != std::string::npos);
}
