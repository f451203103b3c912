#include "process/death_watch.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fstream>
#include <string>

#include "child_process.hpp"
#include "scratch_directory.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using process::DeathWatch;
using test::ChildProcess;
using test::ScratchDirectory;

namespace {

/// A watch, and how many deaths it has told of.
struct Watching {
  explicit Watching(core::WatchedProcess what)
      : watch(loop.get_executor(), std::move(what), [this] { ++deaths; }) {}

  /// A look at a moment of the test's choice, counted from its first.
  void look(core::Duration at) { watch.look(begin + at); }
  /// Until one more death has been told of.
  void wait_for_death() {
    const int before = deaths;
    loop.restart();
    while (deaths == before && loop.run_one_for(30s) > 0) {
    }
    CHECK(deaths == before + 1);
  }
  void tell_what_there_is() {
    loop.restart();
    loop.poll();
  }

  core::Time begin = core::Time{} + 1000s;
  boost::asio::io_context loop;
  int deaths = 0;
  DeathWatch watch;
};

std::string unique_name() {
  return "wdd" + std::to_string(::getpid());
}

core::WatchedProcess named(const std::string& name) {
  return {name, {}};
}

void write_pid(const std::filesystem::path& file, pid_t pid) {
  std::ofstream(file) << pid << "\n";
}

}  // namespace

TEST_CASE("each death of a process that bears the name is told, reaped or not") {
  const ScratchDirectory scratch;
  const ChildProcess one(scratch.path(), unique_name());
  const ChildProcess two(scratch.path(), unique_name());
  Watching watching(named(unique_name()));
  watching.look(0s);
  CHECK(watching.watch.watched() == 2);
  watching.tell_what_there_is();
  CHECK(watching.deaths == 0);
  one.become_zombie();
  watching.wait_for_death();
  CHECK(watching.watch.watched() == 1);
  two.become_zombie();
  watching.wait_for_death();
  CHECK(watching.watch.watched() == 0);
}

TEST_CASE("processes that a server tells apart behind a colon bear its name, longer names do not") {
  const ScratchDirectory scratch;
  const ChildProcess main(scratch.path(), unique_name() + ": m");
  const ChildProcess server(scratch.path(), unique_name() + ": s1");
  const ChildProcess other(scratch.path(), unique_name() + "-x");
  Watching watching(named(unique_name()));
  watching.look(0s);
  CHECK(watching.watch.watched() == 2);
}

TEST_CASE("what takes the place of a dead process is found by a later look") {
  const ScratchDirectory scratch;
  Watching watching(named(unique_name()));
  {
    const ChildProcess first(scratch.path(), unique_name());
    watching.look(0s);
    first.become_zombie();
    watching.wait_for_death();
    watching.look(1s);
    CHECK(watching.watch.watched() == 0);
  }
  const ChildProcess second(scratch.path(), unique_name());
  watching.look(2s);
  CHECK(watching.watch.watched() == 1);
  second.become_zombie();
  watching.wait_for_death();
}

TEST_CASE("while all is well and for a moment after each look nobody is looked for") {
  const ScratchDirectory scratch;
  Watching watching(named(unique_name()));
  watching.look(0s);
  const ChildProcess first(scratch.path(), unique_name());
  watching.look(DeathWatch::least_pause - 1ms);
  CHECK(watching.watch.watched() == 0);
  watching.look(DeathWatch::least_pause);
  CHECK(watching.watch.watched() == 1);
  const ChildProcess second(scratch.path(), unique_name());
  watching.look(1s);
  CHECK(watching.watch.watched() == 1);
  watching.look(1s + DeathWatch::longest_pause);
  CHECK(watching.watch.watched() == 2);
}

TEST_CASE("the process of a pid file is watched, and the one that the file names later") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "pid";
  Watching watching({{}, file});
  watching.look(0s);
  CHECK(watching.watch.watched() == 0);
  const ChildProcess first(scratch.path(), unique_name());
  write_pid(file, first.pid());
  watching.look(1s);
  CHECK(watching.watch.watched() == 1);
  first.become_zombie();
  watching.wait_for_death();
  // Stale until the next one has written it.
  watching.look(2s);
  CHECK(watching.watch.watched() == 0);
  const ChildProcess second(scratch.path(), unique_name());
  write_pid(file, second.pid());
  watching.look(3s);
  CHECK(watching.watch.watched() == 1);
}

TEST_CASE("a pid file that holds no number names nobody") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "pid";
  for (const auto* text : {"", "\n", "nsd", "-1", "0", "999999999999"}) {
    std::ofstream(file) << text;
    Watching watching({{}, file});
    watching.look(0s);
    CHECK(watching.watch.watched() == 0);
  }
}

TEST_CASE("a watch that is gone tells nothing") {
  const ScratchDirectory scratch;
  boost::asio::io_context loop;
  int deaths = 0;
  const ChildProcess child(scratch.path(), unique_name());
  {
    DeathWatch watch(loop.get_executor(), named(unique_name()), [&deaths] { ++deaths; });
    watch.look(core::Time{} + 1s);
    REQUIRE(watch.watched() == 1);
  }
  child.become_zombie();
  loop.run();
  CHECK(deaths == 0);
}
