#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "vty/transport.hpp"

namespace withdrawd::vty {

/// Where bgpd's own socket may be: the configured place, or every one there is by default.
std::vector<std::string> socket_places(const core::BgpdAccess& access);

/// Those that lead to the bgpd that the transports talk to: none where only telnet is used, and no
/// socket is named.
std::vector<std::filesystem::path> talking_sockets(const core::BgpdAccess& access);

/// vtysh's own socket, `bgpd.vty`, in one of socket_places(), or where none of them exists at the
/// only one that listens in this network namespace: kept open, with a watch on it while nothing is
/// asked, so that the end of bgpd is known at once. Commands are written ahead of their answers,
/// until bgpd falls silent amid such commands: FRR's sources (lib/vty.c) allow a daemon to drop
/// them. Then each answer is waited for, until that does not help either.
class SocketTransport : public Transport {
 public:
  SocketTransport(boost::asio::any_io_executor executor, const core::BgpdAccess& access,
                  std::function<void()> connection_lost);
  ~SocketTransport() override;
  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;

  std::string text() const override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show(
      std::vector<std::string> commands) override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show_config(
      std::vector<std::string> commands) override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> configure(
      std::vector<std::string> lines) override;
  void close() override;

 private:
  struct Connection;
  using Replies = std::expected<std::vector<Reply>, Failure>;

  enum class First : bool { whole, squeezed };
  boost::asio::awaitable<Replies> ask(std::vector<std::string> commands,
                                      First first = First::whole);
  boost::asio::awaitable<Replies> exchange(std::shared_ptr<Connection> connection,
                                           std::vector<std::string> commands, First first);
  std::unexpected<Failure> silent(const std::string& command, bool others_answered = false);
  static std::unexpected<Failure> hung_up(Connection& connection, const std::string& command,
                                          const boost::system::error_code& error);
  boost::asio::awaitable<std::expected<void, Failure>> connect();
  boost::asio::awaitable<std::expected<void, Failure>> connect_to(std::string path);

  boost::asio::any_io_executor executor_;
  core::BgpdAccess access_;
  std::function<void()> connection_lost_;
  std::string path_;  ///< the one connected last
  std::shared_ptr<Connection> connection_;
  bool waits_for_each_ = false;  ///< commands written ahead of an answer seem to get lost
};

}  // namespace withdrawd::vty
