#pragma once

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "vty/bgpd.hpp"
#include "vty/time_limit.hpp"

namespace withdrawd::vty {

/// What bgpd said to one command.
struct Reply {
  std::string text;  ///< lines end with LF alone; no echo, no prompt
  /// The socket's status byte (0 success, 1 warning, 2 unknown command, 13 configuration failed).
  /// Over telnet, which has none: 0 unless the text says otherwise.
  int status = 0;
  std::string command = {};  ///< what it answers; may be empty where the transport cannot tell

  /// Said without any objection?
  bool mere_success() const { return status == 0 && text.empty(); }
};

inline std::unexpected<Failure> failure(core::Trouble trouble, std::string tried,
                                        std::string happened, std::string advice = "") {
  return std::unexpected(
      Failure{trouble, {std::move(tried), std::move(happened), std::move(advice)}});
}

inline std::string quoted(const std::string& command) {
  return "ask \"" + command + "\"";
}

/// That of a running configuration of which ConfigSqueeze keeps more than it may.
Failure too_long_config();

/// One way into bgpd. Keeps its connection open between calls where it has one; connects when
/// asked to do something and there is none. One call at a time. After a failed call the next one
/// starts afresh.
class Transport {
 public:
  virtual ~Transport() = default;

  /// "socket /run/frr/bgpd.vty", "vtysh", "telnet 127.0.0.1:2605"
  virtual std::string text() const = 0;

  /// Runs show commands; one reply each, in order.
  virtual boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show(
      std::vector<std::string> commands) = 0;

  /// The same, of which the first asks for the running configuration: of that answer only what
  /// ConfigSqueeze keeps. Where the transport can, it is squeezed as it comes; else here, a little
  /// at a time.
  virtual boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show_config(
      std::vector<std::string> commands);

  /// Types configuration lines, from "configure terminal" to "end", written ahead of the answers
  /// where the transport can. Gives what bgpd answered that was not mere success (a refused
  /// statement is no failure here: reading back decides); fails with `locked` if another session
  /// holds the configuration lock, and with `unreachable` or `silent` if bgpd could not be talked
  /// to.
  virtual boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> configure(
      std::vector<std::string> lines) = 0;

  /// Drops the connection.
  virtual void close() = 0;

  /// For all that is asked until it is started again. Whatever passes it ends as `silent`.
  TimeLimit limit;
};

}  // namespace withdrawd::vty
