#include "cli/service_user.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

using namespace withdrawd;

namespace {

/// A host's root folder, gone with the test.
struct Root {
  std::filesystem::path path;
  Root() {
    char pattern[] = "/tmp/withdrawd-root-XXXXXX";
    path = mkdtemp(pattern);
  }
  ~Root() { std::filesystem::remove_all(path); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  void write(const std::filesystem::path& file, std::string_view text) const {
    std::filesystem::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
};

/// A process that does something first, and then waits to be killed.
struct Daemon {
  pid_t pid;
  template <class Before>
  explicit Daemon(Before before) : pid(::fork()) {
    if (pid == 0) {
      if (before()) ::raise(SIGSTOP);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(pid, &status, WUNTRACED);
    REQUIRE(WIFSTOPPED(status));
  }
  ~Daemon() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
};

}  // namespace

TEST_CASE("the service's user is the one that its unit and the drop-ins name last") {
  const Root root;
  CHECK_FALSE(cli::find_service_user(0, root.path));
  root.write("lib/systemd/system/withdrawd.service",
             "[Service]\nUser=daemon\nAmbientCapabilities=\n");
  auto found = cli::find_service_user(0, root.path);
  REQUIRE(found);
  CHECK(found->user.name == "daemon");
  CHECK(found->user.uid == 1);
  CHECK_FALSE(found->may_kill);

  root.write("etc/systemd/system/withdrawd.service.d/hard.conf",
             "[Service]\nAmbientCapabilities=CAP_KILL\n");
  CHECK(cli::find_service_user(0, root.path)->may_kill);
  CHECK_FALSE(cli::find_service_user(0, root.path)->may_end_sessions);
  root.write("etc/systemd/system/withdrawd.service.d/filter.conf",
             "[Service]\nSystemCallFilter=@system-service\n");
  root.write("etc/systemd/system/withdrawd.service.d/sessions.conf",
             "[Service]\nAmbientCapabilities=CAP_SYS_PTRACE\n");
  CHECK_FALSE(cli::find_service_user(0, root.path)->may_end_sessions);
  root.write("etc/systemd/system/withdrawd.service.d/sessions.conf",
             "[Service]\nAmbientCapabilities=CAP_SYS_PTRACE\nSystemCallFilter=pidfd_getfd\n");
  CHECK(cli::find_service_user(0, root.path)->may_end_sessions);

  // Root has all rights, and the unit's filter.
  root.write("etc/systemd/system/withdrawd.service.d/user.conf", "[Service]\nUser=root\n");
  CHECK(cli::find_service_user(0, root.path)->may_end_sessions);
  root.write("etc/systemd/system/withdrawd.service.d/sessions.conf", "");
  CHECK(cli::find_service_user(0, root.path)->may_kill);
  CHECK_FALSE(cli::find_service_user(0, root.path)->may_end_sessions);

  root.write("etc/systemd/system/withdrawd.service.d/user.conf", "[Service]\nUser=bin\n");
  CHECK(cli::find_service_user(0, root.path)->user.name == "bin");
  root.write("etc/systemd/system/withdrawd.service.d/user.conf", "[Service]\nUser=no-such-user\n");
  CHECK_FALSE(cli::find_service_user(0, root.path));
}

TEST_CASE("a running daemon's user is the one of its process") {
  const auto found = cli::find_service_user(::getpid(), "/nonexistent");
  REQUIRE(found);
  CHECK(found->user.uid == ::geteuid());
  CHECK(found->user.gid == ::getegid());
}

TEST_CASE("a running daemon that has a filter of system calls has the unit's") {
  if (!cli::find_service_user(::getpid(), "/nonexistent")->may_end_sessions) return;
  const Root root;
  const auto write = [&root](const std::string& calls) {
    root.write("lib/systemd/system/withdrawd.service",
               "[Service]\nSystemCallFilter=" + calls + "\n");
  };
  const Daemon filtered([] {
    sock_filter all_allowed = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog program{1, &all_allowed};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  });
  write("@system-service");
  CHECK_FALSE(cli::find_service_user(filtered.pid, root.path)->may_end_sessions);
  write("@system-service pidfd_getfd");
  CHECK(cli::find_service_user(filtered.pid, root.path)->may_end_sessions);
}

TEST_CASE("where root may not put its rights aside, it keeps them") {
  const auto user = process::find_user("daemon");
  REQUIRE(user);
  const pid_t child = ::fork();
  if (child == 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    const bool without = ::syscall(SYS_capset, &header, none.data()) == 0;
    const process::ActingUser acting(*user);
    ::_exit(without && !acting.acts() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("root acts as another user although a thread sleeps in the kernel, as on a dead disk") {
  if (::geteuid() != 0) return;
  const auto user = process::find_user("daemon");
  REQUIRE(user);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  // Who has started a child by vfork takes no signal before that lets go of the memory.
  std::thread sleeper([] {
    if (::vfork() == 0) {
      const timespec span{2, 0};
      ::nanosleep(&span, nullptr);
      ::_exit(0);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  {
    const process::ActingUser acting(*user);
    CHECK(acting.acts());
  }
  CHECK(std::chrono::steady_clock::now() < until);
  CHECK(::geteuid() == 0);
  sleeper.join();
}

TEST_CASE("root who acts as another user may what that one may, and gets his own rights back") {
  if (::geteuid() != 0) return;
  const auto user = process::find_user("daemon");
  REQUIRE(user);
  {
    const process::ActingUser acting(*user);
    CHECK(::geteuid() == user->uid);
    CHECK(::getegid() == user->gid);
    CHECK(::access("/etc/shadow", R_OK) == 0);  // by the real user
    CHECK_FALSE(std::ifstream("/etc/shadow").is_open());
  }
  CHECK(::geteuid() == 0);
  CHECK(std::ifstream("/etc/shadow").is_open());
}
