// What can only be tested among processes of our own: bgpd by its own name, other PID namespaces,
// other users. Runs itself again as process 1 of a new PID namespace; needs root, and without it
// exits with 77, which Meson reports as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "child_process.hpp"
#include "event_loop.hpp"
#include "process/bgpd_process.hpp"
#include "process/proc_entry.hpp"
#include "scratch_directory.hpp"

using namespace withdrawd;
using test::ChildProcess;
using test::run_to_end;
using test::ScratchDirectory;
using Pids = std::vector<pid_t>;

namespace {

constexpr uid_t nobody = 65534;
constexpr auto inside = "WITHDRAWD_TEST_IN_PID_NAMESPACE";

core::Result<Pids> found_or_not(const core::BgpdProcess& bgpd = {}) {
  const auto sighting = process::find(bgpd);
  if (!sighting) return std::unexpected(sighting.error());
  return *sighting ? Pids{(*sighting)->pid} : Pids{};
}

Pids found(const core::BgpdProcess& bgpd = {}) {
  const auto pids = found_or_not(bgpd);
  REQUIRE_MESSAGE(pids, pids.error().text());
  return *pids;
}

/// What `said` gives in a process of its own, so that it may change its user or its namespaces.
std::string in_a_fork(const std::function<std::string()>& said) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto text = said();
    const auto written = ::write(ends[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[1024];
  for (auto got = ::read(ends[0], buffer, sizeof buffer); got > 0;
       got = ::read(ends[0], buffer, sizeof buffer)) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(status == 0);
  return text;
}

std::string as_text(const core::Result<Pids>& pids) {
  return pids ? std::to_string(pids->size()) + " found" : pids.error().text();
}

/// A shell in a PID namespace below ours that runs the program there, until its owner ends.
class ProgramInNamespaceBelow {
 public:
  explicit ProgramInNamespaceBelow(const std::filesystem::path& program) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    keeper_ = ::fork();
    if (keeper_ == 0) {
      if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
      const pid_t init = ::fork();
      if (init == 0) {
        // Closed by the exec: the other side reads the end.
        ::execl(program.c_str(), program.c_str(), "600", nullptr);
        ::_exit(1);
      }
      ::dprintf(ready[1], "%d\n", init);
      ::close(ready[1]);
      ::waitpid(init, nullptr, 0);
      ::_exit(0);
    }
    ::close(ready[1]);
    ::fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    FILE* in = ::fdopen(ready[0], "r");
    REQUIRE(::fscanf(in, "%d", &pid_) == 1);
    ::fclose(in);
    while (comm() != "bgpd") ::usleep(1000);
  }
  ~ProgramInNamespaceBelow() {
    ::kill(pid_, SIGKILL);
    ::waitpid(keeper_, nullptr, 0);
  }
  ProgramInNamespaceBelow(const ProgramInNamespaceBelow&) = delete;
  ProgramInNamespaceBelow& operator=(const ProgramInNamespaceBelow&) = delete;

  pid_t pid() const { return pid_; }
  bool has_ended() const { return comm() != "bgpd"; }

 private:
  std::string comm() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/comm");
    std::string name;
    std::getline(in, name);
    return name;
  }

  pid_t keeper_ = 0;
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("bgpd is found by its name, and by default that is \"bgpd\"") {
  const ScratchDirectory scratch;
  CHECK(found().empty());
  const ChildProcess child(scratch.path(), "bgpd");
  CHECK(found() == Pids{child.pid()});
}

TEST_CASE("a frozen bgpd is stopped, and nothing else") {
  const ScratchDirectory scratch;
  const ChildProcess bgpd(scratch.path(), "bgpd");
  const ChildProcess other(scratch.path(), "zebra");
  bgpd.freeze();
  const auto stopped = run_to_end(process::stop({})).pids;
  REQUIRE(stopped);
  CHECK(*stopped == Pids{bgpd.pid()});
  CHECK(bgpd.has_ended());
  CHECK_FALSE(other.has_ended());
}

TEST_CASE("a bgpd in another network namespace is nobody's, by its name") {
  const ScratchDirectory scratch;
  const auto said = in_a_fork([&] {
    if (::unshare(CLONE_NEWNET) != 0) return std::string("cannot unshare");
    const ChildProcess theirs(scratch.path(), "bgpd");
    return in_a_fork([&] {
      // Back in ours, that of process 1.
      const int ours = ::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
      if (::setns(ours, CLONE_NEWNET) != 0) return std::string("cannot go back");
      return as_text(found_or_not()) + ", " + as_text(run_to_end(process::stop({})).pids) +
             (theirs.has_ended() ? ", and killed" : "");
    });
  });
  CHECK(said == "0 found, 0 found");
}

TEST_CASE("an ordinary user's process of that name is not bgpd, whatever program it runs") {
  const ScratchDirectory scratch;
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  std::filesystem::copy_file("/bin/sleep", scratch.path() / "bgpd");
  for (const uid_t user : {uid_t{1234}, nobody}) {
    const auto said = in_a_fork([&] {
      const pid_t self = ::getpid();
      if (::setresuid(user, user, 0) != 0) return std::string("cannot become a user");
      const ChildProcess impostor(scratch.path(), "bgpd");
      if (::setresuid(0, 0, 0) != 0) return std::string("cannot become root");
      core::BgpdProcess by_file;
      by_file.pid_file = scratch.write("pid", std::to_string(impostor.pid()));
      return as_text(found_or_not()) + ", " + as_text(found_or_not(by_file)) +
             (self == ::getpid() ? "" : "?");
    });
    CHECK(said == "0 found, 0 found");
  }
}

TEST_CASE("a bgpd of a container below, which has a PID namespace of its own, is not ours") {
  const ScratchDirectory scratch;
  const ChildProcess ours(scratch.path(), "bgpd");
  const ProgramInNamespaceBelow theirs(scratch.path() / "bgpd");
  CHECK(found() == Pids{ours.pid()});
  const auto stopped = run_to_end(process::stop({})).pids;
  REQUIRE(stopped);
  CHECK(*stopped == Pids{ours.pid()});
  CHECK_FALSE(theirs.has_ended());

  core::BgpdProcess by_file;
  by_file.pid_file = scratch.write("pid", std::to_string(theirs.pid()));
  CHECK(found(by_file).empty());
}

TEST_CASE("an unprivileged user sees root's bgpd, and is told what it takes to kill it") {
  const ScratchDirectory scratch;
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  const ChildProcess child(scratch.path(), "bgpd");
  const auto said = in_a_fork([] {
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) return std::string("cannot become nobody");
    return as_text(found_or_not()) + "; " + as_text(run_to_end(process::stop({})).pids);
  });
  CHECK(said == "1 found; kill bgpd, pid " + std::to_string(child.pid()) +
                    ": Operation not permitted (run as root, or with CAP_KILL)");
  CHECK_FALSE(child.has_ended());
}

TEST_CASE("a pid file that we may not read is an error with advice") {
  const ScratchDirectory scratch;
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  core::BgpdProcess by_file;
  by_file.pid_file = scratch.write("pid", "1");
  std::filesystem::permissions(by_file.pid_file, std::filesystem::perms(0600));
  const auto said = in_a_fork([&] {
    if (::setuid(nobody) != 0) return std::string("cannot become nobody");
    return as_text(found_or_not(by_file));
  });
  CHECK(said == "read the pid file " + by_file.pid_file.string() +
                    ": Permission denied (let withdrawd's user read it, or name no pid_file)");
}

TEST_CASE("where /proc hides other users' processes, nobody claims that bgpd is not running") {
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), "bgpd");
  for (const auto* options : {"hidepid=1", "hidepid=2"}) {
    const auto said = in_a_fork([&] {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("proc", "/proc", "proc", 0, options) != 0 ||
          ::setgid(nobody) != 0 || ::setuid(nobody) != 0) {
        return std::string("cannot hide");
      }
      return as_text(found_or_not());
    });
    CHECK(said ==
          "look for processes: /proc hides those of other users "
          "(run as root, or mount /proc without hidepid)");
  }
}

TEST_CASE("a /proc that shows another PID namespace is an error, and so is none") {
  const auto elsewhere = in_a_fork([] {
    if (::unshare(CLONE_NEWPID) != 0) return std::string("cannot unshare");
    return in_a_fork([] { return as_text(found_or_not()); });
  });
  CHECK(elsewhere.starts_with("look for processes: /proc is missing, or shows another PID"));
  const auto missing = in_a_fork([] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      return std::string("cannot cover /proc");
    }
    return as_text(found_or_not());
  });
  CHECK(missing.starts_with("look for processes: /proc is missing, or shows another PID"));
}

TEST_CASE("in a container of withdrawd's own, nobody claims that bgpd is not running") {
  const auto before = process::read_small_file("/proc/self/comm").value_or("");
  ::prctl(PR_SET_NAME, "withdrawd");
  const auto said = as_text(found_or_not());
  const ScratchDirectory scratch;
  const ChildProcess child(scratch.path(), "bgpd");
  CHECK(found() == Pids{child.pid()});
  ::prctl(PR_SET_NAME, before.substr(0, before.find('\n')).c_str());
  CHECK(said ==
        "find bgpd's process: process 1 is withdrawd, so bgpd is in another PID namespace, or does "
        "not run (run withdrawd in bgpd's PID namespace, or in the host's)");
}

int main(int argc, char** argv) {
  if (::getenv(inside) != nullptr) return doctest::Context(argc, argv).run();

  const auto skip = [](const char* why) {
    std::printf("SKIPPED: finding bgpd among the processes of a PID namespace: %s\n", why);
    return 77;
  };
  if (::geteuid() != 0) return skip("needs root");
  if (std::system("unshare --pid --fork --mount-proc true") != 0) {
    return skip("needs root that may make PID namespaces");
  }
  ::setenv(inside, "1", 1);
  std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words{"unshare",      "--pid",        "--fork",
                                 "--mount-proc", "--kill-child", std::move(self)};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers.front(), pointers.data());
  std::perror("unshare");
  return 1;
}
