#include "dns/ask.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <ctime>
#include <exception>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "as_result.hpp"
#include "core/local_error.hpp"
#include "dns/id_filter.hpp"
#include "dns/message.hpp"
#include "dns/schedule.hpp"
#include "dns/socket_pool.hpp"
#include "dns/validation.hpp"
#include "dns/wire.hpp"

namespace withdrawd::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;
using core::DnsTransport;
using core::OutcomeKind;
using Clock = std::chrono::steady_clock;

/// The most that EDNS is used with; without it, an answer over UDP has 512 bytes at most. More is
/// taken from a server that does not care; what does not fit is cut, and malformed.
constexpr std::size_t longest_datagram = 4096;

/// So many turns of the event loop are for what has arrived, when the time is over: it hears of
/// some hundred sockets in each.
constexpr unsigned last_turns = 32;

/// So many datagrams are read of one socket before something else has its turn.
constexpr std::size_t read_at_once = 64;

asio::ip::address boost_address(const core::Address& address) {
  if (address.family() == core::Family::ipv6) return asio::ip::address_v6(address.bytes());
  asio::ip::address_v4::bytes_type bytes;
  std::copy_n(address.bytes().begin(), bytes.size(), bytes.begin());
  return asio::ip::address_v4(bytes);
}

/// From the kernel, so that nobody can guess it; many at a time, for asking for them costs as much
/// as sending. Does not wait for a kernel that has just booted and has no randomness yet.
std::optional<std::uint16_t> random_id() {
  static std::array<std::uint16_t, 64> ids;
  static std::size_t left = 0;
  if (left == 0) {
    if (::getrandom(ids.data(), sizeof ids, GRND_NONBLOCK) != sizeof ids) return std::nullopt;
    left = ids.size();
  }
  return ids[--left];
}

std::string failure_text(const error_code& error) {
  return fmt::format("{} ({})", core::is_no_route(error.value()) ? "no route" : "cannot ask",
                     error.message());
}

/// One asking: what its coroutine and its tries share. Each try is a coroutine of its own that
/// reports here, which wakes the one that asks. The sockets live here, so that closing them ends
/// the tries; a try outlives the asking by a turn of the event loop, and sees that it is over.
class Asking {
 public:
  Asking(const asio::any_io_executor& executor, const core::DnsQuestion& asked, Question question,
         bool wants_account)
      : wants_account_(wants_account),
        keeps_message_(asked.dnssec.has_value()),
        question_(std::move(question)),
        schedule_(Clock::now(), asked.timeout, asked.tries,
                  asked.transport == DnsTransport::udp ? asked.again_after : std::nullopt),
        wake_(executor),
        begun_(Clock::now()),
        timeout_(asked.timeout),
        server_(boost_address(asked.server.address)),
        family_(asked.server.address.family()),
        port_(asked.server.port),
        transport_(asked.transport),
        expect_(asked.expect),
        source_(asked.source),
        interface_(asked.interface) {}

  const Question& question() const { return question_; }
  Schedule& schedule() { return schedule_; }
  asio::steady_timer& wake() { return wake_; }
  DnsTransport transport() const { return transport_; }
  bool over() const { return closed_ || outcome_; }
  const std::optional<core::Outcome>& outcome() const { return outcome_; }

  /// A socket of its own, so that each try has a source port of the kernel's choice.
  template <class Protocol>
  auto& new_socket() {
    return sockets<Protocol>().emplace_back(wake_.get_executor());
  }

  /// Not open, unless an earlier question has left one.
  udp::socket& udp_socket() {
    if (is_reusable()) {
      if (auto kept = SocketPool::of(wake_.get_executor()).take(family_)) {
        return udp_sockets_.emplace_back(std::move(*kept));
      }
    }
    return udp_sockets_.emplace_back(wake_.get_executor());
  }

  /// What has had its answer serves the next question.
  void is_done_with(udp::socket& socket) {
    if (is_reusable()) SocketPool::of(wake_.get_executor()).keep(std::move(socket), family_);
  }

  template <class Protocol>
  typename Protocol::endpoint server() const {
    return {server_, port_};
  }

  /// The serial of the SOA record, where that was asked for and is ok.
  const std::optional<std::uint32_t>& serial() const { return serial_; }

  /// The answer itself, where it is to be validated.
  std::vector<std::uint8_t>& message() { return message_; }
  std::optional<core::Account>& account() { return account_; }

  /// What a try has received, judged. A verdict settles the matter.
  Judgement judged(std::span<const std::uint8_t> message, std::uint16_t id) {
    std::optional<core::Account> account;
    if (wants_account_) account.emplace();
    auto judgement = judge(message, id, question_, expect_, account ? &*account : nullptr);
    if (const auto* verdict = std::get_if<Verdict>(&judgement); verdict && !over()) {
      if (keeps_message_) message_.assign(message.begin(), message.end());
      if (account) account->facts.insert(account->facts.begin(), {"transport", transport_text()});
      account_ = std::move(account);
      settle(*verdict);
    }
    return judgement;
  }

  /// Has the socket send from where the operator wants; if it cannot, that settles the matter.
  template <class Socket>
  bool bind(Socket& socket) {
    if (!interface_.empty() &&
        ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, interface_.data(),
                     static_cast<socklen_t>(interface_.size())) != 0) {
      const int number = errno;
      fail_binding(number, fmt::format("cannot use interface {} ({}{})", interface_,
                                       core::errno_text(number),
                                       number == EPERM ? "; it needs CAP_NET_RAW" : ""));
      return false;
    }
    if (!source_) return true;
    error_code failed;
    socket.bind({boost_address(*source_), 0}, failed);
    if (!failed) return true;
    fail_binding(failed.value(),
                 fmt::format("cannot use source {} ({})", source_->text(), failed.message()));
    return false;
  }

  /// A try begins.
  void trying() { ++tried_; }

  /// The first packet goes out now.
  void sending() {
    if (first_sent_) return;
    first_sent_ = Clock::now();
    late_ = std::max(late_, *first_sent_ - begun_);
  }

  void settle(const Verdict& verdict) {
    if (!over()) serial_ = verdict.serial;
    settle(verdict.kind, verdict.detail);
  }

  void settle(OutcomeKind kind, std::string detail) {
    if (over()) return;
    const auto now = Clock::now();
    outcome_ = {kind, now - first_sent_.value_or(now), std::move(detail)};
    wake_.cancel();
  }

  /// The question could not be asked, or the answer not be had.
  void fail(std::string detail) { settle(OutcomeKind::error, std::move(detail) + over_tcp_text()); }

  /// It is this host that could not.
  void unable(std::string detail) {
    settle(OutcomeKind::unable, std::move(detail) + over_tcp_text());
  }

  /// The same, for this try: the next one may get through, and one that is out already may be
  /// answered. If none does, it is this host that could not.
  void failed_here(std::string detail) {
    if (over()) return;
    trouble_ = std::move(detail);
    ++failed_here_;
    if (!schedule_.failed_here(Clock::now()) && nothing_sent()) return unable(trouble_);
    wake_.cancel();
  }

  /// The same, for an error of a try's socket. The errors and what they say of the server are in
  /// docs/reliability.md.
  void fail(const error_code& error, DnsTransport used) {
    if (over() || used != transport_) return;
    const int number = error.value();
    const bool refused = error == asio::error::connection_refused;
    // Over TCP that is the want of a local port.
    const bool no_port = number == EADDRNOTAVAIL && used == DnsTransport::tcp;
    if (core::is_local_error(number) || no_port) return failed_here(failure_text(error));
    if (!refused && !core::is_no_route(number)) return fail(failure_text(error));
    const auto* term = used == DnsTransport::tcp ? "connection refused" : "port unreachable";
    refusal_ = refused ? term : failure_text(error);
    if (schedule_.refused(Clock::now())) return fail(refusal_);
    wake_.cancel();
  }

  /// Has anybody sent an answer to what was not asked?
  bool under_fire() const {
    return ignored(Ignored::wrong_id) > 0 || ignored(Ignored::too_short) > 0;
  }
  /// Once: the question is worth being asked anew, for its answer may be lost.
  bool asks_anew() { return !std::exchange(asked_anew_, true); }
  void ignore(Ignored why) { ++ignored_[static_cast<std::size_t>(why)]; }

  /// The answer over UDP was cut: the rest of the time is for TCP.
  void turn_to_tcp() {
    if (over() || transport_ == DnsTransport::tcp) return;
    transport_ = DnsTransport::tcp;
    turned_to_tcp_ = true;
    count_dropped();
    close(udp_sockets_);
    tried_ = failed_here_ = 0;
    schedule_.start_over(Clock::now());
    wake_.cancel();
  }

  /// The one who asks was to be woken at `due`.
  void woken(core::Time due) { late_ = std::max(late_, Clock::now() - due); }

  /// Has something arrived that nobody has read yet? The event loop may have been kept from it.
  bool has_unread() {
    std::vector<pollfd> all;
    for (auto& socket : udp_sockets_) add_open(all, socket);
    for (auto& socket : tcp_sockets_) add_open(all, socket);
    return ::poll(all.data(), all.size(), 0) > 0;
  }

  /// The time is over, and what has arrived was read. Where this host was late by a good part of
  /// the timeout (suspended, frozen, without a CPU), silence says nothing of the server: it has had
  /// less time than it is given, or stood still as well.
  void give_up() {
    if (schedule_.refused_last()) return fail(refusal_);
    if (nothing_sent()) return unable(trouble_);
    if (!first_sent_) late_ = std::max(late_, Clock::now() - begun_);
    if (late_ > std::max<core::Duration>(timeout_ / 4, ordinary_delay)) {
      return unable(
          fmt::format("cannot ask (this host stood still for {})", core::describe(late_)));
    }
    if (!turned_to_tcp_) count_dropped();
    settle(OutcomeKind::timeout, fmt::format("no answer in {}{}{}", core::describe(timeout_),
                                             over_tcp_text(), ignored_text()));
  }

  void close() {
    closed_ = true;
    close(udp_sockets_);
    close(tcp_sockets_);
  }

 private:
  /// A host that does its work wakes nobody later than that, whatever the timeout is.
  static constexpr core::Duration ordinary_delay = std::chrono::milliseconds(20);

  /// Has every try failed on this host?
  bool nothing_sent() const { return failed_here_ > 0 && failed_here_ == tried_; }

  void fail_binding(int number, std::string detail) {
    core::is_local_error(number) ? failed_here(std::move(detail)) : fail(std::move(detail));
  }

  static void add_open(std::vector<pollfd>& all, auto& socket) {
    if (socket.is_open()) all.push_back({socket.native_handle(), POLLIN, 0});
  }

  /// What is bound by hand keeps its port.
  bool is_reusable() const { return !source_ && interface_.empty(); }

  unsigned ignored(Ignored why) const { return ignored_[static_cast<std::size_t>(why)]; }

  template <class Protocol>
  auto& sockets() {
    if constexpr (std::is_same_v<Protocol, tcp>)
      return tcp_sockets_;
    else
      return udp_sockets_;
  }

  static void close(auto& sockets) {
    for (auto& socket : sockets) {
      error_code ignored;
      socket.close(ignored);
    }
  }

  std::string transport_text() const {
    if (turned_to_tcp_) return "TCP, after a truncated answer over UDP";
    return transport_ == DnsTransport::tcp ? "TCP" : "UDP";
  }

  std::string over_tcp_text() const {
    return turned_to_tcp_ ? " (over TCP, after a truncated answer)" : "";
  }

  /// Those that the kernel has dropped for us.
  void count_dropped() {
    for (auto& socket : udp_sockets_)
      ignored_[static_cast<std::size_t>(Ignored::wrong_id)] +=
          dropped_datagrams(socket.native_handle());
  }

  /// " (3 answers ignored: wrong ID)"
  std::string ignored_text() const {
    std::string reasons;
    unsigned sum = 0;
    for (std::size_t why = 0; why < ignored_.size(); ++why) {
      if (ignored_[why] == 0) continue;
      sum += ignored_[why];
      if (!reasons.empty()) reasons += ", ";
      reasons += describe(static_cast<Ignored>(why));
    }
    return sum == 0 ? ""
                    : fmt::format(" ({} answer{} ignored: {})", sum, sum == 1 ? "" : "s", reasons);
  }

  bool wants_account_;
  bool keeps_message_;
  std::vector<std::uint8_t> message_;
  std::optional<core::Account> account_;
  Question question_;
  Schedule schedule_;
  asio::steady_timer wake_;
  core::Time begun_;
  core::Duration timeout_;
  asio::ip::address server_;
  core::Family family_;
  std::uint16_t port_;
  DnsTransport transport_;
  core::DnsExpectations expect_;
  std::optional<core::Address> source_;
  std::string interface_;
  std::optional<std::uint32_t> serial_;
  bool turned_to_tcp_ = false;
  bool asked_anew_ = false;
  bool closed_ = false;
  std::list<udp::socket> udp_sockets_;  // lists: a try keeps a reference
  std::list<tcp::socket> tcp_sockets_;
  std::optional<core::Time> first_sent_;
  core::Duration late_{};  ///< so late was this host with what it had to do
  unsigned tried_ = 0;     ///< over this transport
  unsigned failed_here_ = 0;
  std::string trouble_;  ///< the last one's
  std::string refusal_;
  std::array<unsigned, 4> ignored_{};  // by why
  std::optional<core::Outcome> outcome_;
};

/// What a try sends.
struct Query {
  std::uint16_t id;
  std::vector<std::uint8_t> bytes;
};

std::optional<Query> new_query(Asking& asking) {
  const auto id = random_id();
  if (!id) {
    asking.failed_here("cannot ask (the kernel has no random numbers yet)");
    return std::nullopt;
  }
  auto bytes = asking.question().query(*id);
  if (!bytes) {
    asking.fail(bytes.error().text());
    return std::nullopt;
  }
  return Query{*id, std::move(*bytes)};
}

/// Into the one buffer that all questions share: nobody keeps what is in it beyond its judgement.
std::span<const std::uint8_t> received(udp::socket& socket, error_code& failed) {
  static std::array<std::uint8_t, longest_datagram> buffer;
  const ssize_t size = ::recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  failed = size < 0 ? error_code(errno, boost::system::system_category()) : error_code();
  return std::span(buffer).first(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
}

void start_try(const std::shared_ptr<Asking>& asking);

asio::awaitable<void> try_udp(std::shared_ptr<Asking> asking) {
  constexpr auto udp_used = DnsTransport::udp;
  const auto query = new_query(*asking);
  if (!query) co_return;
  auto& socket = asking->udp_socket();
  const auto server = asking->server<udp>();
  error_code failed;
  if (!socket.is_open()) socket.open(server.protocol(), failed);
  // A filter costs a fifth of all that a question does, so there is none until somebody sends
  // answers to what was not asked. From then on it is there before the socket has a port to send
  // them to.
  bool filtered = asking->under_fire();
  if (!failed && filtered) pass_only_id(socket.native_handle(), query->id);
  if (!failed && !asking->bind(socket)) co_return;
  // Connected, so that the kernel drops what comes from elsewhere and tells of an unreachable port.
  if (!failed) socket.connect(server, failed);
  if (failed) co_return asking->fail(failed, udp_used);

  asking->sending();
  const auto [send_failed, sent] =
      co_await socket.async_send(asio::buffer(query->bytes), as_result);
  if (send_failed) co_return asking->fail(send_failed, udp_used);

  while (!asking->over()) {
    const auto [never_readable] = co_await socket.async_wait(udp::socket::wait_read, as_result);
    if (never_readable) co_return asking->fail(never_readable, udp_used);
    for (std::size_t left = read_at_once; left > 0 && !asking->over(); --left) {
      const auto answer = received(socket, failed);
      if (failed == asio::error::would_block) break;
      if (failed) co_return asking->fail(failed, udp_used);
      const auto judgement = asking->judged(answer, query->id);
      if (std::holds_alternative<Verdict>(judgement)) {
        if (!filtered) asking->is_done_with(socket);
        co_return;
      }
      if (std::holds_alternative<Truncated>(judgement)) co_return asking->turn_to_tcp();
      asking->ignore(std::get<Ignored>(judgement));
      if (!filtered && asking->under_fire()) {
        filtered = true;
        pass_only_id(socket.native_handle(), query->id);
        // The good answer may have found no more room.
        if (asking->asks_anew()) start_try(asking);
      }
    }
  }
}

/// For an error once the connection stands.
void fail_connected(Asking& asking, const error_code& failure) {
  if (failure == asio::error::eof || failure == asio::error::connection_reset ||
      failure == asio::error::broken_pipe)
    return asking.fail("connection closed early");
  asking.fail(failure, DnsTransport::tcp);
}

asio::awaitable<void> try_tcp(std::shared_ptr<Asking> asking) {
  const auto query = new_query(*asking);
  if (!query) co_return;
  auto& socket = asking->new_socket<tcp>();
  const auto server = asking->server<tcp>();
  error_code failed;
  socket.open(server.protocol(), failed);
  if (failed) co_return asking->fail(failed, DnsTransport::tcp);
  if (!asking->bind(socket)) co_return;

  asking->sending();
  const auto [connect_failed] = co_await socket.async_connect(server, as_result);
  if (connect_failed) co_return asking->fail(connect_failed, DnsTransport::tcp);

  // RFC 1035, 4.2.2: two bytes of length before each message; RFC 7766, 8: in one segment with it.
  const std::array<std::uint8_t, 2> query_length{
      static_cast<std::uint8_t>(query->bytes.size() >> 8),
      static_cast<std::uint8_t>(query->bytes.size() & 0xff)};
  const std::array<asio::const_buffer, 2> framed{asio::buffer(query_length),
                                                 asio::buffer(query->bytes)};
  const auto [write_failed, written] = co_await asio::async_write(socket, framed, as_result);
  if (write_failed) co_return fail_connected(*asking, write_failed);

  while (!asking->over()) {
    std::array<std::uint8_t, 2> length;
    const auto [length_failed, length_size] =
        co_await asio::async_read(socket, asio::buffer(length), as_result);
    if (length_failed) co_return fail_connected(*asking, length_failed);
    std::vector<std::uint8_t> answer(static_cast<std::size_t>(length[0] << 8 | length[1]));
    const auto [answer_failed, answer_size] =
        co_await asio::async_read(socket, asio::buffer(answer), as_result);
    if (answer_failed) co_return fail_connected(*asking, answer_failed);

    const auto judgement = asking->judged(answer, query->id);
    if (std::holds_alternative<Verdict>(judgement)) co_return;
    if (std::holds_alternative<Truncated>(judgement)) co_return asking->fail("truncated over TCP");
    const auto why = std::get<Ignored>(judgement);
    // Nobody else can have written it.
    if (why == Ignored::too_short) co_return asking->fail("malformed answer");
    asking->ignore(why);
  }
}

void start_try(const std::shared_ptr<Asking>& asking) {
  asking->trying();
  auto ended = [asking](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      asking->unable("cannot ask (out of memory)");
    } catch (const std::exception& exception) {
      asking->fail(fmt::format("cannot ask ({})", core::printable(exception.what())));
    }
  };
  if (asking->transport() == DnsTransport::tcp)
    asio::co_spawn(asking->wake().get_executor(), try_tcp(asking), std::move(ended));
  else
    asio::co_spawn(asking->wake().get_executor(), try_udp(asking), std::move(ended));
}

/// Closes the sockets of an asking when its coroutine ends in whatever way.
class Closer {
 public:
  explicit Closer(std::shared_ptr<Asking> asking) : asking_(std::move(asking)) {}
  ~Closer() { asking_->close(); }
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

 private:
  std::shared_ptr<Asking> asking_;
};

/// What came of asking over one transport.
struct Reply {
  core::Outcome outcome;
  std::optional<std::uint32_t> serial{};
  std::vector<std::uint8_t> message{};     ///< where it is to be validated
  std::optional<core::Account> account{};  ///< where one is wanted
};

asio::awaitable<Reply> carry_out(std::shared_ptr<Asking> asking) {
  const Closer closer(asking);
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const auto executor = co_await asio::this_coro::executor;
  unsigned turns = last_turns;
  for (;;) {
    if (const auto& outcome = asking->outcome()) {
      co_return Reply{*outcome, asking->serial(), std::move(asking->message()),
                      std::move(asking->account())};
    }
    const auto now = Clock::now();
    if (now >= asking->schedule().deadline()) {
      if (turns > 0 && asking->has_unread()) {
        --turns;
        co_await asio::post(executor, asio::use_awaitable);
        continue;
      }
      asking->give_up();
    } else if (asking->schedule().due(now)) {
      start_try(asking);
    } else {
      const auto due = asking->schedule().next();
      asking->wake().expires_at(due);
      co_await asking->wake().async_wait(as_result);
      if (cancellation.cancelled() != asio::cancellation_type::none)
        co_return Reply{{OutcomeKind::error, {}, "cancelled"}};
      asking->woken(due);
    }
  }
}

asio::awaitable<Reply> ask_once(core::DnsQuestion question, Question wire, bool wants_account) {
  const auto executor = co_await asio::this_coro::executor;
  auto asking = std::make_shared<Asking>(executor, question, std::move(wire), wants_account);
  auto reply = co_await carry_out(asking);
  co_return reply;
}

asio::awaitable<Reply> ask_once(core::DnsQuestion question, bool wants_account) {
  auto valid = Question::from(question);
  if (!valid) co_return Reply{{OutcomeKind::error, {}, valid.error().text()}};
  auto asking = ask_once(std::move(question), std::move(*valid), wants_account);
  auto reply = co_await std::move(asking);
  co_return reply;
}

/// One question with all that is wanted of its answer.
class Examination {
 public:
  Examination(core::DnsQuestion question, core::Account* account)
      : question_(std::move(question)), account_(account) {
    if (question_.dnssec) {
      const auto wire = Question::from(question_);
      if (wire)
        validation_.emplace(*question_.dnssec, wire->name(), wire->type(), std::time(nullptr));
    }
  }

  asio::awaitable<core::Outcome> carry_out() {
    auto examining = examine_each();
    co_await std::move(examining);
    if (reply_.outcome.healthy() || account_ != nullptr) examine_latency();
    if (reply_.outcome.healthy() && question_.serial_from) {
      auto comparing = compare_serial();
      co_await std::move(comparing);
    }
    if (account_ != nullptr && validation_) account_->chain = validation_->steps();
    co_return std::move(reply_.outcome);
  }

 private:
  /// Over one transport, or over both in turn. The latency is that of the slower one.
  asio::awaitable<void> examine_each() {
    if (question_.transport != DnsTransport::both) {
      auto examining = examine(question_.transport, "");
      co_await std::move(examining);
      co_return;
    }
    auto first = examine(DnsTransport::udp, " over UDP");
    co_await std::move(first);
    if (!reply_.outcome.healthy()) {
      reply_.outcome.detail += " (over UDP)";
      co_return;
    }
    const auto latency = reply_.outcome.latency;
    auto second = examine(DnsTransport::tcp, " over TCP");
    co_await std::move(second);
    if (!reply_.outcome.healthy()) reply_.outcome.detail += " (over TCP)";
    reply_.outcome.latency = std::max(latency, reply_.outcome.latency);
  }

  asio::awaitable<void> examine(DnsTransport transport, std::string_view over) {
    auto question = question_;
    question.transport = transport;
    if (!over.empty()) question.timeout = rest();  // else it is all there is, to the nanosecond
    auto asking = ask_once(std::move(question), account_ != nullptr);
    reply_ = co_await std::move(asking);
    add_account(over);
    if (!reply_.outcome.healthy() || !validation_) co_return;
    auto validating = validate(transport);
    co_await std::move(validating);
    if (account_ != nullptr) {
      account_->expectations.push_back(
          {fmt::format("signed, up to the trust anchor{}", over), reply_.outcome.healthy(),
           reply_.outcome.healthy() ? "validated" : reply_.outcome.detail});
    }
  }

  void add_account(std::string_view over) {
    if (account_ == nullptr) return;
    if (!reply_.account) {
      account_->expectations.push_back(
          {fmt::format("an answer{}", over), false, reply_.outcome.detail});
      return;
    }
    auto& seen = *reply_.account;
    if (seen.expectations.empty())
      seen.expectations.push_back({"an answer that can be read", false, reply_.outcome.detail});
    for (auto& step : seen.expectations) {
      step.what += over;
      account_->expectations.push_back(std::move(step));
    }
    for (auto& fact : seen.facts) account_->facts.push_back(std::move(fact));
    account_->answers = std::move(seen.answers);
  }

  /// Asks the same server for the keys that it takes. They are asked for each time: whether they
  /// are still there and still signed is part of what users need.
  asio::awaitable<void> validate(DnsTransport transport) {
    validation_->judge(reply_.message);
    auto question = question_;
    question.transport = transport;
    question.expect = {};
    question.expect.min_answers = 0;
    for (;;) {
      const auto needed = validation_->next();
      if (!needed) break;
      question.timeout = rest();
      auto wire = Question::signed_records(needed->name, needed->type,
                                           question.edns.value_or(core::Edns{.dnssec_ok = true}));
      auto asking = ask_once(question, std::move(wire), false);
      const auto answer = co_await std::move(asking);
      if (!answer.outcome.healthy()) {
        reply_.outcome.kind =
            answer.outcome.kind == OutcomeKind::nxdomain ? OutcomeKind::error : answer.outcome.kind;
        reply_.outcome.detail = fmt::format("cannot validate: {} {}: {}", type_text(needed->type),
                                            name_text(needed->name), answer.outcome.detail);
        co_return;
      }
      validation_->take(*needed, answer.message);
    }
    if (validation_->wrong().empty()) co_return;
    reply_.outcome.kind = OutcomeKind::error;
    reply_.outcome.detail = validation_->wrong();
  }

  void examine_latency() {
    const auto& longest = question_.expect.max_latency;
    auto& outcome = reply_.outcome;
    // Without an answer there is no latency, but what has been waited for it.
    if (!longest || (!outcome.healthy() && !reply_.account)) return;
    const bool fast = outcome.latency <= *longest;
    if (account_ != nullptr) {
      account_->expectations.push_back(
          {"within " + core::describe(*longest), fast, core::describe(outcome.latency)});
    }
    if (fast || !outcome.healthy()) return;
    if (outcome.latency > question_.timeout) {  // it lay there when the time was over
      outcome.kind = OutcomeKind::unable;
      outcome.detail = "cannot ask (this host was too busy to tell how long the answer took)";
      return;
    }
    outcome.kind = OutcomeKind::error;
    outcome.detail = fmt::format("expected an answer within {}", core::describe(*longest));
  }

  /// Holds the serial against that of the other server. That one being out of reach is no fault of
  /// the server that was asked, which goes on answering users: it is only mentioned.
  asio::awaitable<void> compare_serial() {
    const auto from = *question_.serial_from;
    core::DnsQuestion other{.server = from.server, .name = question_.name};
    other.type = question_.type;
    other.klass = question_.klass;
    other.tries = question_.tries;
    other.timeout = rest();
    auto asking = ask_once(std::move(other), false);
    const auto reference = co_await std::move(asking);
    auto& outcome = reply_.outcome;
    const auto what = [&] {
      return fmt::format("serial no more than {} behind {}", from.lag, from.server.text());
    };
    if (!reply_.serial || !reference.serial) {
      outcome.detail +=
          fmt::format(", not compared with {}: {}", from.server.text(), reference.outcome.detail);
      if (account_ != nullptr)
        account_->expectations.push_back(
            {what(), true, "not compared: " + reference.outcome.detail});
      co_return;
    }
    auto verdict = compare_serials(*reply_.serial, *reference.serial, from);
    const bool fresh = verdict.kind == OutcomeKind::ok;
    if (account_ != nullptr) {
      account_->expectations.push_back(
          {what(), fresh, fmt::format("{}, there {}", *reply_.serial, *reference.serial)});
    }
    if (fresh) co_return;
    outcome.kind = verdict.kind;
    outcome.detail = std::move(verdict.detail);
  }

  /// What is left of the time for another exchange; never nothing.
  core::Duration rest() const {
    return std::max<core::Duration>(question_.timeout - (Clock::now() - begun_),
                                    std::chrono::milliseconds(1));
  }

  core::DnsQuestion question_;
  core::Account* account_;
  core::Time begun_ = Clock::now();
  std::optional<Validation> validation_;
  Reply reply_;
};

}  // namespace

asio::awaitable<core::Outcome> ask(core::DnsQuestion question, core::Account* account) {
  try {
    Examination examination(std::move(question), account);
    auto examining = examination.carry_out();
    auto outcome = co_await std::move(examining);
    co_return outcome;
  } catch (const std::bad_alloc&) {
    co_return core::Outcome{OutcomeKind::unable, {}, "cannot ask (out of memory)"};
  } catch (const std::exception& exception) {
    co_return core::Outcome{
        OutcomeKind::error, {}, fmt::format("cannot ask ({})", core::printable(exception.what()))};
  }
}

}  // namespace withdrawd::dns
