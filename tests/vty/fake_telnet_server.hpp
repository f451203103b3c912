#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "fake_telnet_vty.hpp"

namespace withdrawd::test {

/// A vty port on 127.0.0.1, with a fake bgpd of its own for each connection.
class FakeTelnetServer {
 public:
  /// How the next connections are treated; lengths in bytes of what the vty says.
  struct Treatment {
    std::size_t piece = std::string::npos;  ///< so many bytes a write
    std::size_t hang_up_after = std::string::npos;
    std::size_t freeze_after = std::string::npos;
    std::string hang_up_at;  ///< hang up instead of answering this line
  };

  using MakeVty = std::function<std::shared_ptr<FakeTelnetVty>()>;

  FakeTelnetServer(boost::asio::io_context& loop, MakeVty make);
  ~FakeTelnetServer();
  FakeTelnetServer(const FakeTelnetServer&) = delete;
  FakeTelnetServer& operator=(const FakeTelnetServer&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const { return connections_; }

  /// Says something to every client, and hangs up.
  void hang_up(const std::string& last_words = "");

  /// No more listening, and the end of every connection: bgpd has died.
  void die();

  Treatment treatment;

 private:
  struct Client;
  void accept();
  void read(std::shared_ptr<Client> client);
  void say(std::shared_ptr<Client> client, std::string text);

  MakeVty make_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::list<std::weak_ptr<Client>> clients_;
  std::size_t connections_ = 0;
};

}  // namespace withdrawd::test
