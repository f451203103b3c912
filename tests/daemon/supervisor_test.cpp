#include "daemon/supervisor.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "files/file_descriptor.hpp"
#include "scratch.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using daemon::Heartbeat;
using daemon::Supervisor;
using daemon::testing::ScratchDirectory;

namespace {

/// Plays systemd: a datagram socket at a path, or at "@NAME".
class Listener {
 public:
  explicit Listener(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }

  std::vector<std::string> heard() {
    std::vector<std::string> all;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(socket_.number(), buffer, sizeof buffer, 0)) >= 0;) {
      all.emplace_back(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  files::FileDescriptor socket_;
};

std::string abstract_name() {
  return "@withdrawd-test-" + std::to_string(::getpid());
}

core::Report report() {
  core::Report report{.mode = core::Mode::soft,
                      .checks = {},
                      .prefixes = {},
                      .bgpd_reachable = true,
                      .bgpd_gone = false,
                      .bgpd_killed = false,
                      .failing = false};
  for (const auto* text :
       {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8", "2001:db8::/32"}) {
    report.prefixes.push_back({.rule = "anycast",
                               .prefix = core::Prefix::parse(text).value(),
                               .instance = "",
                               .health = core::Health::up,
                               .desired = core::Desired::announced,
                               .desired_for = {},
                               .reason = {},
                               .why = "",
                               .configured = {},
                               .options = {},
                               .in_table = {},
                               .peers = {},
                               .trouble = {},
                               .agrees = true,
                               .drain = {},
                               .damping = {}});
  }
  return report;
}

}  // namespace

TEST_CASE("a supervisor hears each word as one datagram, at a path and at an abstract name") {
  const ScratchDirectory scratch;
  for (const std::string& name : {(scratch / "notify").string(), abstract_name()}) {
    CAPTURE(name);
    Listener listener(name);
    Supervisor supervisor(name);
    CHECK(supervisor.listens());
    supervisor.ready();
    supervisor.alive();
    supervisor.stopping();
    CHECK(listener.heard() == std::vector<std::string>{"READY=1", "WATCHDOG=1", "STOPPING=1"});
    supervisor.reloading();
    CHECK(listener.heard().at(0).starts_with("RELOADING=1\nMONOTONIC_USEC="));
  }
}

TEST_CASE("a status is one line, whatever is in it") {
  const ScratchDirectory scratch;
  Listener listener((scratch / "notify").string());
  Supervisor supervisor((scratch / "notify").string());
  supervisor.status("fine\nMAINPID=1");
  CHECK(listener.heard() == std::vector<std::string>{"STATUS=fine\\x0aMAINPID=1"});
}

TEST_CASE("a supervisor that is not there, or gone, or nonsense, is no trouble") {
  const ScratchDirectory scratch;
  for (const std::string& name : {std::string(), std::string("relative"), std::string("@"),
                                  std::string(200, '/'), (scratch / "nobody").string()}) {
    CAPTURE(name);
    Supervisor supervisor(name, 1s);
    supervisor.ready();
    supervisor.status("fine");
    CHECK(supervisor.patience().has_value() == supervisor.listens());
  }
}

TEST_CASE("what the environment says is taken out of it, and a watchdog for another pid ignored") {
  const auto with = [](const char* pid, const char* microseconds) {
    ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
    ::setenv("WATCHDOG_USEC", microseconds, 1);
    if (pid) ::setenv("WATCHDOG_PID", pid, 1);
    const auto supervisor = Supervisor::from_environment();
    CHECK(supervisor.listens());
    for (const auto* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      CHECK(::getenv(variable) == nullptr);
    }
    return supervisor.patience();
  };
  CHECK(with(nullptr, "3000000") == core::Duration(3s));
  CHECK(with(std::to_string(::getpid()).c_str(), "1500000") == core::Duration(1500ms));
  CHECK_FALSE(with("1", "3000000"));
  CHECK_FALSE(with(nullptr, "0"));
  CHECK_FALSE(with(nullptr, "3 seconds"));
  CHECK_FALSE(Supervisor::from_environment().listens());
}

TEST_CASE("a loop that is stuck says nothing, and is heard again when it goes on") {
  const ScratchDirectory scratch;
  Listener listener((scratch / "notify").string());
  Supervisor supervisor((scratch / "notify").string(), 100ms);
  boost::asio::io_context io;
  Heartbeat heartbeat(io.get_executor(), supervisor, [] { return std::nullopt; });
  heartbeat.start();
  std::size_t during = 1;
  boost::asio::post(io, [&] {
    listener.heard();
    std::this_thread::sleep_for(300ms);
    during = listener.heard().size();
  });
  io.run_for(310ms);
  CHECK(during == 0);
  std::size_t after = 0;
  for (int i = 0; i < 200 && after < 3; ++i) {
    io.run_for(50ms);
    after += listener.heard().size();
  }
  CHECK(after >= 3);
}

TEST_CASE("a loop that turns but leaves what is due undone is not alive") {
  const ScratchDirectory scratch;
  Listener listener((scratch / "notify").string());
  Supervisor supervisor((scratch / "notify").string(), 40ms);
  boost::asio::io_context io;
  const auto due = std::chrono::steady_clock::now() - 1h;
  Heartbeat heartbeat(io.get_executor(), supervisor,
                      [&]() -> std::optional<core::Time> { return due; });
  heartbeat.start();
  io.run_for(200ms);
  CHECK(listener.heard().empty());

  const core::Time now{};
  CHECK(daemon::works({}, now, 10s));
  CHECK(daemon::works(now + 1h, now, 10s));
  CHECK(daemon::works(now - 4s, now, 10s));
  CHECK_FALSE(daemon::works(now - 5s, now, 10s));
}

TEST_CASE("without a watchdog there is no heartbeat") {
  const ScratchDirectory scratch;
  Listener listener((scratch / "notify").string());
  Supervisor supervisor((scratch / "notify").string());
  boost::asio::io_context io;
  Heartbeat heartbeat(io.get_executor(), supervisor, [] { return std::nullopt; });
  heartbeat.start();
  io.run();
  CHECK(listener.heard().empty());
}

TEST_CASE("the status line counts prefixes and names those that are withdrawn") {
  auto seen = report();
  CHECK(daemon::status_line(seen) == "5 prefixes");
  seen.prefixes[1].desired = core::Desired::withdrawn;
  seen.prefixes[2].desired = core::Desired::degraded;
  seen.prefixes[2].agrees = false;
  CHECK(daemon::status_line(seen) ==
        "5 prefixes, 1 withdrawn (198.51.100.0/24), 1 degraded, 1 not as desired");
  for (auto& prefix : seen.prefixes) {
    prefix.desired = core::Desired::withdrawn;
    prefix.agrees = true;
  }
  seen.bgpd_reachable = false;
  CHECK(daemon::status_line(seen) ==
        "5 prefixes, 5 withdrawn (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, ...); bgpd cannot "
        "be reached");
  seen.bgpd_gone = true;
  seen.failing = true;
  CHECK(daemon::status_line(seen).ends_with(
      "; a human is needed: see withdrawd status; bgpd does not run"));
  seen.bgpd_killed = true;
  CHECK(daemon::status_line(seen).ends_with("; bgpd was killed"));
}
