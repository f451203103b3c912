#include "daemon/http_server.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "scratch.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using config::HttpAddress;
using daemon::HttpLimits;
using daemon::HttpRequest;
using daemon::HttpResponse;
using daemon::HttpServer;
using daemon::testing::ScratchDirectory;

namespace {

/// A server that runs beside the test.
class RunningServer {
 public:
  explicit RunningServer(HttpLimits limits = {}) {
    routes_.add("/", [](const HttpRequest&) { return HttpResponse{.body = "hello\n"}; });
    routes_.add("/page", [](const HttpRequest&) {
      return HttpResponse{.type = "text/html",
                          .body = "<p>",
                          .headers = {{"Content-Security-Policy", "default-src 'self'"}}};
    });
    routes_.add("/large", [](const HttpRequest&) {
      return HttpResponse{.body = std::string(20'000'000, 'x')};
    });
    server_ = std::make_unique<HttpServer>(
        io_.get_executor(), routes_,
        [this](core::Severity, const std::string& text) {
          const std::scoped_lock lock(mutex_);
          told_.push_back(text);
        },
        limits);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() {
    on_loop([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  /// On the server's own thread, and waits for it.
  template <class Act>
  void on_loop(Act act) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      act();
      done.set_value();
    });
    done.get_future().wait();
  }

  void use(std::vector<HttpAddress> listen, std::vector<std::string> hosts = {}) {
    on_loop([&] { server_->use({.listen = listen, .allow_remote = false, .hosts = hosts}); });
  }
  void publish(const std::string& data) {
    on_loop([&] { server_->publish("change", data); });
  }
  std::size_t listeners() {
    std::size_t count = 0;
    on_loop([&] { count = server_->listeners(); });
    return count;
  }
  std::vector<std::string> told() {
    const std::scoped_lock lock(mutex_);
    return told_;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  daemon::HttpRoutes routes_;
  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::thread thread_;
};

HttpAddress socket_at(const std::filesystem::path& path) {
  return HttpAddress::parse("unix:" + path.string()).value();
}

/// An address of 127.0.0.1 that nobody uses at the moment.
HttpAddress free_address() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(fd);
  return HttpAddress::parse("127.0.0.1:" + std::to_string(ntohs(address.sin_port))).value();
}

/// One connection of a client that speaks as it likes.
class Client {
 public:
  explicit Client(const HttpAddress& to) {
    if (to.socket.empty()) {
      fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(to.endpoint.port);
      connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    } else {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, to.socket.c_str(), sizeof address.sun_path - 1);
      connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// Waits for the other side's end, taking nothing of what it has sent.
  bool is_left() {
    pollfd waiting{fd_, 0, 0};
    return ::poll(&waiting, 1, 20'000) == 1 && (waiting.revents & POLLHUP) != 0;
  }
  /// Until the end of the connection.
  std::string hear_all() { return hear_until(""); }
  /// Until `end` has been heard, or the connection ends; fails after 20 s.
  std::string hear_until(std::string_view end) {
    std::string heard;
    char buffer[65536];
    while (end.empty() || heard.find(end) == std::string::npos) {
      pollfd waiting{fd_, POLLIN, 0};
      REQUIRE(::poll(&waiting, 1, 20'000) == 1);
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(got));
    }
    return heard;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

std::string asked(const HttpAddress& address, std::string_view request) {
  Client client(address);
  REQUIRE(client.connected());
  client.say(request);
  return client.hear_all();
}

std::string got(const HttpAddress& address, const std::string& path,
                const std::string& host = "127.0.0.1") {
  return asked(address, "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Waits for what somebody else's doing brings about.
template <class Holds>
bool soon(Holds holds) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace

TEST_CASE("GET is answered over TCP and over a unix socket, with a length and the end") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto tcp = free_address();
  const auto local = socket_at(scratch / "http.sock");
  server.use({tcp, local});
  for (const auto& address : {tcp, local}) {
    const std::string text = got(address, "/");
    CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(has(text, "\r\nContent-Length: 6\r\n"));
    CHECK(text.ends_with("\r\n\r\nhello\n"));
  }
  CHECK(got(tcp, "/?a=b").ends_with("hello\n"));
  CHECK(asked(tcp, "GET / HTTP/1.0\r\n\r\n").ends_with("hello\n"));
}

TEST_CASE("a body can do nothing in a browser unless its handler says so") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  const std::string plain = got(address, "/");
  CHECK(has(plain, "\r\nContent-Security-Policy: default-src 'none';"));
  CHECK(has(plain, "\r\nX-Content-Type-Options: nosniff\r\n"));
  CHECK(has(plain, "\r\nCache-Control: no-store\r\n"));
  CHECK_FALSE(has(plain, "Access-Control"));
  const std::string page = got(address, "/page");
  CHECK(has(page, "\r\nContent-Security-Policy: default-src 'self'\r\n"));
  CHECK_FALSE(has(page, "default-src 'none'"));
  CHECK(has(page, "\r\nContent-Type: text/html\r\n"));
}

TEST_CASE("HEAD gives the header of GET alone; other methods are told which will do") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  const std::string head = asked(address, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(head, "Content-Length: 6\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE"}) {
    const std::string refused = asked(
        address, std::string(method) + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(refused.starts_with("HTTP/1.1 405 "));
    CHECK(has(refused, "\r\nAllow: GET, HEAD\r\n"));
  }
}

TEST_CASE("what is no request, or too large for one, is refused") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  CHECK(asked(address, "what is announced?\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(asked(address, "GET / HTTP/9.9\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(asked(address, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(asked(address, "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n")
            .starts_with("HTTP/1.1 431 "));
  CHECK(asked(address, "GET /" + std::string(100'000, 'x')).starts_with("HTTP/1.1 431 "));
  CHECK(asked(address, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 "));
}

TEST_CASE("a name that the host is not known by gets no answer, lest a web site reads it") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto tcp = free_address();
  const auto local = socket_at(scratch / "http.sock");
  server.use({tcp, local}, {"noc.example.net"});
  const std::string refused = got(tcp, "/", "evil.example");
  CHECK(refused.starts_with("HTTP/1.1 421 "));
  CHECK_FALSE(has(refused, "hello"));
  CHECK(has(refused, "`hosts`"));
  CHECK(got(tcp, "/", "noc.example.net:9853").ends_with("hello\n"));
  CHECK(got(tcp, "/", "localhost").ends_with("hello\n"));
  CHECK(got(tcp, "/events", "evil.example").starts_with("HTTP/1.1 421 "));
  CHECK(got(local, "/", "anything").ends_with("hello\n"));
}

TEST_CASE("who is slow to ask or to take the answer is left, and keeps nobody else waiting") {
  const ScratchDirectory scratch;
  HttpLimits limits;
  limits.to_ask = limits.to_take = 50ms;
  RunningServer server(limits);
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  Client silent(address), dawdler(address), deaf(address);
  dawdler.say("GET / HT");
  deaf.say("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(got(address, "/").ends_with("hello\n"));
  CHECK(silent.hear_all().empty());
  CHECK(dawdler.hear_all().empty());
  // What was on its way is heard; the rest never comes.
  REQUIRE(deaf.is_left());
  CHECK(deaf.hear_all().size() < 20'000'000);
}

TEST_CASE("where too many are connected, the one that has been there longest makes room") {
  const ScratchDirectory scratch;
  HttpLimits limits;
  limits.connections = 4;
  RunningServer server(limits);
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(std::make_unique<Client>(address));
  CHECK(got(address, "/").ends_with("hello\n"));
  CHECK(idle.front()->hear_all().empty());
  idle.back()->say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(idle.back()->hear_all().ends_with("hello\n"));
}

TEST_CASE(
    "an address that stays is kept by a reload, one that goes is let go, one that comes works") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto stays = socket_at(scratch / "stays.sock");
  const auto goes = socket_at(scratch / "goes.sock");
  const auto comes = free_address();
  server.use({stays, goes});
  Client early(stays);
  early.say("GET / HTTP/1.1\r\n");
  server.use({stays, comes});
  early.say("Host: a\r\n\r\n");
  CHECK(early.hear_all().ends_with("hello\n"));
  CHECK(got(stays, "/").ends_with("hello\n"));
  CHECK(got(comes, "/").ends_with("hello\n"));
  CHECK_FALSE(std::filesystem::exists(goes.socket));
  server.use({});
  CHECK_FALSE(Client(comes).connected());
  CHECK(server.told().empty());
}

TEST_CASE("an address that cannot be had is told with advice, and had once it is free") {
  const ScratchDirectory scratch;
  HttpLimits limits;
  limits.to_listen_again = 10ms;
  RunningServer server(limits);
  const auto address = free_address();
  const auto other = socket_at(scratch / "http.sock");
  {
    RunningServer before;
    before.use({address});
    server.use({address, other});
    REQUIRE(server.told().size() == 1);
    CHECK(has(server.told()[0], "listen for HTTP on " + address.text()));
    CHECK(has(server.told()[0], "something else listens there"));
    CHECK(got(other, "/").ends_with("hello\n"));
  }
  CHECK(soon([&] { return server.told().size() == 2; }));
  CHECK(has(server.told()[1], "after all"));
  CHECK(got(address, "/").ends_with("hello\n"));
}

TEST_CASE(
    "a unix socket is for its owner and group, takes a dead one's place, and no living one's") {
  const ScratchDirectory scratch;
  const auto address = socket_at(scratch / "http.sock");
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un dead{};
    dead.sun_family = AF_UNIX;
    std::strncpy(dead.sun_path, address.socket.c_str(), sizeof dead.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&dead), sizeof dead) == 0);
    ::close(fd);
  }
  {
    RunningServer server;
    server.use({address});
    struct stat info{};
    REQUIRE(::stat(address.socket.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0660);
    RunningServer rival;
    rival.use({address});
    CHECK(rival.told().size() == 1);
    CHECK(got(address, "/").ends_with("hello\n"));
  }
  CHECK_FALSE(std::filesystem::exists(address.socket));
  daemon::testing::write(address.socket, "precious");
  RunningServer server;
  server.use({address});
  CHECK(server.told().size() == 1);
  CHECK(daemon::testing::read(address.socket) == "precious");
}

TEST_CASE("whoever listens to events hears the last one first, and each that follows") {
  const ScratchDirectory scratch;
  RunningServer server;
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  server.publish("1");
  server.publish("2");
  Client client(address);
  client.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string opening = client.hear_until("data: 2\n\n");
  CHECK(has(opening, "\r\nContent-Type: text/event-stream\r\n"));
  CHECK(has(opening, "event: change\ndata: 2\n\n"));
  CHECK_FALSE(has(opening, "data: 1"));
  server.publish("3");
  CHECK(client.hear_until("data: 3\n\n") == "event: change\ndata: 3\n\n");
  CHECK(server.listeners() == 1);
}

TEST_CASE(
    "a listener that leaves is forgotten; too many are refused; a quiet time has signs of life") {
  const ScratchDirectory scratch;
  HttpLimits limits;
  limits.listeners = 1;
  limits.between_events = 20ms;
  RunningServer server(limits);
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  {
    Client first(address);
    first.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    first.hear_until(": nothing new\n\n");
    CHECK(got(address, "/events").starts_with("HTTP/1.1 503 "));
  }
  CHECK(soon([&] { return server.listeners() == 0; }));
  Client next(address);
  next.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(has(next.hear_until("retry:"), "200 OK"));
}

TEST_CASE("a listener that does not take its events is left") {
  const ScratchDirectory scratch;
  HttpLimits limits;
  limits.to_take = 50ms;
  RunningServer server(limits);
  const auto address = socket_at(scratch / "http.sock");
  server.use({address});
  Client deaf(address);
  deaf.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(soon([&] { return server.listeners() == 1; }));
  server.publish(std::string(20'000'000, 'x'));
  CHECK(soon([&] { return server.listeners() == 0; }));
}
