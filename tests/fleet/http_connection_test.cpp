#include "fleet/http_connection.hpp"

#include <doctest/doctest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

using namespace withdrawd;
using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::ip::tcp;
using fleet::HttpAnswer;
using fleet::HttpConnection;

namespace {

/// Answers whoever connects with `bytes` of a body.
class BulkyServer {
 public:
  explicit BulkyServer(std::size_t bytes)
      : acceptor_(io_, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        thread_([this, bytes] { serve(bytes); }) {}
  ~BulkyServer() { thread_.join(); }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::size_t sent() {
    thread_.join();
    thread_ = std::thread([] {});
    return sent_;
  }

 private:
  void serve(std::size_t bytes) {
    auto socket = acceptor_.accept();
    std::string request(64, ' ');
    socket.read_some(boost::asio::buffer(request));
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    boost::system::error_code failed;
    boost::asio::write(socket, boost::asio::buffer(head), failed);
    const std::string chunk = "4000\r\n" + std::string(0x4000, ' ') + "\r\n";
    for (; sent_ < bytes && !failed; sent_ += 0x4000) {
      boost::asio::write(socket, boost::asio::buffer(chunk), failed);
    }
    boost::asio::write(socket, boost::asio::buffer(std::string("0\r\n\r\n")), failed);
  }

  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::size_t sent_ = 0;
  std::thread thread_;
};

core::Result<HttpAnswer> ask(std::uint16_t port, std::size_t longest) {
  boost::asio::io_context context;
  HttpConnection connection(context.get_executor(), {.host = "127.0.0.1", .port = port}, nullptr);
  std::optional<core::Result<HttpAnswer>> answer;
  boost::asio::co_spawn(
      context,
      [&]() -> awaitable<void> {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        const auto connected = co_await connection.connect(deadline);
        REQUIRE(connected);
        answer = co_await connection.post("/v3/kv/range", "{}", "", longest, deadline);
      },
      [](const std::exception_ptr& thrown) { CHECK_FALSE(thrown); });
  context.run();
  connection.close();
  return *answer;
}

}  // namespace

TEST_CASE("an answer as long as may be is read, a longer one is none and not read to its end") {
  {
    BulkyServer server(0x10000);
    const auto answer = ask(server.port(), 0x10000);
    REQUIRE(answer);
    CHECK(answer->body.size() == 0x10000);
  }
  BulkyServer server(60'000'000);
  const auto answer = ask(server.port(), 0x10000);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().text().find("its answer is too large") != std::string::npos);
  CHECK(server.sent() < 30'000'000);
}

TEST_CASE("a connection that ends while its name is looked up leaves nothing that still happens") {
  // ASan and Valgrind see what happens to it all the same.
  for (const auto patience : {0ms, 1ms, 5ms}) {
    boost::asio::io_context context;
    auto connection = std::make_unique<HttpConnection>(
        context.get_executor(),
        core::FleetAccess::Endpoint{.host = "etcd.withdrawd.invalid", .port = 1}, nullptr);
    boost::asio::co_spawn(
        context,
        [&]() -> awaitable<void> {
          const auto deadline = std::chrono::steady_clock::now() + patience;
          const auto connected = co_await connection->connect(deadline);
          CHECK_FALSE(connected);
          connection.reset();
        },
        [](const std::exception_ptr& thrown) { CHECK_FALSE(thrown); });
    context.poll_one();
    std::this_thread::sleep_for(3ms);
    context.run();
  }
}
