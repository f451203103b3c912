#include "process/bgpd_process.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "child_process.hpp"
#include "event_loop.hpp"
#include "scratch_directory.hpp"

// Here every bgpd has a name that no other process of this host has; bgpd's own name, and other
// PID namespaces, are pid_namespace_test.cpp's.

using namespace withdrawd;
using namespace std::chrono_literals;
using test::ChildProcess;
using test::run_to_end;
using test::ScratchDirectory;
using Pids = std::vector<pid_t>;

namespace {

core::BgpdProcess by_name(std::string name) {
  core::BgpdProcess bgpd;
  bgpd.name = std::move(name);
  return bgpd;
}

std::string unique_name() {
  return "wdt" + std::to_string(::getpid());
}

core::BgpdProcess by_file(const std::filesystem::path& file) {
  auto bgpd = by_name(unique_name());
  bgpd.pid_file = file;
  return bgpd;
}

Pids found(const core::BgpdProcess& bgpd, const process::Evidence& known = {}) {
  const auto sighting = process::find(bgpd, known);
  REQUIRE_MESSAGE(sighting, sighting.error().text());
  return *sighting ? Pids{(*sighting)->pid} : Pids{};
}

core::Result<Pids> stopped(const core::BgpdProcess& bgpd, process::Evidence known = {}) {
  return run_to_end(process::stop(bgpd, std::move(known))).pids;
}

/// What a Python does that listens and never answers.
std::vector<std::string> listener_on(const std::filesystem::path& socket) {
  return {"-c", "import socket, signal; s = socket.socket(socket.AF_UNIX); s.bind('" +
                    socket.string() + "'); s.listen(5); signal.pause()"};
}

std::shared_ptr<const process::VtyPeer> peer_at(const std::filesystem::path& socket) {
  while (true) {
    if (auto peer = process::look_for_peer({socket})) return peer;
    ::usleep(10000);
  }
}

core::BgpdProcess restarted_by(std::string script, core::Duration limit = 60s) {
  core::BgpdProcess bgpd;
  bgpd.restart = {"/bin/sh", "-c", std::move(script)};
  bgpd.restart_timeout = limit;
  return bgpd;
}

}  // namespace

TEST_CASE("a process that bears the name is found, and no longer when it is gone") {
  const ScratchDirectory scratch;
  const auto bgpd = by_name(unique_name());
  CHECK(found(bgpd).empty());
  {
    const ChildProcess child(scratch.path(), bgpd.name);
    CHECK(found(bgpd) == Pids{child.pid()});
  }
  CHECK(found(bgpd).empty());
}

TEST_CASE("of two that bear the name none is killed, and it is said which there are") {
  const ScratchDirectory scratch;
  const auto bgpd = by_name(unique_name());
  const ChildProcess one(scratch.path(), bgpd.name);
  const ChildProcess two(scratch.path(), bgpd.name);
  const auto pids = stopped(bgpd);
  REQUIRE_FALSE(pids);
  for (const auto* child : {&one, &two}) {
    CHECK_FALSE(child->has_ended());
    CHECK(pids.error().text().find("pid " + std::to_string(child->pid()) + ", ") !=
          std::string::npos);
  }
  CHECK(pids.error().happened.starts_with("2 are called"));
}

TEST_CASE("a name is compared whole: neither a part nor another case of it counts") {
  const ScratchDirectory scratch;
  const auto name = unique_name();
  const ChildProcess longer(scratch.path(), name + "x");
  const ChildProcess shorter(scratch.path(), name.substr(0, name.size() - 1));
  const ChildProcess upper(scratch.path(), "W" + name.substr(1));
  CHECK(found(by_name(name)).empty());
}

TEST_CASE("a name longer than the kernel keeps is compared by what it keeps") {
  const ScratchDirectory scratch;
  const auto name = (unique_name() + "-a-long-bgpd-name").substr(0, 20);
  const ChildProcess child(scratch.path(), name);
  CHECK(found(by_name(name)) == Pids{child.pid()});
  CHECK(found(by_name(name.substr(0, 15))) == Pids{child.pid()});
  CHECK(found(by_name(name.substr(0, 14))).empty());
}

TEST_CASE("a name with parentheses and spaces is read right") {
  const ScratchDirectory scratch;
  const auto name = ") Z (" + std::to_string(::getpid());
  const ChildProcess child(scratch.path(), name);
  CHECK(found(by_name(name)) == Pids{child.pid()});
}

TEST_CASE("a zombie is not running, neither by name nor by pid file") {
  const ScratchDirectory scratch;
  const auto name = unique_name();
  const ChildProcess child(scratch.path(), name);
  const auto bgpd = by_file(scratch.write("pid", std::to_string(child.pid())));
  CHECK(found(bgpd) == Pids{child.pid()});
  child.become_zombie();
  CHECK(found(by_name(name)).empty());
  CHECK(found(bgpd).empty());
}

TEST_CASE("a frozen process is running") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), unique_name());
  child.freeze();
  CHECK(found(by_name(unique_name())) == Pids{child.pid()});
}

TEST_CASE("we ourselves are never bgpd, whatever our name") {
  const ScratchDirectory scratch;
  CHECK(found(by_name("test_process")).empty());
  auto bgpd = by_file(scratch.write("pid", std::to_string(::getpid())));
  bgpd.name = "test_process";
  CHECK(found(bgpd).empty());
}

TEST_CASE("the process that the pid file names is found, however the number is written") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), unique_name());
  const auto pid = std::to_string(child.pid());
  for (const auto& text : {pid, pid + "\n", " " + pid + " \r\n\n"}) {
    CHECK(found(by_file(scratch.write("pid", text))) == Pids{child.pid()});
  }
}

TEST_CASE("the pid file hides every other process of that name") {
  const ScratchDirectory scratch;
  const auto name = unique_name();
  const ChildProcess meant(scratch.path(), name);
  const ChildProcess other(scratch.path(), name);
  auto bgpd = by_file(scratch.write("pid", std::to_string(meant.pid())));
  bgpd.name = name;
  CHECK(found(bgpd) == Pids{meant.pid()});
}

TEST_CASE("a missing pid file, or one whose process is gone, says that bgpd is not running") {
  const ScratchDirectory scratch;
  CHECK(found(by_file(scratch.path() / "missing")).empty());
  ChildProcess child(scratch.path(), unique_name());
  const auto pid = child.pid();
  ::kill(pid, SIGKILL);
  child.reap();
  CHECK(found(by_file(scratch.write("pid", std::to_string(pid)))).empty());
  CHECK(found(by_file(scratch.write("pid", "2147483647"))).empty());
}

TEST_CASE("a pid file whose number now belongs to another program says that bgpd is not running") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), "recycled");
  const auto bgpd = by_file(scratch.write("pid", std::to_string(child.pid())));
  CHECK(found(bgpd).empty());
  const auto pids = stopped(bgpd);
  REQUIRE(pids);
  CHECK(pids->empty());
  CHECK_FALSE(child.has_ended());
}

TEST_CASE("a pid file from which nobody can tell is an error that names it") {
  const ScratchDirectory scratch;
  const auto error = [](const std::filesystem::path& file) {
    const auto pids = process::find(by_file(file));
    REQUIRE_FALSE(pids);
    CHECK(pids.error().tried == "read the pid file " + file.string());
    return pids.error().happened;
  };
  CHECK(error(scratch.write("pid", "")) == "it is empty");
  CHECK(error(scratch.write("pid", "\n")) == "it is empty");
  CHECK(error(scratch.write("pid", "bgpd\x1b\n")) == "it holds no number: \"bgpd\\x1b\"");
  for (const auto* text : {"12x", "12 13", "-1", "0", "1.5", "99999999999999999999", "0x10"}) {
    CHECK(error(scratch.write("pid", text)) == "it holds no number: \"" + std::string(text) + "\"");
  }
  CHECK(error(scratch.path()) == "it is a directory");
  CHECK(error(scratch.path() / "pid" / "below") == "Not a directory");
  ::mkfifo((scratch.path() / "fifo").c_str(), 0600);
  CHECK(error(scratch.path() / "fifo") == "it is a FIFO");
  CHECK(error("/dev/zero") == "it is a device");
}

TEST_CASE("stopping kills bgpd and nothing else, and ends when it is gone") {
  const ScratchDirectory scratch;
  const auto bgpd = by_name(unique_name());
  ChildProcess child(scratch.path(), bgpd.name);
  const ChildProcess other(scratch.path(), "other");
  const auto pids = stopped(bgpd);
  REQUIRE(pids);
  CHECK(*pids == Pids{child.pid()});
  CHECK(child.has_ended());
  CHECK_FALSE(other.has_ended());
  CHECK(WTERMSIG(child.reap()) == SIGKILL);
}

TEST_CASE("stopping kills a frozen bgpd as well") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), unique_name());
  child.freeze();
  const auto pids = stopped(by_file(scratch.write("pid", std::to_string(child.pid()))));
  REQUIRE(pids);
  CHECK(*pids == Pids{child.pid()});
  CHECK(child.has_ended());
}

TEST_CASE("stopping a bgpd that is not running kills nobody and is no error") {
  const auto pids = stopped(by_name(unique_name()));
  REQUIRE(pids);
  CHECK(pids->empty());
}

TEST_CASE("stopping is an error when nobody can tell whether bgpd runs") {
  const ScratchDirectory scratch;
  CHECK_FALSE(stopped(by_file(scratch.write("pid", "none"))));
}

TEST_CASE("a restart gives what its command printed, in one line") {
  const auto printed = run_to_end(process::restart(restarted_by("echo one; echo two >&2")));
  REQUIRE(printed);
  CHECK(*printed == "one; two");
}

TEST_CASE("a restart that fails is an error with the status and the last words") {
  const auto printed =
      run_to_end(process::restart(restarted_by("echo starting; echo 'no\tway' >&2; exit 4")));
  REQUIRE_FALSE(printed);
  CHECK(printed.error().tried.starts_with("restart with \"/bin/sh -c echo starting;"));
  CHECK(printed.error().happened == "exit status 4; it said: starting; no\\x09way");
}

TEST_CASE("of a restart that fails at length the end is told") {
  const auto printed =
      run_to_end(process::restart(restarted_by("seq 1 100000; echo the end; exit 1")));
  REQUIRE_FALSE(printed);
  CHECK(printed.error().happened.size() < 400);
}

TEST_CASE("a restart that takes too long is killed and is an error") {
  const auto printed = run_to_end(process::restart(restarted_by("echo waiting; sleep 600", 200ms)));
  REQUIRE_FALSE(printed);
  CHECK(printed.error().happened == "not finished after 200 ms, killed; its last words: waiting");
}

TEST_CASE("a restart command that does not exist is an error") {
  core::BgpdProcess bgpd;
  bgpd.restart = {"/no/such/command"};
  const auto printed = run_to_end(process::restart(bgpd));
  REQUIRE_FALSE(printed);
  CHECK(printed.error().happened == "there is no such program");
}

TEST_CASE("a restarted daemon lives on after its restart") {
  const ScratchDirectory scratch;
  std::filesystem::copy_file("/bin/sleep", scratch.path() / unique_name());
  const auto pid_file = scratch.path() / "pid";
  const auto printed = run_to_end(
      process::restart(restarted_by("setsid " + (scratch.path() / unique_name()).string() +
                                    " 600 & echo $! > " + pid_file.string())));
  REQUIRE(printed);
  // setsid execs its program a moment after the shell has gone; until then the file names nobody.
  for (auto seen = process::find(by_file(pid_file)); !seen || !*seen;
       seen = process::find(by_file(pid_file))) {
    ::usleep(1000);
  }
  const auto pids = stopped(by_file(pid_file));
  REQUIRE(pids);
  CHECK(pids->size() == 1);
}

TEST_CASE("nothing is restarted where nobody knows what starts the one that ran") {
  const auto printed = run_to_end(process::restart({}, core::RestartCommand{}));
  REQUIRE_FALSE(printed);
  CHECK(printed.error().happened == "what starts the one that ran here is not known");
}

TEST_CASE("what starts the one that was seen is run, unless a command is configured") {
  const core::RestartCommand seen{"/bin/echo", "seen"};
  CHECK(run_to_end(process::restart({}, seen)) == "seen");
  CHECK(run_to_end(process::restart(restarted_by("echo configured"), seen)) == "configured");
}

TEST_CASE("a process of that name that runs another program is not bgpd") {
  const ScratchDirectory scratch;
  std::filesystem::create_symlink("/bin/sleep", scratch.path() / unique_name());
  const ChildProcess child(scratch.path(), unique_name());
  CHECK(found(by_name(unique_name())).empty());
  CHECK(found(by_file(scratch.write("pid", std::to_string(child.pid())))).empty());
}

TEST_CASE("with a pid file that names nobody, whoever would have written it is bgpd") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "bgpd.pid";
  const ChildProcess child(scratch.path(), unique_name(), "/usr/bin/python3",
                           {"-c", "import signal; signal.pause()", "-i", file.string()});
  auto bgpd = by_file(file);
  const auto sighting = process::find(bgpd);
  REQUIRE(sighting);
  REQUIRE(*sighting);
  CHECK((*sighting)->pid == child.pid());
  CHECK((*sighting)->known_by == process::KnownBy::command_line);
  bgpd.pid_file = scratch.path() / "another.pid";
  CHECK(found(bgpd).empty());
}

TEST_CASE("a process contradicts a pid file that names nobody: nobody knows, and none is killed") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), unique_name());
  const auto pids = stopped(by_file(scratch.path() / "missing"));
  REQUIRE_FALSE(pids);
  CHECK(pids.error().happened.find("names none, but there is") != std::string::npos);
  CHECK_FALSE(child.has_ended());
}

TEST_CASE("whoever listens on the vty socket is bgpd, whatever the pid file says, also if silent") {
  const ScratchDirectory scratch;
  const auto socket = scratch.path() / "bgpd.vty";
  ChildProcess listening(scratch.path(), unique_name(), "/usr/bin/python3", listener_on(socket));
  const ScratchDirectory elsewhere;
  const ChildProcess other(elsewhere.path(), unique_name());
  process::Evidence known;
  known.peer = peer_at(socket);
  for (const auto& file : {scratch.path() / "missing", scratch.write("stale", "2147483647"),
                           scratch.write("other", std::to_string(other.pid()))}) {
    CHECK(found(by_file(file), known) == Pids{listening.pid()});
  }
  listening.freeze();
  const auto pids = stopped(by_file(scratch.path() / "missing"), known);
  REQUIRE(pids);
  CHECK(*pids == Pids{listening.pid()});
  CHECK(listening.has_ended());
  CHECK_FALSE(other.has_ended());
  // Its pid may be another's now.
  CHECK_FALSE(known.peer->alive());
  CHECK_FALSE(process::look_for_peer({socket}));
}

TEST_CASE("a proxy on the vty socket is not killed for bgpd") {
  const ScratchDirectory scratch;
  const auto socket = scratch.path() / "bgpd.vty";
  const ChildProcess proxy(scratch.path(), "proxy", "/usr/bin/python3", listener_on(socket));
  process::Evidence known;
  known.peer = peer_at(socket);
  CHECK(found(by_name(unique_name()), known).empty());
  const ChildProcess bgpd(scratch.path(), unique_name());
  CHECK(found(by_name(unique_name()), known) == Pids{bgpd.pid()});
}
