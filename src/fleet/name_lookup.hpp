#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <expected>
#include <string>
#include <vector>

#include "core/time.hpp"

namespace withdrawd::fleet {

/// Looks up the addresses of a host's name as all of the host does: getaddrinfo, with
/// nsswitch.conf, /etc/hosts and what else the operator has. That blocks for as long as name
/// servers are silent (half a minute), so it is done by a thread for which nobody ever waits, not
/// even the end of the process: it has a copy of the name, writes what it finds into its end of a
/// socket, and touches nothing else.
class NameLookup {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  explicit NameLookup(const boost::asio::any_io_executor& executor);

  /// At least one address; an error: why there is none, printable. Ends by the deadline.
  boost::asio::awaitable<std::expected<Addresses, std::string>> look_up(std::string name,
                                                                        core::Time deadline);
  /// Ends it at once, with an error.
  void cancel();

 private:
  boost::asio::local::stream_protocol::socket answers_;
};

}  // namespace withdrawd::fleet
