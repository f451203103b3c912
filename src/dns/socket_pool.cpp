#include "dns/socket_pool.hpp"

#include <sys/socket.h>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <cerrno>
#include <utility>

namespace withdrawd::dns {

namespace asio = boost::asio;
using asio::ip::udp;
namespace {

/// So many questions may be out at the same time without a new socket.
constexpr std::size_t most = 64;

/// Connecting to no family at all gives up the peer, and the port with it: udp(7), and the port as
/// long as nobody has bound it by hand.
bool disconnect(int socket) {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  return ::connect(socket, &nobody, sizeof nobody) == 0;
}

/// What has come for the last question: answers, or an error. Nothing can come any more. False if
/// there is no end of it.
bool drain(int socket) {
  constexpr int more_than_a_buffer_holds = 1000;
  for (int i = 0; i < more_than_a_buffer_holds; ++i) {
    char byte;
    const ssize_t size = ::recv(socket, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
  }
  return false;
}

}  // namespace

SocketPool& SocketPool::of(const asio::any_io_executor& executor) {
  return asio::use_service<SocketPool>(asio::query(executor, asio::execution::context));
}

std::optional<udp::socket> SocketPool::take(core::Family family) {
  Sockets& kept = sockets(family);
  if (kept.empty()) return std::nullopt;
  udp::socket socket = std::move(kept.back());
  kept.pop_back();
  return socket;
}

void SocketPool::keep(udp::socket socket, core::Family family) {
  Sockets& kept = sockets(family);
  if (kept.size() >= most) return;
  if (!disconnect(socket.native_handle()) || !drain(socket.native_handle())) return;
  kept.push_back(std::move(socket));
}

void SocketPool::shutdown() {
  v4_.clear();
  v6_.clear();
}

}  // namespace withdrawd::dns
