#include "vty/telnet_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "as_result.hpp"
#include "core/outcome.hpp"
#include "core/time.hpp"
#include "files/beside.hpp"
#include "vty/answers.hpp"
#include "vty/local_listener.hpp"
#include "vty/password_file.hpp"
#include "vty/telnet_session.hpp"

namespace withdrawd::vty {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// bgpd prints an answer and the prompt behind it in one go: when nothing has followed for so long,
/// nothing will.
constexpr auto quiet_after = std::chrono::milliseconds(50);

/// For the disk that a password is on.
constexpr auto disk_patience = std::chrono::seconds(1);

tcp::endpoint as_asio(const core::Endpoint& endpoint) {
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.family() == core::Family::ipv6) {
    return {asio::ip::address_v6(bytes), endpoint.port};
  }
  return {asio::ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]}), endpoint.port};
}

/// What is typed edits the line, asks for help or ends it, unless it is printable; nothing of that
/// kind can come out of a parsed configuration.
bool can_be_typed(const std::string& command) {
  return std::ranges::all_of(command, [](char c) { return c >= 0x20 && c < 0x7f && c != '?'; });
}

asio::awaitable<std::expected<std::optional<std::string>, Failure>> password(
    std::filesystem::path file) {
  if (file.empty()) co_return std::nullopt;
  auto reading =
      files::beside(disk_patience, [file] { return read_password_file(file); }, file.native());
  auto looked = co_await std::move(reading);
  if (!looked) {
    co_return failure(Trouble::unreachable,
                      "read the password file " + core::printable(file.string()),
                      "its disk has not answered for " + core::describe(disk_patience));
  }
  auto& read = *looked;
  if (!read) co_return std::unexpected(Failure{Trouble::unreachable, std::move(read.error())});
  co_return std::move(*read);
}

}  // namespace

core::Endpoint telnet_endpoint(const core::BgpdAccess& access) {
  return access.telnet.value_or(
      core::Endpoint{core::Address(core::Family::ipv4, {127, 0, 0, 1}), 2605});
}

/// The TCP connection under a session. Always reading, so that the end is seen at once.
class TelnetTransport::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(const asio::any_io_executor& executor, TelnetSession::Passwords passwords,
             std::function<void()> lost)
      : session(std::move(passwords)), socket_(executor), wake_(executor), lost_(std::move(lost)) {}

  void open(const tcp::endpoint& endpoint, std::function<std::optional<Failure>()> stranger) {
    socket_.async_connect(
        endpoint, [self = shared_from_this(), stranger = std::move(stranger)](error_code error) {
          if (self->closed_) return;
          if (error) {
            self->connect_error_ = error;
            return self->close();
          }
          self->connected_ = true;
          // Once more: who listened before may have given way.
          if (auto why = stranger()) {
            self->stranger_ = std::move(why);
            return self->close();
          }
          error_code ignored;
          self->socket_.set_option(tcp::no_delay(true), ignored);
          self->keep_reading();
        });
  }

  void close() {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    wake_.cancel();
  }

  bool is_ready() const { return !closed_ && session.state() == TelnetSession::State::ready; }

  /// Sends what the session wants to be sent.
  void send() {
    if (sending_ || closed_) return;
    output_ = session.take_output();
    if (output_.empty()) return;
    sending_ = true;
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->sending_ = false;
                        if (self->closed_) return;
                        if (error) return self->ended();
                        self->send();
                      });
  }

  /// Until the session is ready or over. An error: `silent`, or why it is over. Bytes that come
  /// start the time afresh, except while we log in.
  asio::awaitable<Done> settle(core::Duration timeout, TimeLimit& limit) {
    const bool logging_in = session.state() == TelnetSession::State::logging_in;
    const auto start = Clock::now();
    auto answers = session.progress();
    while (!closed_ && (session.state() == TelnetSession::State::logging_in ||
                        session.state() == TelnetSession::State::busy)) {
      limit.answered(session.progress() - std::exchange(answers, session.progress()));
      limit.received(std::exchange(received_, 0));
      if (limit.passed() && limit.heard()) {
        co_return failure(Trouble::silent, connected_ ? session.doing() : "connect",
                          "not finished in " + core::describe(limit.whole()) + " as a whole",
                          "is bgpd very busy?");
      }
      const auto patient_until = (logging_in ? start : std::max(start, last_bytes_)) + timeout;
      const auto deadline = std::min(patient_until, limit.next(timeout));
      const auto quiet = last_bytes_ + quiet_after;
      const auto now = Clock::now();
      if (now >= patient_until || limit.passed()) {
        co_return failure(Trouble::silent, connected_ ? session.doing() : "connect",
                          "no answer in " + core::describe(timeout), "is bgpd frozen?");
      }
      const bool could_be_prompt = session.could_be_at_new_prompt();
      if (could_be_prompt && now >= quiet) {
        session.nothing_more();
        send();
        continue;
      }
      wake_.expires_at(could_be_prompt ? std::min(quiet, deadline) : deadline);
      co_await wake_.async_wait(as_result);
    }
    if (connect_error_) co_return cannot_connect();
    if (stranger_) co_return std::unexpected(*stranger_);
    if (session.failure()) co_return std::unexpected(*session.failure());
    if (closed_) {
      co_return failure(Trouble::unreachable, session.doing(),
                        "the connection was closed meanwhile");
    }
    co_return Done();
  }

  TelnetSession session;

 private:
  void keep_reading() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](error_code error, std::size_t count) {
                              if (self->closed_) return;
                              if (error) return self->ended();
                              self->last_bytes_ = Clock::now();
                              self->received_ += count;
                              self->session.receive({self->buffer_.data(), count});
                              if (self->session.state() == TelnetSession::State::over)
                                return self->close();
                              self->send();
                              self->wake_.cancel();
                              self->keep_reading();
                            });
  }

  /// bgpd ended it.
  void ended() {
    const bool was_in = session.state() == TelnetSession::State::ready ||
                        session.state() == TelnetSession::State::busy;
    session.hang_up();
    close();
    // Not from within whoever found out: the callback may want to close or destroy the transport.
    if (was_in && lost_ && !session.timed_out_idle()) asio::post(socket_.get_executor(), lost_);
  }

  std::unexpected<Failure> cannot_connect() const {
    if (connect_error_ == asio::error::connection_refused) {
      return failure(Trouble::unreachable, "connect", "connection refused",
                     "bgpd is not running, or has its vty elsewhere: see its options -A and -P");
    }
    return failure(Trouble::unreachable, "connect", connect_error_.message());
  }

  tcp::socket socket_;
  asio::steady_timer wake_;
  std::function<void()> lost_;
  std::optional<Failure> stranger_;
  bool connected_ = false;
  bool closed_ = false;
  bool sending_ = false;
  error_code connect_error_;
  std::string output_;
  Clock::time_point last_bytes_{};
  std::size_t received_ = 0;  ///< bytes that the limit does not know of
  std::array<char, std::size_t{64} * 1024> buffer_{};
};

TelnetTransport::TelnetTransport(asio::any_io_executor executor, core::BgpdAccess access,
                                 std::function<void()> connection_lost)
    : executor_(std::move(executor)),
      access_(std::move(access)),
      endpoint_(telnet_endpoint(access_)),
      connection_lost_(std::move(connection_lost)) {}

TelnetTransport::~TelnetTransport() {
  close();
}

std::string TelnetTransport::text() const {
  return "telnet " + endpoint_.text();
}

void TelnetTransport::close() {
  if (connection_) connection_->close();
  connection_.reset();
}

asio::awaitable<TelnetTransport::Done> TelnetTransport::log_in() {
  close();
  TelnetSession::Passwords passwords;
  auto vty_password = password(access_.password_file);
  auto vty = co_await std::move(vty_password);
  if (!vty) co_return std::unexpected(std::move(vty.error()));
  auto enable_password = password(access_.enable_password_file);
  auto enable = co_await std::move(enable_password);
  if (!enable) co_return std::unexpected(std::move(enable.error()));
  passwords.vty = std::move(*vty);
  passwords.enable = std::move(*enable);

  // While bgpd is down its port is anybody's.
  const auto stranger = [endpoint = endpoint_, access = access_](bool connected) {
    const auto listener = listener_at(endpoint, access);
    using Kind = Listener::Kind;
    std::optional<Failure> why;
    if (listener.kind == Kind::stranger || (connected && listener.kind == Kind::nobody)) {
      why =
          Failure{Trouble::unreachable,
                  {"log in",
                   fmt::format("{} listens there, not bgpd: it is told no password",
                               connected && listener.who.empty() ? "somebody else" : listener.who),
                   "is bgpd running, with its vty at that address and port?"}};
    }
    return why;
  };
  if (auto why = stranger(false)) co_return std::unexpected(std::move(*why));
  const auto connection =
      std::make_shared<Connection>(executor_, std::move(passwords), connection_lost_);
  connection_ = connection;
  connection->open(as_asio(endpoint_), [stranger] { return stranger(true); });
  auto settled = co_await connection->settle(access_.telnet_timeout, limit);
  if (!settled) connection->close();
  co_return settled;
}

/// Types the commands into a session that is ready.
asio::awaitable<TelnetTransport::Replies> TelnetTransport::exchange(
    std::shared_ptr<Connection> connection, std::vector<std::string> commands) {
  // Whatever ends this, also a cancellation: an answer that nobody has waited for must not be taken
  // for the next command's.
  struct CloseUnlessAnswered {
    std::shared_ptr<Connection> connection;
    ~CloseUnlessAnswered() {
      if (connection) connection->close();
    }
  } guard{connection};
  for (const auto& command : commands) {
    if (!can_be_typed(command)) {
      co_return failure(Trouble::refused, "ask \"" + core::printable(command, 120) + "\"",
                        "it cannot be typed at a vty");
    }
  }
  connection->session.type(std::move(commands));
  connection->send();
  auto settled = co_await connection->settle(access_.telnet_timeout, limit);
  if (!settled) co_return std::unexpected(std::move(settled.error()));
  guard.connection.reset();
  co_return connection->session.take_replies();
}

asio::awaitable<TelnetTransport::Replies> TelnetTransport::ask(std::vector<std::string> commands) {
  if (connection_ && connection_->is_ready()) {
    const auto connection = connection_;
    const auto progress = connection->session.progress();
    auto replies = co_await exchange(connection, commands);
    // A session kept for long may have ended just when we began to type. Nothing has been answered,
    // so nothing is lost by typing it again in a new one.
    const bool too_late = !replies && replies.error().trouble == Trouble::unreachable &&
                          connection->session.progress() == progress;
    if (!too_late) co_return replies;
  }
  auto logged_in = co_await log_in();
  if (!logged_in) co_return std::unexpected(std::move(logged_in.error()));
  const auto connection = connection_;
  auto replies = co_await exchange(connection, std::move(commands));
  co_return replies;
}

asio::awaitable<TelnetTransport::Replies> TelnetTransport::show(std::vector<std::string> commands) {
  if (commands.empty()) co_return std::vector<Reply>();
  auto replies = co_await ask(std::move(commands));
  co_return replies;
}

asio::awaitable<TelnetTransport::Replies> TelnetTransport::configure(
    std::vector<std::string> lines) {
  if (lines.empty()) co_return std::vector<Reply>();
  // By itself: outside the configuration nodes the rest would be typed in vain.
  std::vector<std::string> enter{lines.front()};
  auto replies = co_await ask(std::move(enter));
  if (!replies) co_return replies;
  const auto connection = connection_;
  const auto& answer = replies->front();
  if (!connection || !connection->session.in_configuration()) {
    const bool locked = says_locked(answer.text);
    co_return failure(locked ? Trouble::locked : Trouble::refused, quoted(answer.command),
                      "bgpd answered \"" + one_line(answer.text) + "\"",
                      locked ? "somebody sits in configuration mode" : "");
  }
  // In the same session or not at all.
  lines.erase(lines.begin());
  if (lines.empty() || lines.back() != "end") lines.push_back("end");
  auto rest = co_await exchange(connection, std::move(lines));
  if (!rest) co_return rest;
  replies->insert(replies->end(), std::make_move_iterator(rest->begin()),
                  std::make_move_iterator(rest->end()));
  std::erase_if(*replies, [](const Reply& reply) { return reply.mere_success(); });
  co_return replies;
}

}  // namespace withdrawd::vty
