#include "fleet/link.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <utility>

#include "as_result.hpp"
#include "core/outcome.hpp"
#include "files/beside.hpp"
#include "fleet/etcd_json.hpp"
#include "fleet/inspection.hpp"

namespace withdrawd::fleet {
namespace asio = boost::asio;
using core::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace {

/// An endpoint on the same continent answers within that, or is passed over.
constexpr core::Duration connect_patience = seconds(1);
/// etcd answers in milliseconds; without a leader, not at all. What is asked of it is then given up
/// long after the withdrawal that has waited for it.
constexpr core::Duration answer_patience = seconds(2);
/// For the disk that certificates and passwords are on.
constexpr core::Duration file_patience = seconds(1);
core::Error disk_hangs(std::string tried) {
  return {std::move(tried), "the disk has not answered for " + core::describe(file_patience), ""};
}
constexpr const char* tls_place = "the fleet's certificates";
constexpr const char* password_place = "the fleet's password";
constexpr core::Duration slow = milliseconds(400);
/// A larger transaction takes etcd longer in proportion, and all others that wait behind it. Nobody
/// knows who else begins at the same moment, so each begins with little.
constexpr std::size_t usual_operations = 30;
constexpr std::size_t fewest_operations = 15;
constexpr core::Duration idle = seconds(1);
constexpr core::Duration shortest_pause = milliseconds(100);
constexpr core::Duration longest_pause = seconds(2);
constexpr core::Duration quiet_watch = seconds(60);

/// Every so many renewals a site looks whether its records are its own: at a tenth of their cost.
constexpr unsigned renewals_between_looks = 9;
/// A page that somebody sees asks every two seconds.
constexpr core::Duration followed_for = seconds(10);

constexpr int not_found = 5;
constexpr int unauthenticated = 16;

std::int64_t wall_seconds() {
  return std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Tells this process from any other that writes under the same name, and people which host it is.
std::string name_of_run() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::random_device random;
  return fmt::format("{}/{:08x}", core::printable(host.data(), 64), random());
}

}  // namespace

Link::Link(asio::any_io_executor executor, core::Fleet fleet, core::FleetAccess access,
           Password password, Happen happen)
    : executor_(executor),
      fleet_(std::move(fleet)),
      access_(std::move(access)),
      keys_(fleet_.group),
      password_(std::move(password)),
      happen_(std::move(happen)),
      membership_(fleet_, name_of_run(), wall_seconds),
      patience_(first_patience()),
      at_a_time_(fewest_operations),
      wake_(executor),
      overview_(keys_),
      follow_end_(executor) {}

/// A third of the lease is what may be lost between two renewals.
core::Duration Link::first_patience() const {
  return std::max(answer_patience, access_.lease / 3);
}

core::Time Link::by(Duration span) const {
  return std::chrono::steady_clock::now() + span;
}

void Link::happen(const core::Event& event) const {
  if (!stopped_) happen_(event);
}

void Link::tell(const std::vector<core::LeaveAnswered>& answers) {
  for (const auto& answer : answers) happen(answer);
}

void Link::reached(bool is, std::string detail) {
  reached_ = is;
  unreached_why_ = is ? "" : detail;
  happen(core::FleetReached{is, std::move(detail)});
}

void Link::start() {
  asio::co_spawn(
      executor_,
      [](std::shared_ptr<Link> self) -> asio::awaitable<void> {
        co_await self->run();
      }(shared_from_this()),
      asio::detached);
}

void Link::stop() {
  stopped_ = true;
  wake_.cancel();
  follow_end_.cancel();
  for (const auto& weak : {connection_, watch_connection_, follow_connection_}) {
    if (const auto connection = weak.lock()) connection->close();
  }
}

void Link::ask(const core::AskLeave& ask) {
  membership_.ask(ask);
  if (reached_ == false) {
    // Whoever is known to be away is not waited for.
    asio::post(executor_, [self = shared_from_this()] {
      if (self->reached_ == false) self->tell(self->membership_.give_up("it cannot be reached"));
    });
  }
  wake_.cancel();
}

void Link::say(const core::SayPlace& say) {
  membership_.say(say);
  wake_.cancel();
}

asio::awaitable<void> Link::pause(Duration span) {
  asio::steady_timer timer(executor_, span);
  co_await timer.async_wait(as_result);
}

asio::awaitable<void> Link::run() {
  std::size_t failures = 0;
  Duration wait = shortest_pause;
  while (!stopped_) {
    const auto& endpoint = access_.endpoints[endpoint_ % access_.endpoints.size()];
    core::Result<void> done;
    if (endpoint.tls) {
      // Anew each time: certificates are renewed, and somebody may be mending it.
      auto making =
          files::beside(file_patience, [access = access_] { return Tls::make(access); }, tls_place);
      auto made = co_await std::move(making);
      if (made && *made) {
        tls_ = std::move(**made);
      } else {
        done = std::unexpected(made ? made->error() : disk_hangs("read the fleet's certificates"));
      }
    }
    if (done) {
      const auto connection = std::make_shared<HttpConnection>(executor_, endpoint, tls_);
      connection_ = connection;
      done = co_await connection->connect(by(connect_patience));
      if (done) done = co_await join(*connection);
      if (done && !stopped_) {
        failures = 0;
        wait = shortest_pause;
        reached(true, endpoint.text());
        done = co_await serve(*connection);
      }
      connection->close();
    }
    if (stopped_) break;
    membership_.on_unknown();
    ++endpoint_;
    if (++failures < access_.endpoints.size()) continue;
    reached(false, done ? "the connection has ended" : done.error().text());
    tell(membership_.give_up("the fleet's store cannot be reached: " +
                             (done ? std::string("it hung up") : done.error().text())));
    // Not all sites at the same moment.
    co_await pause(wait / 2 + wait / 200 * (std::hash<std::string>()(fleet_.site) % 100));
    wait = std::min<Duration>(wait * 2, longest_pause);
  }
}

/// Who is busy is not helped by being asked the same again and again.
void Link::learn_pace(Duration took) {
  if (took >= patience_) {
    // The lease must not end meanwhile.
    patience_ = std::max(answer_patience, std::min(patience_ * 2, access_.lease / 2));
  } else if (took < answer_patience) {
    patience_ = first_patience();
  }
}

asio::awaitable<Result<HttpAnswer>> Link::ask_etcd(HttpConnection& connection, std::string path,
                                                   std::string body, std::size_t longest) {
  const core::Time begin = by({});
  auto answer = co_await connection.post(path, body, token_, longest, begin + patience_);
  learn_pace(by({}) - begin);
  if (!answer || answer->status == 200 || access_.user.empty()) co_return answer;
  if (parse_refusal(answer->body).code != unauthenticated) co_return answer;
  // Tokens end, and are forgotten when etcd is restarted.
  if (auto again = co_await log_in(connection); !again) co_return std::unexpected(again.error());
  co_return co_await connection.post(std::move(path), std::move(body), token_, longest,
                                     by(answer_patience));
}

asio::awaitable<Result<std::string>> Link::ask_well(HttpConnection& connection, std::string path,
                                                    std::string body, std::size_t longest) {
  auto answer = co_await ask_etcd(connection, std::move(path), std::move(body), longest);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) co_return refused(*answer);
  co_return std::move(answer->body);
}

asio::awaitable<Result<void>> Link::log_in(HttpConnection& connection) {
  auto reading = files::beside(file_patience, password_, password_place);
  const auto read = co_await std::move(reading);
  if (!read) co_return std::unexpected(disk_hangs("read the fleet's password"));
  const auto& password = *read;
  if (!password) co_return std::unexpected(password.error());
  auto token = co_await fleet::log_in(connection, access_.user, *password, by(answer_patience));
  if (!token) co_return std::unexpected(token.error());
  token_ = std::move(*token);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Link::join(HttpConnection& connection) {
  if (!access_.user.empty() && token_.empty()) {
    if (auto in = co_await log_in(connection); !in) co_return in;
  }
  if (auto kept = co_await keep_lease(connection); !kept) co_return kept;
  if (!enrolled_) co_return co_await enroll(connection);
  co_return Result<void>{};
}

/// So that it is missed when it is silent.
asio::awaitable<Result<void>> Link::enroll(HttpConnection& connection) {
  const auto done =
      co_await ask_well(connection, "/v3/kv/put", put_json(keys_.members() + fleet_.site, "{}"),
                        longest_plain_answer);
  if (!done) co_return std::unexpected(done.error());
  enrolled_ = true;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Link::keep_lease(HttpConnection& connection) {
  renew_at_ = by(access_.lease / 3);
  if (const Lease lease = membership_.lease(); lease != 0) {
    const auto answer = co_await ask_well(connection, "/v3/lease/keepalive",
                                          lease_keepalive_json(lease), longest_plain_answer);
    if (!answer) co_return std::unexpected(answer.error());
    const auto lives = parse_lease_keepalive(*answer);
    if (!lives) co_return std::unexpected(lives.error());
    if (*lives) co_return Result<void>{};
  }
  const auto span = std::chrono::ceil<seconds>(access_.lease).count();
  const auto answer = co_await ask_well(connection, "/v3/lease/grant", lease_grant_json(span),
                                        longest_plain_answer);
  if (!answer) co_return std::unexpected(answer.error());
  const auto lease = parse_lease_grant(*answer);
  if (!lease) co_return std::unexpected(lease.error());
  membership_.use_lease(*lease);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Link::serve(HttpConnection& connection) {
  while (!stopped_) {
    if (std::chrono::steady_clock::now() >= renew_at_) {
      if (auto kept = co_await keep_lease(connection); !kept) co_return kept;
      membership_.look_around();
      look_at_name();
    } else if (membership_.has_work()) {
      if (auto done = co_await transact(connection); !done) co_return done;
    } else {
      wake_.expires_at(renew_at_);
      co_await wake_.async_wait(as_result);
    }
  }
  co_return Result<void>{};
}

void Link::look_at_name() {
  if (++renewals_ % renewals_between_looks == 0 || !contested_by_.empty()) {
    membership_.look_at_own();
  }
}

void Link::tell_of_name() {
  if (contested_by_ == membership_.name_contested_by()) return;
  contested_by_ = membership_.name_contested_by();
  happen(core::FleetNameContested{contested_by_});
}

asio::awaitable<Result<void>> Link::transact(HttpConnection& connection) {
  const core::Time begin = by({});
  if (begin > last_transaction_ + idle) at_a_time_ = fewest_operations;
  const Transaction transaction = membership_.next_transaction(at_a_time_);
  const auto answer = co_await ask_etcd(connection, "/v3/kv/txn", transaction_json(transaction),
                                        longest_answer(transaction));
  last_transaction_ = by({});
  if (last_transaction_ > begin + slow) {
    at_a_time_ = std::max(at_a_time_ / 2, fewest_operations);
  } else if (answer && last_transaction_ < begin + slow / 4) {
    at_a_time_ = std::min(at_a_time_ * 2, usual_operations);
  }
  if (!answer) {
    membership_.on_unknown();
    co_return std::unexpected(answer.error());
  }
  if (answer->status != 200) {
    membership_.on_unknown();
    // The lease has ended while nobody looked: the records are gone with it, and are written anew.
    if (parse_refusal(answer->body).code == not_found) co_return co_await keep_lease(connection);
    co_return refused(*answer);
  }
  const auto result = parse_transaction(answer->body, transaction);
  if (!result) {
    membership_.on_unknown();
    co_return std::unexpected(result.error());
  }
  tell(membership_.on_result(*result));
  tell_of_name();
  if (membership_.any_refused() && !std::exchange(watching_, true)) {
    asio::co_spawn(
        executor_,
        [](std::shared_ptr<Link> self) -> asio::awaitable<void> {
          co_await self->watch();
        }(shared_from_this()),
        asio::detached);
  }
  co_return Result<void>{};
}

/// While somebody has been refused: what the others write may help.
asio::awaitable<void> Link::watch() {
  while (!stopped_ && membership_.any_refused()) {
    const auto& endpoint = access_.endpoints[endpoint_ % access_.endpoints.size()];
    const auto connection = std::make_shared<HttpConnection>(executor_, endpoint, tls_);
    watch_connection_ = connection;
    auto done = co_await connection->connect(by(connect_patience));
    if (done) done = co_await watch_once(*connection);
    connection->close();
    if (!stopped_ && membership_.any_refused()) co_await pause(shortest_pause * 5);
  }
  watching_ = false;
}

asio::awaitable<Result<void>> Link::watch_once(HttpConnection& connection) {
  const Range all{keys_.places(), range_end(keys_.places())};
  if (auto open =
          co_await connection.open_lines("/v3/watch", watch_json(all), token_, by(answer_patience));
      !open) {
    co_return open;
  }
  while (!stopped_ && membership_.any_refused()) {
    const auto line = co_await connection.next_line(by(quiet_watch));
    if (!line) co_return std::unexpected(line.error());
    const auto written = parse_watch(*line);
    if (!written) co_return std::unexpected(written.error());
    if (!*written) co_return Result<void>{};
    std::set<std::size_t> helped;
    for (const Record& record : **written) {
      for (const std::size_t prefix : membership_.on_change(record)) helped.insert(prefix);
    }
    if (!helped.empty()) happen(core::FleetChanged{{helped.begin(), helped.end()}});
  }
  co_return Result<void>{};
}

asio::awaitable<Result<core::FleetSites>> Link::look_at_all() {
  const auto& endpoint = access_.endpoints[endpoint_ % access_.endpoints.size()];
  if (reached_ != true) {
    co_return std::unexpected(core::Error{"look at the fleet",
                                          reached_
                                              ? "its store cannot be reached: " + unreached_why_
                                              : "its store has not answered yet",
                                          ""});
  }
  HttpConnection connection(executor_, endpoint, tls_);
  if (auto done = co_await connection.connect(by(connect_patience)); !done) {
    co_return std::unexpected(done.error());
  }
  co_return co_await read_view(keys_, asker(connection));
}

Ask Link::asker(HttpConnection& connection) {
  return [this, &connection](std::string path, std::string body, std::size_t longest) {
    return ask_well(connection, std::move(path), std::move(body), longest);
  };
}

void Link::look(Show show) {
  asio::co_spawn(
      executor_,
      [](std::shared_ptr<Link> self, Show to) -> asio::awaitable<void> {
        auto view = co_await self->look_at_all();
        if (!self->stopped_) to(std::move(view));
      }(shared_from_this(), std::move(show)),
      asio::detached);
}

std::shared_ptr<const core::FleetSites> Link::sites() const {
  return overview_known_ ? overview_.sites() : nullptr;
}

void Link::follow() {
  if (stopped_) return;
  follow_end_.expires_after(followed_for);
  follow_end_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->following_ = false;
    if (const auto connection = self->follow_connection_.lock()) connection->close();
  });
  following_ = true;
  if (std::exchange(follower_runs_, true)) return;
  asio::co_spawn(
      executor_,
      [](std::shared_ptr<Link> self) -> asio::awaitable<void> {
        co_await self->keep_following();
      }(shared_from_this()),
      asio::detached);
}

asio::awaitable<void> Link::keep_following() {
  while (!stopped_ && following_) {
    if (reached_ == true) {
      const auto& endpoint = access_.endpoints[endpoint_ % access_.endpoints.size()];
      const auto connection = std::make_shared<HttpConnection>(executor_, endpoint, tls_);
      follow_connection_ = connection;
      if (co_await connection->connect(by(connect_patience))) co_await follow_once(*connection);
      connection->close();
    }
    // What is not heard of any more is not known.
    overview_known_ = false;
    if (!stopped_ && following_) co_await pause(shortest_pause * 5);
  }
  follower_runs_ = false;
}

asio::awaitable<Result<void>> Link::follow_once(HttpConnection& connection) {
  // What has changed since the first part was read, the watch tells.
  auto reading = read_all(keys_, asker(connection), Overview::most_records, overview_);
  const auto revision = co_await std::move(reading);
  if (!revision) co_return std::unexpected(revision.error());
  overview_known_ = true;
  happen(core::FleetChanged{});
  if (!*revision) {
    const core::Time again = by(quiet_watch);
    while (!stopped_ && following_ && by({}) < again) co_await pause(longest_pause);
    co_return Result<void>{};
  }
  const Range all{keys_.root(), range_end(keys_.root())};
  if (auto open = co_await connection.open_lines("/v3/watch", watch_json(all, **revision + 1),
                                                 token_, by(answer_patience));
      !open) {
    co_return open;
  }
  while (!stopped_ && following_) {
    const auto line = co_await connection.next_line(by(quiet_watch));
    if (!line) co_return std::unexpected(line.error());
    const auto watched = parse_changes(*line);
    if (!watched) co_return std::unexpected(watched.error());
    if (!*watched) co_return Result<void>{};
    for (const Watched::Change& change : (*watched)->changes) {
      change.removed ? overview_.removed(change.record.key) : overview_.written(change.record);
    }
    if (overview_.size() > Overview::most_records) co_return Result<void>{};
    if (!(*watched)->changes.empty()) happen(core::FleetChanged{});
  }
  co_return Result<void>{};
}

}  // namespace withdrawd::fleet
