#include "vty/socket_transport.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "as_result.hpp"
#include "core/time.hpp"
#include "vty/answers.hpp"
#include "vty/config_squeeze.hpp"
#include "vty/local_listener.hpp"
#include "vty/socket_reader.hpp"

namespace withdrawd::vty {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;

// So many bytes of commands may be waiting for their answers. It is less than a Unix socket's
// buffer, so that a write never waits for a bgpd that itself waits for us to read.
constexpr std::size_t written_ahead = std::size_t{16} * 1024;

constexpr std::array run_directories{"/run/frr", "/var/run/frr", "/run/quagga", "/var/run/quagga"};

std::unexpected<Failure> cannot_connect(const std::string& path, const error_code& error) {
  const std::string tried = "connect";
  if (error == asio::error::access_denied || error == error_code(EPERM, error.category())) {
    // FRR's own init script makes /run/frr for group frr alone; systemd's tmpfiles for everybody.
    const auto folder = std::filesystem::path(path).parent_path().string();
    const bool may_enter = ::access(folder.c_str(), X_OK) == 0;
    return failure(Trouble::unreachable, tried, "permission denied",
                   may_enter ? "run withdrawd in the socket's group: frrvty or quaggavty"
                             : "let withdrawd's user into " + folder + ": by that folder's group");
  }
  if (error == asio::error::connection_refused) {
    return failure(Trouble::unreachable, tried, "nobody listens there",
                   "bgpd is not running, or this is another one's socket left behind");
  }
  if (error == error_code(ENOENT, error.category())) {
    return failure(Trouble::unreachable, tried, "no such file",
                   "is bgpd running? Where its socket is was chosen when it was built or by "
                   "--vty_socket; name it with bgpd.socket");
  }
  if (error == asio::error::try_again || error == asio::error::no_buffer_space) {
    return failure(Trouble::silent, tried, "bgpd takes no more connections", "is it frozen?");
  }
  return failure(Trouble::unreachable, tried, fmt::format("{}: {}", path, error.message()));
}

}  // namespace

struct SocketTransport::Connection {
  Connection(const asio::any_io_executor& executor, std::function<void()> lost)
      : socket(executor), connection_lost(std::move(lost)) {}

  void close() {
    error_code ignored;
    socket.close(ignored);
  }

  /// bgpd ended it.
  void lost() {
    if (!socket.is_open()) return;
    close();
    // Not from within whoever found out: the callback may want to close or destroy us.
    if (connection_lost) asio::post(socket.get_executor(), connection_lost);
  }

  /// Between two questions nothing comes but the end of the connection.
  static void watch(const std::shared_ptr<Connection>& self) {
    self->idle = true;
    self->socket.async_wait(stream_protocol::socket::wait_read,
                            [weak = std::weak_ptr(self)](error_code cancelled) {
                              const auto connection = weak.lock();
                              if (!connection || cancelled || !connection->idle) return;
                              connection->lost();
                            });
  }

  void stop_watching() {
    idle = false;
    error_code ignored;
    socket.cancel(ignored);
  }

  stream_protocol::socket socket;
  std::function<void()> connection_lost;
  SocketReader reader;
  bool idle = false;
  std::array<char, std::size_t{64} * 1024> buffer{};
};

std::vector<std::string> socket_places(const core::BgpdAccess& access) {
  if (!access.socket.empty()) return {access.socket.string()};
  std::vector<std::string> places;
  for (const auto* directory : run_directories) {
    places.push_back(fmt::format("{}/bgpd.vty", directory));
  }
  return places;
}

namespace {

/// Where to connect, in this order. A usual place counts also while nobody listens there: a bgpd
/// that is down is not another one that runs beside it. Only where there is none it may be one that
/// was built to have it elsewhere: all that somebody listens at.
std::vector<std::filesystem::path> sockets_of_bgpd(const core::BgpdAccess& access) {
  const auto places = socket_places(access);
  std::vector<std::filesystem::path> found(places.begin(), places.end());
  if (!access.socket.empty()) return found;
  std::erase_if(found, [](const std::filesystem::path& place) {
    struct stat status{};
    return ::stat(place.c_str(), &status) != 0 && errno == ENOENT;
  });
  return found.empty() ? listening_bgpd_sockets() : found;
}

/// Those elsewhere are all or none: which of several is meant nobody can tell.
bool is_ambiguous(const std::vector<std::filesystem::path>& sockets,
                  const core::BgpdAccess& access) {
  const auto places = socket_places(access);
  return sockets.size() > 1 && std::ranges::count(places, sockets.front().string()) == 0;
}

}  // namespace

std::vector<std::filesystem::path> talking_sockets(const core::BgpdAccess& access) {
  const auto uses = [&access](core::TransportKind kind) {
    return std::ranges::find(access.transports, kind) != access.transports.end();
  };
  const bool socket = uses(core::TransportKind::socket);
  const bool vtysh = uses(core::TransportKind::vtysh);
  if (access.socket.empty() && !socket && vtysh && !access.vtysh_socket_dir.empty()) {
    return {access.vtysh_socket_dir / "bgpd.vty"};
  }
  if (access.socket.empty() && !socket && !vtysh) return {};
  auto sockets = sockets_of_bgpd(access);
  if (is_ambiguous(sockets, access)) sockets.clear();
  return sockets;
}

SocketTransport::SocketTransport(asio::any_io_executor executor, const core::BgpdAccess& access,
                                 std::function<void()> connection_lost)
    : executor_(std::move(executor)),
      access_(access),
      connection_lost_(std::move(connection_lost)) {}

SocketTransport::~SocketTransport() {
  close();
}

std::unexpected<Failure> SocketTransport::silent(const std::string& command, bool others_answered) {
  if (limit.passed() && limit.heard()) {
    return failure(Trouble::silent, quoted(command),
                   fmt::format("not finished in {} as a whole", core::describe(limit.whole())),
                   "is bgpd very busy?");
  }
  auto happened = fmt::format("no answer in {}", core::describe(access_.socket_timeout));
  waits_for_each_ = others_answered && !waits_for_each_;
  if (waits_for_each_) {
    happened += ", and none to what was written after it; from now on each answer is waited for";
  }
  return failure(Trouble::silent, quoted(command), std::move(happened), "is bgpd frozen?");
}

std::unexpected<Failure> SocketTransport::hung_up(Connection& connection,
                                                  const std::string& command,
                                                  const error_code& error) {
  if (error == asio::error::operation_aborted || !connection.socket.is_open()) {
    return failure(Trouble::unreachable, quoted(command), "the connection was closed meanwhile");
  }
  connection.lost();
  return failure(Trouble::unreachable, quoted(command), "bgpd closed the connection",
                 "it has died or is being restarted");
}

std::string SocketTransport::text() const {
  if (!access_.socket.empty()) return "socket " + access_.socket.string();
  return "socket " + (path_.empty() ? "bgpd.vty" : path_);
}

void SocketTransport::close() {
  if (connection_) connection_->close();
  connection_.reset();
}

asio::awaitable<std::expected<void, Failure>> SocketTransport::connect_to(std::string path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return failure(Trouble::unreachable, "connect", "the path is too long for a socket");
  }
  const auto connection = std::make_shared<Connection>(executor_, connection_lost_);
  const stream_protocol::endpoint endpoint(path);
  asio::steady_timer timer(executor_, limit.next(access_.socket_timeout));
  auto connecting = connection->socket.async_connect(endpoint, as_result);
  auto waiting = timer.async_wait(as_result);
  const auto first = co_await (std::move(connecting) || std::move(waiting));
  if (first.index() == 1) {
    co_return failure(Trouble::silent, "connect", "bgpd takes no connection in time",
                      "is it frozen?");
  }
  auto error = std::get<0>(std::get<0>(first));
  if (!error) {
    // A full queue of connections is EAGAIN, which Asio takes for "under way", and a socket that is
    // under way nowhere is ready at once: whether there is a peer tells.
    error_code no_peer;
    connection->socket.remote_endpoint(no_peer);
    if (no_peer) error = asio::error::try_again;
  }
  if (error) co_return cannot_connect(path, error);
  connection_ = connection;
  path_ = std::move(path);
  co_return std::expected<void, Failure>();
}

asio::awaitable<std::expected<void, Failure>> SocketTransport::connect() {
  const auto sockets = sockets_of_bgpd(access_);
  if (is_ambiguous(sockets, access_)) {
    std::vector<std::string> names;
    for (const auto& one : sockets) names.push_back(one.string());
    co_return failure(Trouble::unreachable, "find bgpd.vty",
                      fmt::format("there are several: {}", fmt::join(names, ", ")),
                      "name the one that is meant with bgpd.socket");
  }
  std::optional<Failure> first_failure;
  for (const auto& place : sockets) {
    auto connected = co_await connect_to(place.string());
    if (connected) co_return connected;
    if (!first_failure) {
      first_failure = std::move(connected.error());
      path_ = place.string();
    }
  }
  if (first_failure) co_return std::unexpected(std::move(*first_failure));
  co_return failure(Trouble::unreachable, "find bgpd.vty",
                    fmt::format("it is not in {}, and nobody listens at one elsewhere",
                                fmt::join(run_directories, ", ")),
                    "is bgpd running? If its socket is elsewhere, name it with bgpd.socket");
}

asio::awaitable<SocketTransport::Replies> SocketTransport::ask(std::vector<std::string> commands,
                                                               First first_reply) {
  if (connection_ && connection_->socket.is_open()) {
    connection_->stop_watching();
  } else {
    auto connected = co_await connect();
    if (!connected) co_return std::unexpected(std::move(connected.error()));
    std::vector<std::string> enable{"enable"};
    auto enabled = co_await exchange(connection_, std::move(enable), First::whole);
    if (enabled && enabled->front().status != 0) {
      enabled = failure(Trouble::refused, "ask \"enable\"",
                        fmt::format("bgpd answered \"{}\"", one_line(enabled->front().text)));
    }
    if (!enabled) {
      close();
      co_return std::unexpected(std::move(enabled.error()));
    }
  }
  // Held here, so that close() may be called meanwhile.
  const auto connection = connection_;
  auto replies = co_await exchange(connection, std::move(commands), first_reply);
  if (replies) {
    Connection::watch(connection);
  } else {
    connection->close();
  }
  co_return replies;
}

asio::awaitable<SocketTransport::Replies> SocketTransport::exchange(
    std::shared_ptr<Connection> connection, std::vector<std::string> commands, First first_reply) {
  std::optional<ConfigSqueeze> squeeze;
  if (first_reply == First::squeezed) squeeze.emplace();
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  asio::steady_timer timer(executor_);
  std::size_t written = 0;  // commands
  std::size_t waiting = 0;  // bytes of commands that have not been answered
  std::string chunk;
  const std::size_t ahead = waits_for_each_ ? 0 : written_ahead;
  while (replies.size() < commands.size()) {
    chunk.clear();
    if (waiting <= ahead / 2) {
      while (written < commands.size() && (waiting == 0 || waiting < ahead)) {
        const auto& command = commands[written++];
        chunk.append(command.c_str(), command.size() + 1);  // with its NUL
        waiting += command.size() + 1;
      }
    }
    // As long as bytes come, bgpd is not silent; but there is the limit.
    timer.expires_at(limit.next(access_.socket_timeout));
    if (!chunk.empty()) {
      auto writing = asio::async_write(connection->socket, asio::buffer(chunk), as_result);
      auto time_up = timer.async_wait(as_result);
      const auto first = co_await (std::move(writing) || std::move(time_up));
      if (first.index() == 1) co_return silent(commands[replies.size()]);
      if (const auto error = std::get<0>(std::get<0>(first)); error) {
        co_return hung_up(*connection, commands[replies.size()], error);
      }
    }
    auto answer = connection->reader.next();
    if (answer && !*answer) {
      timer.expires_at(limit.next(access_.socket_timeout));
      auto reading =
          connection->socket.async_read_some(asio::buffer(connection->buffer), as_result);
      auto time_up = timer.async_wait(as_result);
      const auto first = co_await (std::move(reading) || std::move(time_up));
      if (first.index() == 1) co_return silent(commands[replies.size()], !replies.empty());
      const auto& [error, count] = std::get<0>(first);
      if (error) co_return hung_up(*connection, commands[replies.size()], error);
      limit.received(count);
      connection->reader.feed({connection->buffer.data(), count});
      answer = connection->reader.next();
      // It need not all be there to be read, nor be kept.
      if (answer && !*answer && squeeze) squeeze->feed(connection->reader.take_part());
    }
    if (answer && *answer && squeeze) {
      squeeze->feed((*answer)->text);
      if (squeeze->is_too_long()) co_return std::unexpected(too_long_config());
      (*answer)->text = squeeze->finish();
      squeeze.reset();
    }
    for (; answer && *answer && replies.size() < written; answer = connection->reader.next()) {
      auto& command = commands[replies.size()];
      waiting -= command.size() + 1;
      limit.answered(1);
      replies.push_back({std::move((*answer)->text), (*answer)->status, std::move(command)});
    }
    if (!answer) co_return std::unexpected(Failure{Trouble::refused, std::move(answer.error())});
  }
  co_return replies;
}

asio::awaitable<SocketTransport::Replies> SocketTransport::show(std::vector<std::string> commands) {
  return ask(std::move(commands));
}

asio::awaitable<SocketTransport::Replies> SocketTransport::show_config(
    std::vector<std::string> commands) {
  return ask(std::move(commands), First::squeezed);
}

asio::awaitable<SocketTransport::Replies> SocketTransport::configure(
    std::vector<std::string> lines) {
  auto replies = co_await ask(std::move(lines));
  if (!replies) co_return replies;
  for (const auto& reply : *replies) {
    if (reply.status != 0 && says_locked(reply.text)) {
      co_return failure(Trouble::locked, quoted(reply.command),
                        fmt::format("bgpd answered \"{}\"", one_line(reply.text)),
                        "somebody sits in configuration mode");
    }
  }
  std::erase_if(*replies, [](const Reply& reply) { return reply.mere_success(); });
  co_return replies;
}

}  // namespace withdrawd::vty
