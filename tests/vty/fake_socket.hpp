#pragma once

#include <unistd.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace withdrawd::test {

/// Text as bgpd's socket frames it.
inline std::string framed(std::string_view text, int status = 0) {
  return std::string(text) + std::string(3, '\0') + static_cast<char>(status);
}

/// A bgpd.vty that answers as it is told, on the test's own event loop.
class FakeSocket {
 public:
  struct Behaviour {
    /// The bytes for one command. None: hang up instead.
    std::function<std::optional<std::string>(const std::string& command)> answer;
    bool byte_by_byte = false;
    bool drops_ahead = false;  ///< what comes with a command, or before its answer, is lost
  };

  FakeSocket(const boost::asio::any_io_executor& executor, std::string path, Behaviour behaviour)
      : acceptor_(executor, boost::asio::local::stream_protocol::endpoint(path)),
        path_(std::move(path)),
        shared_(std::make_shared<Shared>(std::move(behaviour))) {
    boost::asio::co_spawn(executor, accept(this), boost::asio::detached);
  }
  ~FakeSocket() { ::unlink(path_.c_str()); }
  FakeSocket(const FakeSocket&) = delete;
  FakeSocket& operator=(const FakeSocket&) = delete;

  const std::vector<std::string>& commands() const { return shared_->commands; }
  int connections() const { return shared_->connections; }

  /// bgpd dies: every connection ends and nobody listens any more.
  void die() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    hang_up();
  }
  void hang_up() {
    boost::system::error_code ignored;
    for (auto& socket : shared_->sockets) socket->close(ignored);
    shared_->sockets.clear();
  }

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  /// What the sessions hold on to, also when the server has gone.
  struct Shared {
    explicit Shared(Behaviour how) : behaviour(std::move(how)) {}
    Behaviour behaviour;
    std::vector<std::string> commands;
    std::vector<std::shared_ptr<Socket>> sockets;
    int connections = 0;
  };
  static constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

  static boost::asio::awaitable<void> accept(FakeSocket* self) {
    const auto shared = self->shared_;
    while (true) {
      auto [failed, socket] = co_await self->acceptor_.async_accept(as_result);
      if (failed) co_return;
      ++shared->connections;
      auto kept = std::make_shared<Socket>(std::move(socket));
      shared->sockets.push_back(kept);
      boost::asio::co_spawn(kept->get_executor(), serve(kept, shared), boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> serve(std::shared_ptr<Socket> socket,
                                            std::shared_ptr<Shared> shared) {
    std::string pending;
    std::vector<char> buffer(512);  // as bgpd reads
    while (true) {
      auto [failed, count] =
          co_await socket->async_read_some(boost::asio::buffer(buffer), as_result);
      if (failed) co_return;
      pending.append(buffer.data(), count);
      for (std::size_t end; (end = pending.find('\0')) != pending.npos;) {
        const auto command = pending.substr(0, end);
        pending.erase(0, shared->behaviour.drops_ahead ? pending.npos : end + 1);
        shared->commands.push_back(command);
        const auto bytes = shared->behaviour.answer(command);
        if (!bytes) {
          boost::system::error_code ignored;
          socket->close(ignored);
          co_return;
        }
        const std::size_t piece = shared->behaviour.byte_by_byte ? 1 : bytes->size();
        for (std::size_t at = 0; at < bytes->size(); at += piece) {
          auto part = boost::asio::buffer(bytes->data() + at, piece);
          auto [broken, written] = co_await boost::asio::async_write(*socket, part, as_result);
          if (broken) co_return;
          // Let the reader see the piece alone.
          if (shared->behaviour.byte_by_byte) {
            co_await boost::asio::post(boost::asio::use_awaitable);
          }
        }
      }
    }
  }

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace withdrawd::test
