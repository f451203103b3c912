#include "process/bgp_sessions.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "as_result.hpp"
#include "process/origin.hpp"
#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// A peer that reads at all has hung up within milliseconds.
constexpr auto patience = std::chrono::seconds(1);
constexpr std::uint16_t usual_port = 179;
constexpr std::uint16_t usual_vty_port = 2605;
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

std::string refused(int error) {
  return core::errno_text(error) +
         (error == EPERM || error == EACCES ? " (run as root, or with CAP_SYS_PTRACE)" : "");
}

std::optional<std::uint16_t> number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

/// The numbers of a process's sockets, or an errno.
std::expected<std::vector<int>, int> sockets_of(pid_t pid) {
  std::error_code failed;
  std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", failed);
  std::vector<int> all;
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const auto what = std::filesystem::read_symlink(entry->path(), failed);
    if (failed == std::errc::no_such_file_or_directory) failed.clear();  // closed meanwhile
    if (failed) break;
    if (what.native().starts_with("socket:")) all.push_back(std::stoi(entry->path().filename()));
  }
  if (failed) return std::unexpected(failed.value());
  return all;
}

struct Connection {
  tcp::endpoint here;
  tcp::endpoint there;  ///< unspecified: it has been reset, and nobody knows any longer
  bool stands = false;
  bool marked = false;  ///< with a type of service, as routing protocols do
};

template <typename Value>
bool read_option(int socket, int level, int name, Value& value) {
  socklen_t size = sizeof value;
  return ::getsockopt(socket, level, name, &value, &size) == 0;
}

/// None: it is no TCP connection, nor has it been one.
std::optional<Connection> connection_of(int socket) {
  int type = 0;
  int protocol = 0;
  tcp_info state{};
  if (!read_option(socket, SOL_SOCKET, SO_TYPE, type) || type != SOCK_STREAM ||
      !read_option(socket, SOL_SOCKET, SO_PROTOCOL, protocol) || protocol != IPPROTO_TCP ||
      !read_option(socket, IPPROTO_TCP, TCP_INFO, state)) {
    return std::nullopt;
  }
  // Without a round trip it has never been connected: refused, or not even tried.
  const bool reset = state.tcpi_state == TCP_CLOSE && state.tcpi_rtt != 0;
  Connection connection{.stands = state.tcpi_state == TCP_ESTABLISHED};
  auto length = static_cast<socklen_t>(connection.here.capacity());
  if (::getsockname(socket, connection.here.data(), &length) != 0) return std::nullopt;
  length = static_cast<socklen_t>(connection.there.capacity());
  if (::getpeername(socket, connection.there.data(), &length) != 0 && !reset) return std::nullopt;
  int service = 0;
  const bool v6 = connection.here.protocol() == tcp::v6();
  connection.marked =
      read_option(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, service) &&
      service > 0;
  return connection;
}

/// bgpd marks what it sends to neighbors (192, or `bgp session-dscp`), and nothing else: neither a
/// BMP station, nor an RPKI cache, nor a vty. The latter might mirror its client's mark.
bool is_bgp(const Connection& connection, const std::set<std::uint16_t>& bgp, std::uint16_t vty) {
  const auto here = connection.here.port();
  return bgp.contains(here) || bgp.contains(connection.there.port()) ||
         (connection.marked && here != vty);
}

/// For peers that have not hung up yet.
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : deadline(executor, patience) {}
  asio::steady_timer deadline;
  std::size_t left = 0;
  bool over = false;
};

}  // namespace

struct BgpSessions::Session {
  Session(const asio::any_io_executor& executor, const Connection& connection)
      : socket(executor), peer(connection.there.address()) {
    // Its hold time is over, most likely, and it keeps what it has heard.
    if (!connection.stands) failed = "the peer had hung up before";
  }
  tcp::socket socket;
  asio::ip::address peer;
  std::string failed;  ///< to be notified: why
  bool hung_up = false;

  static asio::awaitable<void> read_to_end(std::shared_ptr<Session> session,
                                           std::shared_ptr<Waiting> waiting) {
    std::array<char, 4096> unread{};
    error_code failed;
    while (!failed && !waiting->over) {
      // Not `auto [failed, size] =`: what the peer had sent is of no interest.
      std::tie(failed, std::ignore) =
          co_await session->socket.async_read_some(asio::buffer(unread), as_result);
    }
    if (waiting->over) co_return;
    session->hung_up = true;
    if (--waiting->left == 0) waiting->deadline.cancel();
  }
};

BgpSessions::BgpSessions(asio::any_io_executor executor, pid_t pid,
                         const files::FileDescriptor& pidfd)
    : executor_(std::move(executor)) {
  const auto all = sockets_of(pid);
  if (!all) {
    problem_ = refused(all.error());
    return;
  }
  const auto words = command_line(pid);
  const auto ports = bgp_ports(words);
  const auto vty = number(option_of(words, 'P', "vty_port")).value_or(usual_vty_port);
  for (const int one : *all) {
    files::FileDescriptor copy(
        static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.number(), one, 0U)));
    if (!copy) {
      if (errno == EBADF || errno == ESRCH) continue;
      problem_ = refused(errno);
      return;
    }
    const auto connection = connection_of(copy.number());
    if (!connection || !is_bgp(*connection, ports, vty)) continue;
    auto session = std::make_shared<Session>(executor_, *connection);
    error_code failed;
    session->socket.assign(connection->here.protocol(), copy.number(), failed);
    if (failed) {
      problem_ = failed.message();
      continue;
    }
    copy.release();
    sessions_.push_back(std::move(session));
  }
}

std::size_t BgpSessions::count() const {
  const auto stands = [](const auto& session) { return session->failed.empty(); };
  return static_cast<std::size_t>(std::ranges::count_if(sessions_, stands));
}

void BgpSessions::notify() {
  for (const auto& session : sessions_) {
    if (!session->failed.empty()) continue;
    const int socket = session->socket.native_handle();
    // Else a small segment waits for the answer to the one before it.
    const int at_once = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    const auto sent =
        ::send(socket, hard_reset().data(), hard_reset().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(hard_reset().size())) {
      session->failed = sent < 0 ? core::errno_text(errno) : "no room";
    }
    ::shutdown(socket, SHUT_WR);
  }
}

// Each for itself: a peer that does not hang up must not keep those behind it from being heard.
asio::awaitable<core::SessionsEnded> BgpSessions::ended() {
  const auto waiting = std::make_shared<Waiting>(executor_);
  for (const auto& session : sessions_) {
    if (!session->failed.empty()) continue;
    ++waiting->left;
    asio::co_spawn(executor_, Session::read_to_end(session, waiting), asio::detached);
  }
  // Cancelled when nobody is left.
  if (waiting->left > 0) {
    static_cast<void>(co_await waiting->deadline.async_wait(as_result));
  }
  waiting->over = true;

  core::SessionsEnded result{.problem = problem_};
  for (const auto& session : sessions_) {
    error_code ignored;
    session->socket.cancel(ignored);
    if (session->hung_up) {
      ++result.ended;
      continue;
    }
    if (!session->peer.is_unspecified()) result.left.push_back(session->peer.to_string());
    if (result.problem.empty()) {
      result.problem = session->failed.empty()
                           ? "not acknowledged within " + core::describe(patience)
                           : session->failed;
    }
  }
  co_return result;
}

std::set<std::uint16_t> bgp_ports(const std::vector<std::string>& words) {
  std::set<std::uint16_t> ports{usual_port};
  if (const auto port = number(option_of(words, 'p', "bgp_port"))) ports.insert(*port);
  return ports;
}

std::string_view hard_reset() {
  using namespace std::string_view_literals;
  return "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"  // the marker
         "\x00\x17"                                                          // 23 bytes
         "\x03"                                                              // NOTIFICATION
         "\x06\x09"                                                          // Cease, Hard Reset
         "\x06\x02"sv;  // for a Cease, Administrative Shutdown
}

}  // namespace withdrawd::process
