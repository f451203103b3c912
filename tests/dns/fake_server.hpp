#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "reply.hpp"

namespace withdrawd::dns {

inline std::uint16_t id_of(const Bytes& message) {
  return static_cast<std::uint16_t>(message.at(0) << 8 | message.at(1));
}

inline core::Endpoint endpoint(const auto& asio_endpoint) {
  return {core::Address::parse(asio_endpoint.address().to_string()).value(), asio_endpoint.port()};
}

/// A UDP server, on a port of the kernel's choice unless told otherwise, that keeps what it is
/// asked and does with it what the test says.
class FakeServer {
 public:
  using Client = boost::asio::ip::udp::endpoint;

  struct Query {
    Bytes bytes;
    Client client;
    std::uint16_t id() const { return id_of(bytes); }
  };

  explicit FakeServer(boost::asio::io_context& context, const std::string& address = "127.0.0.1",
                      std::uint16_t port = 0)
      : socket_(context, {boost::asio::ip::make_address(address), port}) {
    receive();
  }

  /// Called for each query that comes in.
  std::function<void(const Query&)> on_query = [](const Query&) {};

  void send(const Client& client, const Bytes& message) {
    socket_.send_to(boost::asio::buffer(message), client);
  }

  core::Endpoint address() const { return endpoint(socket_.local_endpoint()); }
  const std::vector<Query>& queries() const { return queries_; }

 private:
  void receive() {
    socket_.async_receive_from(boost::asio::buffer(buffer_), client_,
                               [this](boost::system::error_code failure, std::size_t size) {
                                 if (failure) return;
                                 const auto* data = buffer_.data();
                                 const Query query{Bytes(data, data + size), client_};
                                 queries_.push_back(query);
                                 on_query(query);
                                 receive();
                               });
  }

  boost::asio::ip::udp::socket socket_;
  Client client_;
  std::array<std::uint8_t, 2048> buffer_{};
  std::vector<Query> queries_;
};

/// A TCP server, likewise: each connection is served by the test's coroutine, which gets the query
/// that came in over it, and is closed when that ends.
class FakeTcpServer {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Serve = std::function<boost::asio::awaitable<void>(Socket&, Bytes query)>;

  FakeTcpServer(boost::asio::io_context& context, Serve serve)
      : acceptor_(context, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        serve_(std::move(serve)) {
    boost::asio::co_spawn(context, accept(), boost::asio::detached);
  }

  core::Endpoint address() const { return endpoint(acceptor_.local_endpoint()); }
  const std::vector<Bytes>& queries() const { return queries_; }

 private:
  boost::asio::awaitable<void> accept() {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      boost::asio::co_spawn(acceptor_.get_executor(), serve_one(std::move(socket)),
                            boost::asio::detached);
    }
  }

  boost::asio::awaitable<void> serve_one(Socket socket) {
    std::array<std::uint8_t, 2> length{};
    co_await boost::asio::async_read(socket, boost::asio::buffer(length),
                                     boost::asio::use_awaitable);
    Bytes query(static_cast<std::size_t>(length[0] << 8 | length[1]));
    co_await boost::asio::async_read(socket, boost::asio::buffer(query),
                                     boost::asio::use_awaitable);
    queries_.push_back(query);
    auto served = serve_(socket, std::move(query));
    co_await std::move(served);
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  Serve serve_;
  std::vector<Bytes> queries_;
};

/// With its length before it, as messages go over TCP.
inline Bytes framed(const Bytes& message) {
  Bytes bytes{static_cast<std::uint8_t>(message.size() >> 8),
              static_cast<std::uint8_t>(message.size() & 0xff)};
  bytes.insert(bytes.end(), message.begin(), message.end());
  return bytes;
}

}  // namespace withdrawd::dns
