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

core::BgpdProcess by_file(const std::filesystem::path& file) {
  core::BgpdProcess bgpd;
  bgpd.pid_file = file;
  return bgpd;
}

std::string unique_name() {
  return "wdt" + std::to_string(::getpid());
}

Pids found(const core::BgpdProcess& bgpd) {
  const auto pids = process::find(bgpd);
  REQUIRE_MESSAGE(pids, pids.error().text());
  return *pids;
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

TEST_CASE("every process that bears the name is found") {
  const ScratchDirectory scratch;
  const auto bgpd = by_name(unique_name());
  const ChildProcess one(scratch.path(), bgpd.name);
  const ChildProcess two(scratch.path(), bgpd.name);
  CHECK(found(bgpd) == Pids{std::min(one.pid(), two.pid()), std::max(one.pid(), two.pid())});
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
  auto bgpd = by_file(scratch.write("pid", std::to_string(child.pid())));
  bgpd.name = name;
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
  const ChildProcess child(scratch.path(), "bgpd");
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
  ChildProcess child(scratch.path(), "bgpd");
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
  const auto stopped = run_to_end(process::stop(bgpd));
  REQUIRE(stopped);
  CHECK(stopped->empty());
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
  CHECK(error(scratch.path()) == "Is a directory");
  CHECK(error(scratch.path() / "pid" / "below") == "Not a directory");
  ::mkfifo((scratch.path() / "fifo").c_str(), 0600);
  CHECK(error(scratch.path() / "fifo") == "it is empty");
}

TEST_CASE("stopping kills every bgpd, and ends when all are gone") {
  const ScratchDirectory scratch;
  const auto bgpd = by_name(unique_name());
  ChildProcess one(scratch.path(), bgpd.name);
  ChildProcess two(scratch.path(), bgpd.name);
  const ChildProcess other(scratch.path(), "other");
  const auto expected = found(bgpd);
  const auto stopped = run_to_end(process::stop(bgpd));
  REQUIRE(stopped);
  CHECK(*stopped == expected);
  CHECK(one.has_ended());
  CHECK(two.has_ended());
  CHECK_FALSE(other.has_ended());
  CHECK(WTERMSIG(one.reap()) == SIGKILL);
  CHECK(WTERMSIG(two.reap()) == SIGKILL);
}

TEST_CASE("stopping kills a frozen bgpd as well") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), "bgpd");
  child.freeze();
  const auto stopped =
      run_to_end(process::stop(by_file(scratch.write("pid", std::to_string(child.pid())))));
  REQUIRE(stopped);
  CHECK(*stopped == Pids{child.pid()});
  CHECK(child.has_ended());
}

TEST_CASE("stopping a bgpd that is not running kills nobody and is no error") {
  const auto stopped = run_to_end(process::stop(by_name(unique_name())));
  REQUIRE(stopped);
  CHECK(stopped->empty());
}

TEST_CASE("stopping is an error when nobody can tell whether bgpd runs") {
  const ScratchDirectory scratch;
  CHECK_FALSE(run_to_end(process::stop(by_file(scratch.write("pid", "none")))));
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
  std::filesystem::copy_file("/bin/sleep", scratch.path() / "bgpd");
  const auto pid_file = scratch.path() / "pid";
  const auto printed = run_to_end(process::restart(restarted_by(
      "setsid " + (scratch.path() / "bgpd").string() + " 600 & echo $! > " + pid_file.string())));
  REQUIRE(printed);
  // setsid execs its program a moment after the shell has gone.
  while (found(by_file(pid_file)).empty()) ::usleep(1000);
  const auto stopped = run_to_end(process::stop(by_file(pid_file)));
  REQUIRE(stopped);
  CHECK(stopped->size() == 1);
}

TEST_CASE("with systemd, the restart command is the first unit there is of bgpd, frr and quagga") {
  const ScratchDirectory root;
  std::filesystem::create_directories(root.path() / "run/systemd/system");
  const auto usual = [&] { return process::default_restart(root.path()).value(); };
  using Words = std::vector<std::string>;
  root.write("usr/lib/systemd/system/quagga.service", "");
  CHECK(usual() == Words{"systemctl", "restart", "quagga.service"});
  root.write("lib/systemd/system/frr.service", "");
  CHECK(usual() == Words{"systemctl", "restart", "frr.service"});
  root.write("etc/systemd/system/bgpd.service", "");
  CHECK(usual() == Words{"systemctl", "restart", "bgpd.service"});

  std::filesystem::remove(root.path() / "etc/systemd/system/bgpd.service");
  std::filesystem::create_symlink("/dev/null", root.path() / "etc/systemd/system/frr.service");
  CHECK(usual() == Words{"systemctl", "restart", "quagga.service"});
}

TEST_CASE("without systemd, the restart command is the first init script there is") {
  const ScratchDirectory root;
  root.write("lib/systemd/system/frr.service", "");
  const auto script = [&](const std::string& name) {
    const auto file = root.write("etc/init.d/" + name, "#!/bin/sh\n");
    std::filesystem::permissions(file, std::filesystem::perms(0755));
    return file.string();
  };
  using Words = std::vector<std::string>;
  const auto quagga = script("quagga");
  root.write("etc/init.d/bgpd", "cannot be executed");
  CHECK(process::default_restart(root.path()).value() == Words{quagga, "restart"});
  const auto bgpd = script("bgpd");
  CHECK(process::default_restart(root.path()).value() == Words{bgpd, "restart"});
}

TEST_CASE("a host without a unit or an init script is told what to configure") {
  const ScratchDirectory root;
  std::filesystem::create_directories(root.path() / "run/systemd/system");
  const auto usual = process::default_restart(root.path());
  REQUIRE_FALSE(usual);
  CHECK(usual.error().advice == "set `restart` under [bgpd] in the configuration");
}
