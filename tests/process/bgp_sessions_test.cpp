#include "process/bgp_sessions.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "event_loop.hpp"
#include "process/pidfd.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using files::FileDescriptor;

namespace {

/// TCP connections on this host: one end of each is a child's, which never reads it and never
/// closes it; the other end is a peer's.
class ConnectedChild {
 public:
  /// `mark`: of its connections, by IP's type of service.
  explicit ConnectedChild(std::size_t peers = 1, bool port_is_named = true, int mark = 0) {
    const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const auto general = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener.number(), general, size) == 0);
    REQUIRE(::listen(listener.number(), 2) == 0);
    REQUIRE(::getsockname(listener.number(), general, &size) == 0);
    port_ = ntohs(address.sin_port);
    std::vector<FileDescriptor> own;
    while (peers_.size() < peers) {
      own.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
      REQUIRE(::setsockopt(own.back().number(), IPPROTO_IP, IP_TOS, &mark, sizeof mark) == 0);
      REQUIRE(::connect(own.back().number(), general, size) == 0);
      peers_.emplace_back(::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    const std::string port = "--bgp_port=" + std::to_string(port_is_named ? port_ : 1);
    pid_ = ::fork();
    if (pid_ == 0) {
      // A command line that names the port, and a peer's bytes that nobody reads.
      ::execl("/bin/sh", "sh", "-c", "kill -STOP $$", "bgpd", port.c_str(), nullptr);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    for (const auto& peer : peers_) REQUIRE(::send(peer.number(), "unread", 6, 0) == 6);
  }
  ~ConnectedChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ConnectedChild(const ConnectedChild&) = delete;
  ConnectedChild& operator=(const ConnectedChild&) = delete;

  pid_t pid() const { return pid_; }
  std::size_t peers() const { return peers_.size(); }
  bool listens(std::size_t peer) const { return bool(peers_[peer]); }
  /// What a peer reads within a moment; its end as " END".
  std::string read(std::size_t peer) {
    std::string all;
    pollfd wait{peers_[peer].number(), POLLIN, 0};
    while (::poll(&wait, 1, 200) > 0) {
      char bytes[100];
      const auto got = ::recv(peers_[peer].number(), bytes, sizeof bytes, 0);
      if (got <= 0) return all + (got == 0 ? " END" : std::strerror(errno));
      all.append(bytes, static_cast<std::size_t>(got));
    }
    return all;
  }
  void hang_up(std::size_t peer) { peers_[peer].close(); }
  void reset(std::size_t peer) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    REQUIRE(::setsockopt(peers_[peer].number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) ==
            0);
    hang_up(peer);
  }

 private:
  std::uint16_t port_ = 0;
  std::vector<FileDescriptor> peers_;
  pid_t pid_ = 0;
};

/// The sessions of `child`, which is killed as soon as they are notified.
core::SessionsEnded killed(ConnectedChild& child, bool last_peer_listens) {
  boost::asio::io_context loop;
  std::optional<core::SessionsEnded> result;
  process::BgpSessions sessions(loop.get_executor(), child.pid(), process::open_pidfd(child.pid()));
  sessions.notify();
  ::kill(child.pid(), SIGKILL);
  std::vector<std::string> heard;
  std::thread peers([&] {
    for (std::size_t i = 0; i < child.peers(); ++i) {
      if (child.listens(i)) heard.push_back(child.read(i));
    }
    if (last_peer_listens) child.hang_up(child.peers() - 1);
  });
  boost::asio::co_spawn(loop, sessions.ended(),
                        [&result](const std::exception_ptr&, core::SessionsEnded ended) {
                          result = std::move(ended);
                        });
  loop.run();
  peers.join();
  for (const auto& one : heard) CHECK(one == std::string(process::hard_reset()) + " END");
  return *result;
}

}  // namespace

TEST_CASE("a frozen process's session is ended by a NOTIFICATION, though its bytes are unread") {
  ConnectedChild child;
  const auto ended = killed(child, true);
  CHECK(ended.ended == 1);
  CHECK(ended.all());
}

TEST_CASE("a peer that does not hang up has not heard it, as far as anybody knows") {
  ConnectedChild child;
  const auto before = std::chrono::steady_clock::now();
  const auto ended = killed(child, false);
  CHECK(std::chrono::steady_clock::now() - before < 2s);
  CHECK(ended.ended == 0);
  CHECK(ended.left == std::vector<std::string>{"127.0.0.1"});
  CHECK(ended.problem.starts_with("not acknowledged within 1"));
}

TEST_CASE("a peer that does not hang up hides no other that does") {
  ConnectedChild child(2);
  const auto ended = killed(child, true);
  CHECK(ended.ended == 1);
  CHECK(ended.left == std::vector<std::string>{"127.0.0.1"});
}

TEST_CASE("a peer that had hung up before has not heard it, though its socket can be written to") {
  ConnectedChild child(2);
  child.hang_up(0);
  const auto ended = killed(child, true);
  CHECK(ended.ended == 1);
  CHECK(ended.left == std::vector<std::string>{"127.0.0.1"});
  CHECK(ended.problem == "the peer had hung up before");
}

TEST_CASE("a peer that had reset the connection has not heard it, though nobody knows who it was") {
  ConnectedChild child(2, true, IPTOS_PREC_INTERNETCONTROL);
  child.reset(0);
  const auto ended = killed(child, true);
  CHECK(ended.ended == 1);
  CHECK(ended.left.empty());
  CHECK(ended.problem == "the peer had hung up before");
  CHECK_FALSE(ended.all());
}

TEST_CASE("a session by a port that nobody names is known by bgpd's mark, and ended as well") {
  ConnectedChild child(1, false, IPTOS_PREC_INTERNETCONTROL);
  const auto ended = killed(child, true);
  CHECK(ended.ended == 1);
  CHECK(ended.all());
}

TEST_CASE("a connection to another port without a mark is no neighbor's, and nothing is sent") {
  ConnectedChild child(1, false);
  boost::asio::io_context loop;
  process::BgpSessions sessions(loop.get_executor(), child.pid(), process::open_pidfd(child.pid()));
  CHECK(sessions.problem().empty());
  CHECK(sessions.count() == 0);
  sessions.notify();
  CHECK(child.read(0).empty());
}

TEST_CASE("a connection that is not BGP's is left alone") {
  ConnectedChild child;
  boost::asio::io_context loop;
  // The runner's own: none of its ports is a BGP port.
  process::BgpSessions sessions(loop.get_executor(), ::getpid(), process::open_pidfd(::getpid()));
  CHECK(sessions.problem().empty());
  CHECK(sessions.count() == 0);
}

TEST_CASE("a process that is gone has no sessions") {
  boost::asio::io_context loop;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  const auto pidfd = process::open_pidfd(pid);
  ::waitpid(pid, nullptr, 0);
  process::BgpSessions sessions(loop.get_executor(), pid, pidfd);
  sessions.notify();
  const auto ended = test::run_to_end(sessions.ended());
  CHECK(ended.ended == 0);
}

TEST_CASE("the port of BGP is 179, and what the command line says") {
  using Ports = std::set<std::uint16_t>;
  CHECK(process::bgp_ports({}) == Ports{179});
  CHECK(process::bgp_ports({"bgpd", "-d", "-P", "2605"}) == Ports{179});
  CHECK(process::bgp_ports({"bgpd", "-p", "1790"}) == Ports{179, 1790});
  CHECK(process::bgp_ports({"bgpd", "-p1790"}) == Ports{179, 1790});
  CHECK(process::bgp_ports({"bgpd", "--bgp_port", "1790"}) == Ports{179, 1790});
  CHECK(process::bgp_ports({"bgpd", "--bgp_port=1790", "-p", "1791"}) == Ports{179, 1791});
  CHECK(process::bgp_ports({"bgpd", "-p", "x"}) == Ports{179});
}
