#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "vty/transport.hpp"

namespace withdrawd::vty {

/// Where bgpd's vty port is: as configured, else 127.0.0.1:2605.
core::Endpoint telnet_endpoint(const core::BgpdAccess& access);

/// bgpd's vty port. Logs in once and keeps the session, with a watch on it while nothing is asked.
/// bgpd hangs up on a session that was idle for its `exec-timeout`: that is no loss, the next call
/// logs in again. The password files are read at each log-in, so a changed password is taken up.
class TelnetTransport : public Transport {
 public:
  TelnetTransport(boost::asio::any_io_executor executor, core::BgpdAccess access,
                  std::function<void()> connection_lost);
  ~TelnetTransport() override;
  TelnetTransport(const TelnetTransport&) = delete;
  TelnetTransport& operator=(const TelnetTransport&) = delete;

  std::string text() const override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show(
      std::vector<std::string> commands) override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> configure(
      std::vector<std::string> lines) override;
  void close() override;

 private:
  class Connection;
  using Replies = std::expected<std::vector<Reply>, Failure>;
  using Done = std::expected<void, Failure>;

  boost::asio::awaitable<Replies> ask(std::vector<std::string> commands);
  boost::asio::awaitable<Replies> exchange(std::shared_ptr<Connection> connection,
                                           std::vector<std::string> commands);
  boost::asio::awaitable<Done> log_in();

  boost::asio::any_io_executor executor_;
  core::BgpdAccess access_;
  core::Endpoint endpoint_;
  std::function<void()> connection_lost_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace withdrawd::vty
