#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <vector>

#include "core/address.hpp"

namespace withdrawd::dns {

/// UDP sockets that have done their part in a question, for the next one: making one, and telling
/// epoll of it, takes a third of what a question costs. What is taken from here has no port and no
/// peer, so that connecting gives it a port of the kernel's choice, as if it were new; and nothing
/// of an earlier question is left in it. One pool for each event loop, which closes it.
class SocketPool : public boost::asio::execution_context::service {
 public:
  using key_type = SocketPool;
  static inline boost::asio::execution_context::id id;

  explicit SocketPool(boost::asio::execution_context& context) : service(context) {}
  static SocketPool& of(const boost::asio::any_io_executor& executor);

  /// None: there is none at hand.
  std::optional<boost::asio::ip::udp::socket> take(core::Family family);
  /// One that was connected, and neither bound by hand nor filtered, and on which nothing is
  /// awaited any more. Closed if it cannot be used again.
  void keep(boost::asio::ip::udp::socket socket, core::Family family);

 private:
  using Sockets = std::vector<boost::asio::ip::udp::socket>;
  Sockets& sockets(core::Family family) { return family == core::Family::ipv4 ? v4_ : v6_; }
  void shutdown() override;

  Sockets v4_, v6_;
};

}  // namespace withdrawd::dns
