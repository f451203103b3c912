#include "process/origin.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "scratch_directory.hpp"

using namespace withdrawd;
using test::ScratchDirectory;
using Words = core::RestartCommand;

namespace {

/// A host with FRR's own script, and with systemd.
class Host {
 public:
  Host() {
    std::filesystem::create_directories(root_.path() / "run/systemd/system");
    frr_script = program("usr/lib/frr/frrinit.sh");
  }
  std::string program(const std::string& file) {
    const auto path = root_.write(file, "#!/bin/sh\n");
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    return path.string();
  }
  process::Origin origin(std::string cgroup, Words words) const {
    return process::origin_of({.words = std::move(words),
                               .program = "/bin/sleep",
                               .cgroup = std::move(cgroup),
                               .foreign = foreign},
                              our_cgroup, root_.path());
  }
  const ScratchDirectory& root() const { return root_; }

  bool foreign = false;
  std::string our_cgroup = "0::/user.slice/user-0.slice/session-3.scope\n";
  std::string frr_script;

 private:
  ScratchDirectory root_;
};

const std::string session = "0::/user.slice/user-0.slice/session-3.scope\n";
const std::string bgpd = "/usr/lib/frr/bgpd";

}  // namespace

TEST_CASE("the systemd service that a bgpd is in is restarted, under any name") {
  const Host host;
  const auto restart = [&host](const std::string& cgroup) {
    return host.origin(cgroup, {bgpd, "-d", "-N", "edge"}).restart;
  };
  const Words edge{"systemctl", "restart", "frr@edge.service"};
  CHECK(restart("0::/system.slice/system-frr.slice/frr@edge.service\n") == edge);
  CHECK(restart("9:name=systemd:/system.slice/frr@edge.service\n4:memory:/other.service\n0::/\n") ==
        edge);
  // The older tree is there as well, and nobody uses it.
  CHECK(restart("9:name=systemd:/\n8:pids:/\n0::/system.slice/frr@edge.service\n") == edge);
  // Of a container that is a service: that service.
  CHECK(restart("0::/system.slice/router.service/libpod-payload-1/frr.service\n") ==
        Words{"systemctl", "restart", "router.service"});
}

TEST_CASE("neither a container's scope, nor a user's service, nor our own is restarted") {
  const auto unit = [](const std::string& path) {
    return process::unit_of("0::" + path + "\n", "0::/system.slice/withdrawd.service\n");
  };
  CHECK(unit("/system.slice/docker-12ab.scope").empty());
  CHECK(unit("/machine.slice/machine-r.scope/payload/system.slice/frr.service").empty());
  CHECK(unit("/user.slice/user-7.slice/user@7.service/app.slice/frr.service").empty());
  CHECK(unit("/user.slice/user-7.slice/session-3.scope").empty());
  CHECK(unit("/system.slice/withdrawd.service").empty());
  CHECK(unit("/").empty());
  CHECK(process::unit_of("", "").empty());
  CHECK(unit("/system.slice/frr.service") == "frr.service");
}

TEST_CASE("in no service, the host's own script restarts what it starts, by its pathspace") {
  const Host host;
  CHECK(host.origin(session, {bgpd, "-d", "-F", "traditional", "-A", "127.0.0.1"}).restart ==
        Words{host.frr_script, "restart"});
  CHECK(host.origin(session, {bgpd, "-d", "-N", "edge"}).restart ==
        Words{host.frr_script, "restart", "edge"});
  CHECK(host.origin(session, {bgpd, "-d", "-f", "/etc/frr/bgpd.conf"}).restart ==
        Words{host.frr_script, "restart"});
}

TEST_CASE("one with files of its own is started by its own command line, if that ends at once") {
  const Host host;
  CHECK(host.origin(session, {"bgpd", "-d", "-f", "/etc/frr/second.conf"}).restart ==
        Words{"/bin/sleep", "-d", "-f", "/etc/frr/second.conf"});
  const auto supervised = host.origin(session, {"bgpd", "-f", "/srv/bgpd.conf"});
  CHECK(supervised.restart.empty());
  CHECK(supervised.unknown ==
        "it is in no systemd service, and does not go to the background itself");
}

TEST_CASE("what would end with our own service is not started from it, but handed on to systemd") {
  Host host;
  host.our_cgroup = "0::/system.slice/withdrawd.service\n";
  const Words second{"bgpd", "-d", "-f", "/etc/frr/second.conf"};
  const auto own = host.origin(session, second);
  CHECK(own.restart.empty());
  CHECK(own.unknown ==
        "it is in no systemd service, and started from withdrawd.service it would end with that");
  CHECK(host.origin(session, {bgpd, "-d"}).restart.empty());
  CHECK(host.origin(session, {bgpd, "-d", "-N", "edge"}).restart.empty());
  const auto usual = process::default_restart(host.our_cgroup, host.root().path());
  REQUIRE_FALSE(usual);
  CHECK(usual.error().happened.ends_with("starts from withdrawd.service ends with that"));
  // One that was started from here earlier is no other's either.
  CHECK(host.origin(host.our_cgroup, {bgpd, "-d"}).restart.empty());
  CHECK(host.origin("0::/system.slice/frr.service\n", {bgpd, "-d"}).restart.back() ==
        "frr.service");

  const auto init = host.program("etc/init.d/frr");
  CHECK(host.origin(session, {bgpd, "-d"}).restart.empty());
  host.root().write("etc/init.d/frr", "#!/bin/sh\n. /lib/lsb/init-functions\n");
  CHECK(host.origin(session, {bgpd, "-d"}).restart.empty());
  host.root().write("lib/lsb/init-functions.d/40-systemd", "");
  CHECK(host.origin(session, {bgpd, "-d"}).restart == Words{init, "restart"});

  host.our_cgroup = "0::/system.slice/cron.service\n";
  CHECK(host.origin(session, second).restart.front() == "/bin/sleep");
}

TEST_CASE(
    "nothing of this host restarts what is in other namespaces, but the service that it is in") {
  Host host;
  host.foreign = true;
  const auto origin = host.origin("0::/system.slice/docker-12.scope\n", {bgpd, "-d"});
  CHECK(origin.restart.empty());
  CHECK(origin.unknown == "it is in other namespaces and in no systemd service of this host");
  CHECK(host.origin("0::/system.slice/edge.service\n", {bgpd, "-d"}).restart.back() ==
        "edge.service");
}

TEST_CASE("an option's value is read in each of its forms, and the last one counts") {
  const auto value = [](Words words) { return process::option_of(words, 'f', "config_file"); };
  CHECK(value({"bgpd", "-f", "x"}) == "x");
  CHECK(value({"bgpd", "-fx"}) == "x");
  CHECK(value({"bgpd", "--config_file", "x"}) == "x");
  CHECK(value({"bgpd", "--config_file=x", "-f", "y"}) == "y");
  CHECK(value({"bgpd", "-f"}).empty());
  CHECK(value({"-f"}).empty());
  CHECK(process::option_of({"bgpd", "--vty_socket", "x"}, '\0', "vty_socket") == "x");
}

TEST_CASE("a frr.service that is not in use is not started, whether an instance is or not") {
  Host host;
  const auto& root = host.root();
  const auto usual = [&] { return process::default_restart("", root.path()); };
  const Words frr{"systemctl", "restart", "frr.service"};
  root.write("lib/systemd/system/frr.service", "");
  // Nor by its init script, which hands on to it.
  host.program("etc/init.d/frr");
  REQUIRE_FALSE(usual());
  CHECK(usual().error().happened == "frr.service is installed, but neither enabled nor active");
  CHECK(usual().error().advice ==
        "set `restart` under [bgpd] in the configuration, or enable that");
  // Whoever only wants to know whether bgpd could be started again: somebody may start it later.
  CHECK(process::default_restart("", root.path(), process::Units::installed) == frr);
  SUBCASE("an instance is enabled") {
    root.write("etc/systemd/system/multi-user.target.wants/frr@edge.service", "");
    CHECK(usual() == Words{"systemctl", "restart", "frr@edge.service"});
    root.write("etc/systemd/system/multi-user.target.wants/frr@core.service", "");
    CHECK_FALSE(usual());
    root.write("etc/systemd/system/multi-user.target.wants/frr.service", "");
    CHECK(usual() == frr);
  }
  SUBCASE("an instance was started by hand") {
    root.write("sys/fs/cgroup/system.slice/system-frr.slice/frr@edge.service/cgroup.procs", "");
    CHECK(usual() == Words{"systemctl", "restart", "frr@edge.service"});
  }
  SUBCASE("it was started by hand") {
    for (const std::string tree : {"", "systemd/", "unified/"}) {
      const auto slice = "sys/fs/cgroup/" + tree + "system.slice";
      root.write(slice + "/frr.service/cgroup.procs", "");
      CHECK(usual() == frr);
      std::filesystem::remove_all(root.path() / slice);
      CHECK_FALSE(usual());
    }
  }
  SUBCASE("it is enabled until the next boot") {
    root.write("run/systemd/system/multi-user.target.wants/frr.service", "");
    CHECK(usual() == frr);
  }
}

TEST_CASE("without a unit and an init script, FRR's own script is the restart command") {
  const Host host;
  CHECK(process::default_restart("", host.root().path()) == Words{host.frr_script, "restart"});
}

TEST_CASE("with systemd, the restart command is the first unit in use of bgpd, frr and quagga") {
  const ScratchDirectory root;
  std::filesystem::create_directories(root.path() / "run/systemd/system");
  for (const std::string name : {"bgpd", "frr", "quagga"}) {
    root.write("etc/systemd/system/multi-user.target.wants/" + name + ".service", "");
  }
  const auto usual = [&] { return process::default_restart("", root.path()).value(); };
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
  const auto quagga = script("quagga");
  root.write("etc/init.d/bgpd", "cannot be executed");
  CHECK(process::default_restart("", root.path()).value() == Words{quagga, "restart"});
  const auto bgpd_script = script("bgpd");
  CHECK(process::default_restart("", root.path()).value() == Words{bgpd_script, "restart"});
}

TEST_CASE("a host without a unit or an init script is told what to configure") {
  const ScratchDirectory root;
  std::filesystem::create_directories(root.path() / "run/systemd/system");
  const auto usual = process::default_restart("", root.path());
  REQUIRE_FALSE(usual);
  CHECK(usual.error().advice == "set `restart` under [bgpd] in the configuration");
}
