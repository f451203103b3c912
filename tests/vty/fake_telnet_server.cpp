#include "fake_telnet_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/write.hpp>

namespace withdrawd::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct FakeTelnetServer::Client {
  Client(tcp::socket connection, std::shared_ptr<FakeTelnetVty> fake, Treatment how)
      : socket(std::move(connection)), vty(std::move(fake)), treatment(std::move(how)) {}

  tcp::socket socket;
  std::shared_ptr<FakeTelnetVty> vty;
  Treatment treatment;
  std::array<char, 4096> buffer{};
  std::string typed;
  std::size_t said = 0;
};

FakeTelnetServer::FakeTelnetServer(asio::io_context& loop, MakeVty make)
    : make_(std::move(make)), acceptor_(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  accept();
}

FakeTelnetServer::~FakeTelnetServer() {
  die();
}

std::uint16_t FakeTelnetServer::port() const {
  return acceptor_.local_endpoint().port();
}

void FakeTelnetServer::accept() {
  acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
    if (failed) return;
    ++connections_;
    socket.set_option(tcp::no_delay(true));
    auto client = std::make_shared<Client>(std::move(socket), make_(), treatment);
    clients_.push_back(client);
    say(client, client->vty->greeting());
    read(std::move(client));
    accept();
  });
}

void FakeTelnetServer::read(std::shared_ptr<Client> client) {
  auto& from = *client;
  from.socket.async_read_some(
      asio::buffer(from.buffer),
      [this, client = std::move(client)](error_code failed, std::size_t count) mutable {
        if (failed || !client->socket.is_open()) return;
        client->typed.append(client->buffer.data(), count);
        for (auto end = client->typed.find('\n'); end != std::string::npos;
             end = client->typed.find('\n')) {
          const auto line = client->typed.substr(0, end);
          client->typed.erase(0, end + 1);
          if (!client->treatment.hang_up_at.empty() && line == client->treatment.hang_up_at) {
            client->socket.close();
            return;
          }
          say(client, client->vty->answer(line));
          if (!client->socket.is_open()) return;
        }
        read(std::move(client));
      });
}

/// The client is on the same loop, so its socket's buffer has to hold what is said; it does.
void FakeTelnetServer::say(std::shared_ptr<Client> client, std::string text) {
  const auto& how = client->treatment;
  const auto end = std::min(how.hang_up_after, how.freeze_after);
  const auto rest = end - std::min(client->said, end);
  const bool last = text.size() >= rest;
  if (last) text.resize(rest);
  client->said += text.size();
  error_code failed;
  for (std::size_t at = 0; at < text.size() && !failed;
       at += std::min(how.piece, text.size() - at)) {
    asio::write(client->socket,
                asio::buffer(text.data() + at, std::min(how.piece, text.size() - at)), failed);
  }
  if ((last && how.hang_up_after == end && end != std::string::npos) || client->vty->hangs_up()) {
    client->socket.close(failed);
  }
}

void FakeTelnetServer::hang_up(const std::string& last_words) {
  for (const auto& weak : clients_) {
    const auto client = weak.lock();
    if (!client || !client->socket.is_open()) continue;
    error_code failed;
    asio::write(client->socket, asio::buffer(last_words), failed);
    client->socket.close(failed);
  }
  clients_.clear();
}

void FakeTelnetServer::die() {
  error_code failed;
  acceptor_.close(failed);
  hang_up();
}

}  // namespace withdrawd::test
