#include "process/bgp_sessions.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

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
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

std::string refused(int error) {
  return std::generic_category().message(error) +
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

struct Ends {
  tcp::endpoint here, there;
};

/// None: it is no TCP connection.
std::optional<Ends> ends_of(int socket) {
  int type = 0;
  int protocol = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
      ::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0 ||
      protocol != IPPROTO_TCP) {
    return std::nullopt;
  }
  Ends ends;
  socklen_t length = static_cast<socklen_t>(ends.here.capacity());
  if (::getsockname(socket, ends.here.data(), &length) != 0) return std::nullopt;
  length = static_cast<socklen_t>(ends.there.capacity());
  if (::getpeername(socket, ends.there.data(), &length) != 0) return std::nullopt;
  return ends;
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
  Session(const asio::any_io_executor& executor, tcp::endpoint far)
      : socket(executor), peer(std::move(far)) {}
  tcp::socket socket;
  tcp::endpoint peer;
  std::string failed;  ///< to be notified: why
  bool hung_up = false;

  static asio::awaitable<void> read_to_end(std::shared_ptr<Session> session,
                                           std::shared_ptr<Waiting> waiting) {
    std::array<char, 4096> unread{};
    error_code failed;
    while (!failed && !waiting->over) {
      // Not `auto [failed, size] =`: what the peer had sent is of no interest.
      std::tie(failed, std::ignore) = co_await session->socket.async_read_some(
          asio::buffer(unread), asio::as_tuple(asio::use_awaitable));
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
  const auto ports = bgp_ports(command_line(pid));
  for (const int one : *all) {
    files::FileDescriptor copy(
        static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.number(), one, 0U)));
    if (!copy) {
      if (errno == EBADF || errno == ESRCH) continue;
      problem_ = refused(errno);
      return;
    }
    const auto ends = ends_of(copy.number());
    if (!ends || (!ports.contains(ends->here.port()) && !ports.contains(ends->there.port()))) {
      continue;
    }
    auto session = std::make_shared<Session>(executor_, ends->there);
    error_code failed;
    session->socket.assign(ends->here.protocol(), copy.number(), failed);
    if (failed) {
      problem_ = failed.message();
      continue;
    }
    copy.release();
    sessions_.push_back(std::move(session));
  }
}

void BgpSessions::notify() {
  for (const auto& session : sessions_) {
    const int socket = session->socket.native_handle();
    // Else a small segment waits for the answer to the one before it.
    const int at_once = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    const auto sent =
        ::send(socket, hard_reset().data(), hard_reset().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(hard_reset().size())) {
      session->failed = sent < 0 ? std::generic_category().message(errno) : "no room";
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
    static_cast<void>(co_await waiting->deadline.async_wait(asio::as_tuple(asio::use_awaitable)));
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
    result.left.push_back(session->peer.address().to_string());
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
