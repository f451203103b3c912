#include "daemon/control_socket.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "scratch.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using daemon::ControlServer;
using daemon::testing::ScratchDirectory;

namespace {

constexpr std::size_t much = 10'000'000;  // more than a socket holds

/// A server that runs beside the test, answering with the request and dots.
class RunningServer {
 public:
  explicit RunningServer(const std::filesystem::path& path, daemon::ControlLimits limits = {}) {
    auto opened = ControlServer::open(
        io_.get_executor(), path,
        [](std::string_view request, uid_t) {
          return "you said " + std::string(request) +
                 std::string(request == "much" ? much : 100'000, '.');
        },
        limits);
    REQUIRE(opened);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() {
    io_.stop();
    thread_.join();
  }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

std::string heard_until_the_end(int fd) {
  std::string heard;
  char buffer[65536];
  while (true) {
    pollfd waiting{fd, POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 20'000) == 1);
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return heard;
    heard.append(buffer, static_cast<std::size_t>(got));
  }
}

/// No descriptor can be had for as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::dup(STDERR_FILENO);
    ::close(next);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(::dup(STDERR_FILENO) == -1);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

int connected(const std::filesystem::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

}  // namespace

TEST_CASE("a question over the control socket is answered whole") {
  const ScratchDirectory scratch;
  const RunningServer server(scratch / "control.sock");
  const auto answer = daemon::ask_control(scratch / "control.sock", "status");
  REQUIRE(answer);
  CHECK(*answer == "you said status" + std::string(100'000, '.'));
}

TEST_CASE("the control socket is for its owner and its group") {
  const ScratchDirectory scratch;
  const RunningServer server(scratch / "control.sock");
  struct stat info{};
  REQUIRE(::stat((scratch / "control.sock").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0660);
}

TEST_CASE("clients that say nothing, too much, or leave do not keep others from being answered") {
  const ScratchDirectory scratch;
  const RunningServer server(scratch / "control.sock");
  const int silent = connected(scratch / "control.sock");
  const int talker = connected(scratch / "control.sock");
  const std::string line(5000, 'x');
  CHECK(::send(talker, line.data(), line.size(), MSG_NOSIGNAL) > 0);
  ::close(connected(scratch / "control.sock"));
  CHECK(daemon::ask_control(scratch / "control.sock", "status"));
  ::close(silent);
  ::close(talker);
}

TEST_CASE("who is slow to ask is left, and keeps nobody else waiting") {
  const ScratchDirectory scratch;
  const RunningServer server(scratch / "control.sock", {.to_ask = 50ms});
  const int silent = connected(scratch / "control.sock");
  const int dawdler = connected(scratch / "control.sock");
  CHECK(::send(dawdler, "stat", 4, MSG_NOSIGNAL) == 4);
  CHECK(daemon::ask_control(scratch / "control.sock", "status"));
  const std::string heard = heard_until_the_end(silent) + heard_until_the_end(dawdler);
  CHECK(heard.empty());
  for (const int fd : {silent, dawdler}) ::close(fd);
}

TEST_CASE("who is slow to take the answer is left, and keeps nobody else waiting") {
  const ScratchDirectory scratch;
  const RunningServer server(scratch / "control.sock", {.to_ask = 60s, .to_take = 50ms});
  const int deaf = connected(scratch / "control.sock");
  CHECK(::send(deaf, "much\n", 5, MSG_NOSIGNAL) == 5);
  CHECK(daemon::ask_control(scratch / "control.sock", "status"));
  // What was on its way is heard; the rest never comes.
  pollfd waiting{deaf, 0, 0};
  REQUIRE(::poll(&waiting, 1, 20'000) == 1);
  CHECK((waiting.revents & POLLHUP) != 0);
  const std::string heard = heard_until_the_end(deaf);
  CHECK(heard.starts_with("you said much."));
  CHECK(heard.size() < much);
  ::close(deaf);
}

TEST_CASE("a thousand silent clients take a few descriptors, and others are answered at once") {
  const ScratchDirectory scratch;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit before = limit;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  {
    const RunningServer server(scratch / "control.sock");
    std::vector<int> silent;
    for (int i = 0; i < 1000; ++i) silent.push_back(connected(scratch / "control.sock"));
    const auto begun = std::chrono::steady_clock::now();
    CHECK(daemon::ask_control(scratch / "control.sock", "status"));
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
    const auto closed = std::ranges::count_if(silent, [](int fd) {
      char byte;
      return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
    });
    CHECK(closed >= 936);
    for (const int fd : silent) ::close(fd);
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("the last descriptors are for checks and bgpd") {
  const ScratchDirectory scratch;
  boost::asio::io_context io;
  const auto server =
      ControlServer::open(io.get_executor(), scratch / "control.sock",
                          [](std::string_view, uid_t) { return std::string("answered"); });
  REQUIRE(server);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int client = connected(scratch / "control.sock");
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(client) + 2;  // its other end is the last that may be
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  io.poll();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  char byte;
  CHECK(::recv(client, &byte, 1, MSG_DONTWAIT) == 0);
  ::close(client);
  // With more of them there is room again.
  const int other = connected(scratch / "control.sock");
  io.poll();
  CHECK(::send(other, "x\n", 2, MSG_NOSIGNAL) == 2);
  ssize_t got = -1;
  for (int turns = 0; got < 0 && turns < 1000; ++turns) {
    io.run_one_for(std::chrono::milliseconds(10));
    got = ::recv(other, &byte, 1, MSG_DONTWAIT);
  }
  CHECK(got == 1);
  ::close(other);
}

TEST_CASE("a server that ends at any moment leaves nothing that is still to happen to it") {
  // ASan and Valgrind see what happens to it all the same.
  for (int turns = 0; turns < 12; ++turns) {
    const ScratchDirectory scratch;
    boost::asio::io_context io;
    auto server =
        ControlServer::open(io.get_executor(), scratch / "control.sock",
                            [](std::string_view, uid_t) { return std::string("answered"); });
    REQUIRE(server);
    // Several wait, so that the next one is accepted while the last one is being handled.
    const std::array clients{connected(scratch / "control.sock"),
                             connected(scratch / "control.sock"),
                             connected(scratch / "control.sock")};
    CHECK(::send(clients[0], "x\n", 2, MSG_NOSIGNAL) == 2);
    for (int i = 0; i < turns; ++i) io.poll_one();
    server->reset();
    io.poll();
    for (const int fd : clients) ::close(fd);
  }
}

TEST_CASE("who connects while there is no descriptor is answered when there are some again") {
  const ScratchDirectory scratch;
  boost::asio::io_context io;
  const auto server = ControlServer::open(
      io.get_executor(), scratch / "control.sock",
      [](std::string_view, uid_t) { return std::string("answered"); }, {.to_accept_again = 20ms});
  REQUIRE(server);
  const int client = connected(scratch / "control.sock");
  CHECK(::send(client, "x\n", 2, MSG_NOSIGNAL) == 2);
  {
    const NoDescriptors none;
    CHECK(io.poll() == 1);            // the accept, which fails
    CHECK(io.run_one_for(20s) == 1);  // the pause, and it fails again
  }
  char byte;
  ssize_t got = -1;
  for (int turns = 0; got < 0 && turns < 1000; ++turns) {
    io.run_one_for(20ms);
    got = ::recv(client, &byte, 1, MSG_DONTWAIT);
  }
  CHECK(got == 1);
  ::close(client);
}

TEST_CASE("a server that ends when its pause has just ended as well does not accept any more") {
  // ASan and Valgrind see what happens to it all the same.
  const ScratchDirectory scratch;
  boost::asio::io_context io;
  constexpr auto pause = 10ms;
  auto server = ControlServer::open(io.get_executor(), scratch / "control.sock",
                                    [](std::string_view, uid_t) { return std::string("answered"); },
                                    {.to_accept_again = pause});
  REQUIRE(server);
  const int client = connected(scratch / "control.sock");
  const auto before = std::chrono::steady_clock::now();
  {
    const NoDescriptors none;
    CHECK(io.poll() == 1);
  }
  // Due before the pause's end, and handled in the same turn of the loop: the completion of the
  // pause is queued already, and can no longer be cancelled.
  boost::asio::steady_timer end(io);
  end.expires_at(before);
  end.async_wait([&](boost::system::error_code) { server->reset(); });
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + pause);
  io.run();
  CHECK(*server == nullptr);
  char byte;
  CHECK(::recv(client, &byte, 1, MSG_DONTWAIT) <= 0);
  ::close(client);
}

TEST_CASE("a socket file left by a dead run is replaced; the own one is removed at the end") {
  const ScratchDirectory scratch;
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (scratch / "control.sock").c_str(),
                 sizeof(address.sun_path) - 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    ::close(fd);  // the file stays, nobody listens
  }
  {
    const RunningServer server(scratch / "control.sock");
    CHECK(daemon::ask_control(scratch / "control.sock", "status"));
  }
  CHECK_FALSE(std::filesystem::exists(scratch / "control.sock"));
}

TEST_CASE("a file that is no socket is not removed to make room") {
  const ScratchDirectory scratch;
  daemon::testing::write(scratch / "control.sock", "precious");
  boost::asio::io_context io;
  const auto opened = ControlServer::open(io.get_executor(), scratch / "control.sock",
                                          [](std::string_view, uid_t) { return std::string(); });
  CHECK_FALSE(opened);
  CHECK(daemon::testing::read(scratch / "control.sock") == "precious");
}

TEST_CASE("without a daemon the question fails at once") {
  const ScratchDirectory scratch;
  const auto answer = daemon::ask_control(scratch / "control.sock", "status");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().text().find("control.sock") != std::string::npos);
}

TEST_CASE("a daemon that does not answer is given up within the limit") {
  const ScratchDirectory scratch;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (scratch / "control.sock").c_str(), sizeof(address.sun_path) - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(fd, 5) == 0);
  const auto answer =
      daemon::ask_control(scratch / "control.sock", "status", std::chrono::milliseconds(50));
  CHECK_FALSE(answer);
  ::close(fd);
}
