#include "daemon/http_server.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <system_error>

#include "core/error.hpp"
#include "core/outcome.hpp"
#include "daemon/descriptors.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using boost::system::error_code;
using config::HttpAddress;
using core::Severity;
namespace {

constexpr std::string_view events_path = "/events";
constexpr int backlog = 64;
/// What comes behind a request is read for a moment: closing at once would reset the connection
/// under an answer that is still on its way.
constexpr auto farewell = std::chrono::seconds(1);
constexpr std::size_t longest_farewell = std::size_t{64} * 1024;

struct Connection {
  explicit Connection(Socket accepted)
      : socket(std::move(accepted)), deadline(socket.get_executor()), wake(socket.get_executor()) {}

  Socket socket;
  asio::steady_timer deadline;  ///< then it is closed
  asio::steady_timer wake;      ///< of one that listens to events: cancelled when there is one
  bool listens = false;

  void close() {
    error_code ignored;
    socket.close(ignored);
    deadline.cancel();
    wake.cancel();
  }
};

void close_after(const std::shared_ptr<Connection>& connection, core::Duration time) {
  connection->deadline.expires_after(time);
  connection->deadline.async_wait([weak = std::weak_ptr(connection)](error_code error) {
    const auto alive = weak.lock();
    if (!error && alive) alive->close();
  });
}

HttpResponse refusal(unsigned status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

/// What is wrong with a request that cannot be read; none: there is nobody to tell.
std::optional<HttpResponse> unreadable(error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refusal(431, "The header of the request is too long.");
  }
  if (error == http::error::body_limit) return refusal(413, "A request has no body here.");
  const bool by_parser = error.category() == error_code(http::error::bad_method).category();
  if (!by_parser || error == http::error::end_of_stream || error == http::error::partial_message) {
    return {};
  }
  return refusal(400, "This is not a request of HTTP/1.1: " + error.message() + ".");
}

std::string head_of(const HttpResponse& response, std::optional<std::size_t> length) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n",
                  response.status, std::string_view(reason.data(), reason.size()), response.type,
                  fmt::gmtime(std::chrono::system_clock::now()));
  if (length) head += fmt::format("Content-Length: {}\r\n", *length);
  // Nothing that is answered may do anything in a browser, be framed, or be read by another site.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> defaults{
      {{"Connection", "close"},
       {"Cache-Control", "no-store"},
       {"Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"},
       {"Referrer-Policy", "no-referrer"},
       {"X-Content-Type-Options", "nosniff"},
       {"X-Frame-Options", "DENY"}}};
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", name, value);
  }
  for (const auto& [name, value] : defaults) {
    const bool given =
        std::ranges::any_of(response.headers, [&name](const auto& h) { return h.first == name; });
    if (!given) head += fmt::format("{}: {}\r\n", name, value);
  }
  return head + "\r\n";
}

/// Asked before a file is removed to make room: is somebody there?
bool somebody_listens(const std::filesystem::path& path, const asio::any_io_executor& executor) {
  error_code error;
  asio::local::stream_protocol::socket probe(executor);
  probe.connect(asio::local::stream_protocol::endpoint(path.string()), error);
  return error != asio::error::connection_refused;
}

error_code bind(Acceptor& acceptor, const HttpAddress& address) {
  error_code error;
  if (!address.socket.empty()) {
    std::error_code ignored;
    files::make_folders(address.socket.parent_path());
    if (std::filesystem::is_socket(address.socket, ignored) &&
        !somebody_listens(address.socket, acceptor.get_executor())) {
      std::filesystem::remove(address.socket, ignored);
    }
    const asio::local::stream_protocol::endpoint endpoint(address.socket.string());
    acceptor.open(endpoint.protocol(), error);
    if (error) return error;
    acceptor.bind(endpoint, error);
    // As the control socket: not by umask, and through no link.
    if (!error && ::fchmodat(AT_FDCWD, address.socket.c_str(), 0660, AT_SYMLINK_NOFOLLOW) != 0) {
      error.assign(errno, boost::system::generic_category());
    }
    return error;
  }
  asio::ip::address ip = asio::ip::make_address(address.endpoint.address.text(), error);
  if (error) return error;
  const asio::ip::tcp::endpoint endpoint(ip, address.endpoint.port);
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  // "::" is IPv6 only; who wants both says both.
  if (!error && ip.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  return error;
}

std::string advice_on(error_code error, const HttpAddress& address) {
  if (error == asio::error::address_in_use) {
    return "something else listens there (`ss -ltnpx` tells what); name another in [http]";
  }
  if (error == boost::system::errc::address_not_available) {
    return "no interface has that address yet; name one of this host in [http]";
  }
  if (error == asio::error::access_denied && address.socket.empty()) {
    return "ports under 1024 are root's; name another in [http]";
  }
  if (!address.socket.empty()) return "name a place that withdrawd may write in [http]";
  return "";
}

struct Listener {
  Listener(HttpAddress where, const asio::any_io_executor& executor)
      : address(std::move(where)), acceptor(executor), pause(executor) {}

  HttpAddress address;
  Acceptor acceptor;
  asio::steady_timer pause;  ///< after a failed accept: there may be no descriptors left

  void close() {
    if (!acceptor.is_open()) return;
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    std::error_code also_ignored;
    if (!address.socket.empty()) std::filesystem::remove(address.socket, also_ignored);
  }
};

}  // namespace

struct HttpServer::Inner : std::enable_shared_from_this<Inner> {
  Inner(asio::any_io_executor on, HttpRoutes& all, TellFunction to, HttpLimits bounds)
      : executor(std::move(on)),
        routes(all),
        tell(std::move(to)),
        limits(bounds),
        retry(executor) {}

  asio::any_io_executor executor;
  HttpRoutes& routes;
  TellFunction tell;
  HttpLimits limits;
  config::HttpSettings settings;
  std::optional<gid_t> group;
  std::list<std::shared_ptr<Listener>> listeners;
  std::list<std::shared_ptr<Connection>> connections;  ///< the oldest first
  asio::steady_timer retry;                            ///< for addresses that could not be had
  std::shared_ptr<const std::string> event;
  std::uint64_t event_number = 0;
  bool over = false;

  void listen(bool again);
  void retry_later();
  void share(const HttpAddress& address) const;
  void accept(const std::shared_ptr<Listener>& listener);
  void admit(Socket socket);
  std::size_t count_listeners() const;
  std::shared_ptr<const HttpResponse> answer(const http::request<http::empty_body>& request);

  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<void> respond(std::shared_ptr<Connection> connection,
                                std::shared_ptr<const HttpResponse> response, bool with_body);
  asio::awaitable<void> stream(std::shared_ptr<Connection> connection);
};

void HttpServer::Inner::listen(bool again) {
  bool all = true;
  for (const HttpAddress& address : settings.listen) {
    if (std::ranges::any_of(listeners, [&](const auto& l) { return l->address == address; })) {
      continue;
    }
    auto listener = std::make_shared<Listener>(address, executor);
    error_code error = bind(listener->acceptor, address);
    if (!error) listener->acceptor.listen(backlog, error);
    if (error) {
      all = false;
      if (again) continue;
      tell(Severity::warning, core::Error{"listen for HTTP on " + address.text(), error.message(),
                                          advice_on(error, address)}
                                      .text() +
                                  "; tried again now and then");
      continue;
    }
    if (again) tell(Severity::info, "listens for HTTP on " + address.text() + " after all");
    share(address);
    listeners.push_back(listener);
    accept(listener);
  }
  if (!all) retry_later();
}

void HttpServer::Inner::retry_later() {
  retry.expires_after(limits.to_listen_again);
  retry.async_wait([weak = weak_from_this()](error_code error) {
    const auto inner = weak.lock();
    if (!error && inner && !inner->over) inner->listen(true);
  });
}

void HttpServer::Inner::share(const HttpAddress& address) const {
  // Without the right to, members of that group go without.
  if (group && !address.socket.empty()) {
    [[maybe_unused]] const int given =
        ::lchown(address.socket.c_str(), static_cast<uid_t>(-1), *group);
  }
}

void HttpServer::Inner::accept(const std::shared_ptr<Listener>& listener) {
  listener->acceptor.async_accept(
      [weak = weak_from_this(), listener](error_code error, Socket socket) {
        const auto inner = weak.lock();
        if (!inner || inner->over || error == asio::error::operation_aborted) return;
        if (!error) {
          inner->admit(std::move(socket));
          inner->accept(listener);
          return;
        }
        listener->pause.expires_after(std::chrono::seconds(1));
        listener->pause.async_wait([weak, listener](error_code cancelled) {
          const auto still = weak.lock();
          if (!cancelled && still && !still->over) still->accept(listener);
        });
      });
}

void HttpServer::Inner::admit(Socket socket) {
  const bool reserved = is_reserved(socket.native_handle());
  if (reserved || connections.size() >= limits.connections) {
    // Who asks in earnest is gone within milliseconds, so the oldest is one that dawdles.
    const auto oldest =
        std::ranges::find_if(connections, [](const auto& c) { return !c->listens; });
    if (oldest != connections.end()) {
      (*oldest)->close();
      connections.erase(oldest);
    } else if (reserved) {
      return;
    }
  }
  auto connection = std::make_shared<Connection>(std::move(socket));
  connections.push_back(connection);
  asio::co_spawn(executor, serve(connection),
                 [inner = shared_from_this(), connection](const std::exception_ptr&) {
                   connection->close();
                   inner->connections.remove(connection);
                 });
}

std::size_t HttpServer::Inner::count_listeners() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(connections, [](const auto& c) { return c->listens; }));
}

std::shared_ptr<const HttpResponse> HttpServer::Inner::answer(
    const http::request<http::empty_body>& request) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    auto response = refusal(405, "Here one can only look: GET and HEAD.");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return std::make_shared<const HttpResponse>(std::move(response));
  }
  const auto target = request.target();
  const std::string_view text(target.data(), target.size());
  if (!text.starts_with('/')) {
    return std::make_shared<const HttpResponse>(refusal(400, "What is asked for is no path."));
  }
  const auto question = text.find('?');
  HttpRequest asked{std::string(text.substr(0, question)),
                    question == text.npos ? "" : std::string(text.substr(question + 1))};
  return routes.answer(asked, std::chrono::steady_clock::now());
}

asio::awaitable<void> HttpServer::Inner::serve(std::shared_ptr<Connection> connection) {
  const auto self = shared_from_this();
  error_code error;
  const bool local = connection->socket.local_endpoint(error).protocol().family() == AF_UNIX;
  boost::beast::flat_buffer buffer(limits.header + 1024);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header));
  close_after(connection, limits.to_ask);
  co_await http::async_read_header(connection->socket, buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (over) co_return;
  if (error) {
    auto response = unreadable(error);
    if (!response) co_return;
    co_await respond(connection, std::make_shared<const HttpResponse>(*std::move(response)), true);
    co_return;
  }
  const auto& request = parser.get();
  const auto host = request[http::field::host];
  const bool with_body = request.method() != http::verb::head;
  // No name leads to a unix socket, so none can lie about it.
  if (!local && !is_known_host({host.data(), host.size()}, settings.hosts)) {
    auto response = refusal(421, "This host is not known by the name \"" +
                                     core::printable({host.data(), host.size()}, 100) +
                                     "\". Ask by address, or add the name to `hosts` in [http].");
    co_await respond(connection, std::make_shared<const HttpResponse>(std::move(response)),
                     with_body);
  } else if (request.method() == http::verb::get && request.target() == events_path) {
    co_await stream(connection);
  } else {
    co_await respond(connection, answer(request), with_body);
  }
}

asio::awaitable<void> HttpServer::Inner::respond(std::shared_ptr<Connection> connection,
                                                 std::shared_ptr<const HttpResponse> response,
                                                 bool with_body) {
  const auto self = shared_from_this();
  error_code error;
  const std::string head = head_of(*response, response->body.size());
  const std::array<asio::const_buffer, 2> parts{
      asio::buffer(head), with_body ? asio::buffer(response->body) : asio::const_buffer()};
  close_after(connection, limits.to_take);
  co_await asio::async_write(connection->socket, parts,
                             asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  connection->socket.shutdown(Socket::shutdown_send, error);
  close_after(connection, farewell);
  std::array<char, 4096> rest;
  for (std::size_t got = 0; !error && got < longest_farewell;) {
    got += co_await connection->socket.async_read_some(
        asio::buffer(rest), asio::redirect_error(asio::use_awaitable, error));
  }
}

asio::awaitable<void> HttpServer::Inner::stream(std::shared_ptr<Connection> connection) {
  const auto self = shared_from_this();
  if (count_listeners() >= limits.listeners) {
    auto response = refusal(503, "Too many listen to events already.");
    response.headers.emplace_back("Retry-After", "10");
    co_await respond(connection, std::make_shared<const HttpResponse>(std::move(response)), true);
    co_return;
  }
  connection->listens = true;
  // Who listens has nothing more to say: what can be read is the end.
  connection->socket.async_wait(Socket::wait_read, [weak = std::weak_ptr(connection)](error_code) {
    if (const auto alive = weak.lock()) alive->close();
  });
  HttpResponse opening{.type = "text/event-stream", .body = ""};
  // What stands between must not keep events back.
  opening.headers.emplace_back("X-Accel-Buffering", "no");
  std::string text = head_of(opening, std::nullopt) + "retry: 2000\n\n";
  std::uint64_t seen = 0;
  for (;;) {
    if (seen != event_number) {
      seen = event_number;
      text += *event;
    }
    error_code error;
    close_after(connection, limits.to_take);
    co_await asio::async_write(connection->socket, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, error));
    connection->deadline.cancel();
    if (error || over || !connection->socket.is_open()) co_return;
    text.clear();
    if (seen != event_number) continue;
    connection->wake.expires_after(limits.between_events);
    co_await connection->wake.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (over || !connection->socket.is_open()) co_return;
    if (!error) text = ": nothing new\n\n";
  }
}

HttpServer::HttpServer(asio::any_io_executor executor, HttpRoutes& routes, TellFunction tell,
                       HttpLimits limits)
    : inner_(std::make_shared<Inner>(std::move(executor), routes, std::move(tell), limits)) {}

HttpServer::~HttpServer() {
  inner_->over = true;
  inner_->retry.cancel();
  for (const auto& listener : inner_->listeners) listener->close();
  for (const auto& connection : inner_->connections) connection->close();
}

void HttpServer::use(const config::HttpSettings& settings) {
  inner_->settings = settings;
  inner_->listeners.remove_if([&](const auto& listener) {
    if (std::ranges::find(settings.listen, listener->address) != settings.listen.end()) {
      return false;
    }
    listener->close();
    return true;
  });
  inner_->retry.cancel();
  inner_->listen(false);
}

void HttpServer::give_to(gid_t group) {
  inner_->group = group;
  for (const auto& listener : inner_->listeners) inner_->share(listener->address);
}

void HttpServer::publish(const std::string& name, const std::string& data) {
  inner_->event =
      std::make_shared<const std::string>(fmt::format("event: {}\ndata: {}\n\n", name, data));
  ++inner_->event_number;
  for (const auto& connection : inner_->connections) {
    if (connection->listens) connection->wake.cancel();
  }
}

std::size_t HttpServer::listeners() const {
  return inner_->count_listeners();
}

}  // namespace withdrawd::daemon
