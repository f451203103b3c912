#include "cli/service_user.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

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
