// Many sites of a fleet in one process, against a real etcd: each has the guard and the link that
// withdrawd has, a connection and a lease of its own, and a bgpd that obeys at once. bench/fleet.py
// builds and runs this, one line of JSON a part:
//
//   fleet_sites PORT SITES PREFIXES KEEP LEASE_SECONDS

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fleet_guard.hpp"
#include "fleet/link.hpp"

namespace asio = boost::asio;
namespace json = boost::json;
using namespace withdrawd;
using namespace std::chrono_literals;
using core::Time;

namespace {

Time now() {
  return std::chrono::steady_clock::now();
}

double seconds(core::Duration span) {
  return std::chrono::duration<double>(span).count();
}

/// What goes through the sockets of this process: HTTP, whole.
struct Wire {
  std::map<std::string, std::size_t, std::less<>> requests;  ///< by path
  std::size_t sent = 0, received = 0;
  Time last{};  ///< when there was something but renewals of leases

  void send(std::string_view begin, ssize_t size) {
    if (size <= 0) return;
    sent += static_cast<std::size_t>(size);
    constexpr std::string_view post = "POST ";
    if (!begin.starts_with(post)) return;
    begin.remove_prefix(post.size());
    const std::string_view path = begin.substr(0, begin.find(' '));
    if (path != "/v3/lease/keepalive") last = now();
    const auto known = requests.find(path);
    known == requests.end() ? static_cast<void>(requests.emplace(path, 1))
                            : static_cast<void>(++known->second);
  }
  void receive(ssize_t size) {
    if (size > 0) received += static_cast<std::size_t>(size);
  }
} wire;

}  // namespace

// In place of those of the C library.
extern "C" {
ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  const ssize_t size = ::syscall(SYS_sendmsg, socket, message, flags);
  std::string begin;  // comes in pieces
  for (std::size_t i = 0; i < message->msg_iovlen && begin.size() < 64; ++i) {
    const iovec& piece = message->msg_iov[i];
    begin.append(static_cast<const char*>(piece.iov_base),
                 std::min<std::size_t>(piece.iov_len, 64));
  }
  wire.send(begin, size);
  return size;
}
ssize_t send(int socket, const void* data, std::size_t length, int flags) {
  const ssize_t size = ::syscall(SYS_sendto, socket, data, length, flags, nullptr, 0);
  wire.send({static_cast<const char*>(data), length}, size);
  return size;
}
ssize_t recvmsg(int socket, msghdr* message, int flags) {
  const ssize_t size = ::syscall(SYS_recvmsg, socket, message, flags);
  wire.receive(size);
  return size;
}
ssize_t recv(int socket, void* data, std::size_t length, int flags) {
  const ssize_t size = ::syscall(SYS_recvfrom, socket, data, length, flags, nullptr, nullptr);
  wire.receive(size);
  return size;
}
}

namespace {

struct Options {
  std::uint16_t port;
  std::size_t sites, prefixes, keep;
  std::chrono::seconds lease;
};

/// What came of all askings of a part.
struct Answers {
  std::vector<double> latencies;  ///< of those that were answered, in seconds
  std::size_t granted = 0, refused = 0;
  std::size_t given_up = 0;  ///< for the connection had to be made anew
  Time last{};
} answers;

class Site {
 public:
  Site(asio::io_context& io, core::Settings settings, const core::FleetAccess& access)
      : io_(io),
        settings_(std::move(settings)),
        guard_(settings_),
        timer_(io),
        prefixes_(settings_.rules[0].prefixes.size()) {
    link_ = std::make_shared<fleet::Link>(
        io.get_executor(), *settings_.fleet, access,
        [] { return core::Result<std::string>(std::string()); },
        [this](const core::Event& event) { on(event); });
  }

  void start() {
    link_->start();
    judge();
  }
  void stop() { link_->stop(); }
  fleet::Link& link() { return *link_; }

  /// The first so many prefixes are sick from now on, or well again.
  void fail(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) prefixes_[i].health = core::Health::down;
    judge();
  }
  void recover() {
    for (Prefix& prefix : prefixes_) {
      prefix.health = core::Health::up;
      prefix.standing = core::Standing::announced;
      prefix.asked = prefix.answered = false;
    }
    judge();
  }

  bool announces(std::size_t prefix) const {
    return prefixes_[prefix].standing == core::Standing::announced;
  }

  /// Has each sick prefix gone, or been refused?
  bool is_settled() const {
    return std::ranges::all_of(prefixes_, [](const Prefix& prefix) {
      return prefix.health == core::Health::up || prefix.answered;
    });
  }

 private:
  struct Prefix {
    core::Health health = core::Health::up;
    core::Standing standing = core::Standing::announced;
    core::DesiredState wanted{.desired = core::Desired::announced};
    Time asked_at{};  ///< first, of this illness
    bool asked = false, answered = false;
  };

  void on(const core::Event& event) {
    if (const auto* answer = std::get_if<core::LeaveAnswered>(&event)) {
      Prefix& prefix = prefixes_[answer->prefix];
      using Answer = core::LeaveAnswered::Answer;
      if (answer->answer == Answer::unreachable) {
        ++answers.given_up;
      } else if (prefix.asked && !std::exchange(prefix.answered, true)) {
        ++(answer->answer == Answer::granted ? answers.granted : answers.refused);
        answers.last = now();
        answers.latencies.push_back(seconds(answers.last - prefix.asked_at));
      }
      guard_.on_event(*answer, now());
    } else if (const auto* reached = std::get_if<core::FleetReached>(&event)) {
      guard_.on_event(*reached, now());
    } else if (const auto* changed = std::get_if<core::FleetChanged>(&event)) {
      guard_.on_event(*changed);
    }
    if (std::exchange(due_, true)) return;
    // Of one transaction all answers come at once.
    asio::post(io_, [this] { judge(); });
  }

  void judge() {
    due_ = false;
    bool again = false;
    core::Effects effects;
    for (std::size_t i = 0; i < prefixes_.size(); ++i) {
      Prefix& prefix = prefixes_[i];
      const bool well = prefix.health == core::Health::up;
      const core::DesiredState wanted{.desired = well ? core::Desired::announced
                                                      : core::Desired::withdrawn};
      prefix.wanted = guard_.judge(i,
                                   {.wanted = wanted,
                                    .before = prefix.wanted,
                                    .standing = prefix.standing,
                                    .health = prefix.health},
                                   now(), effects);
      const bool gone = prefix.wanted.desired == core::Desired::withdrawn;
      if (gone && prefix.standing == core::Standing::announced) {
        prefix.standing = core::Standing::absent;
        again = true;
      }
    }
    for (const core::Effect& effect : effects) {
      if (const auto* ask = std::get_if<core::AskLeave>(&effect)) {
        Prefix& prefix = prefixes_[ask->prefix];
        if (!std::exchange(prefix.asked, true)) prefix.asked_at = now();
        link_->ask(*ask);
      } else if (const auto* say = std::get_if<core::SayPlace>(&effect)) {
        link_->say(*say);
      }
    }
    if (again) {
      judge();
      return;
    }
    const auto next = guard_.next_change();
    if (!next) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(*next);
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) judge();
    });
  }

  asio::io_context& io_;
  core::Settings settings_;  ///< the guard looks into it
  core::FleetGuard guard_;
  asio::steady_timer timer_;
  std::vector<Prefix> prefixes_;
  std::shared_ptr<fleet::Link> link_;
  bool due_ = false;
};

/// How long nothing is sent until a part is over: longer than withdrawd waits for an answer.
constexpr auto quiet = 2500ms;
constexpr auto longest = 120s;

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    core::FleetAccess access;
    access.lease = options.lease;
    access.endpoints.push_back({.host = "127.0.0.1", .port = options.port});
    for (std::size_t i = 0; i < options.sites; ++i) {
      sites_.push_back(std::make_unique<Site>(io_, settings(i), access));
    }
  }

  void run() {
    part("join", [this] {
      for (auto& site : sites_) {
        site->start();
        run_for(30ms);
      }
      settle();
    });
    // They look for others to lean on with the first renewal of their leases.
    run_for(options_.lease / 2);
    part("rest", [this] { run_for(10s); });
    part("one", [this] {
      for (std::size_t i = 0; i < 30; ++i) leave_alone(i, 1);
    });
    part("one-all", [this] {
      for (std::size_t i = 0; i < 10; ++i) leave_alone(i, options_.prefixes);
    });
    part("all", [this] {
      for (auto& site : sites_) site->fail(options_.prefixes);
      settle();
    });
    part("look", [this] { look(); });
    part("back", [this] {
      for (auto& site : sites_) site->recover();
      settle();
    });
    for (auto& site : sites_) site->stop();
  }

 private:
  core::Settings settings(std::size_t number) const {
    core::Settings settings;
    settings.fleet = core::Fleet{.group = "bench",
                                 .site = fmt::format("site{:05}", number),
                                 .keep_announcing = {.least = options_.keep},
                                 .hold_when_unreachable = true};
    core::Rule rule{.name = "bench"};
    for (std::size_t i = 0; i < options_.prefixes; ++i) {
      rule.prefixes.push_back(
          core::Prefix::parse(fmt::format("10.{}.{}.0/24", i / 256, i % 256)).value());
    }
    settings.rules.push_back(std::move(rule));
    return settings;
  }

  void run_for(core::Duration span) { io_.run_for(span); }

  /// Until all that were to ask have their answers, and nothing more is sent.
  void settle() {
    const Time begin = now();
    wire.last = begin;
    while (now() < begin + longest) {
      run_for(100ms);
      const bool settled =
          std::ranges::all_of(sites_, [](const auto& site) { return site->is_settled(); });
      // Those that were refused go on asking.
      if (settled && now() > std::max(wire.last, answers.last) + quiet) return;
      if (settled && answers.refused > 0 && now() > answers.last + 2 * quiet) return;
    }
    timed_out_ = true;
  }

  void leave_alone(std::size_t number, std::size_t prefixes) {
    // All over the fleet, and also those that come first.
    Site& site = *sites_[number * 7919 % sites_.size()];
    site.fail(prefixes);
    const Time until = now() + longest;
    while (!site.is_settled() && now() < until) io_.run_one();
    run_for(100ms);
    site.recover();
    run_for(100ms);
  }

  void look() {
    bool done = false;
    sites_[0]->link().look([&](const core::Result<core::FleetSites>& view) {
      done = true;
      if (!view) return;
      records_ = view->entries.size();
    });
    while (!done) io_.run_one();
  }

  template <class What>
  void part(std::string_view name, What what) {
    wire = {};
    answers = {};
    timed_out_ = false;
    const Time begin = now();
    what();
    const Time last = answers.last > begin ? answers.last : wire.last;
    const bool is_over_before = (name == "join" || name == "all" || name == "back") && last > begin;
    const double took = seconds((is_over_before ? last : now()) - begin);
    json::object requests;
    for (const auto& [path, count] : wire.requests) requests[path] = count;
    json::object line{{"part", name},
                      {"seconds", took},
                      {"requests", std::move(requests)},
                      {"sent", wire.sent},
                      {"received", wire.received},
                      {"granted", answers.granted},
                      {"refused", answers.refused},
                      {"given_up", answers.given_up},
                      {"timed_out", timed_out_},
                      {"latencies", summary(answers.latencies)}};
    if (name == "look") line["records"] = records_;
    line["fewest_announced"] = fewest_announced();
    fmt::print("{}\n", json::serialize(line));
    std::fflush(stdout);
  }

  /// Of the prefixes the one that the fewest sites announce: whatever etcd has.
  std::size_t fewest_announced() const {
    std::size_t fewest = options_.sites;
    for (std::size_t i = 0; i < options_.prefixes; ++i) {
      const auto count =
          std::ranges::count_if(sites_, [i](const auto& site) { return site->announces(i); });
      fewest = std::min(fewest, static_cast<std::size_t>(count));
    }
    return fewest;
  }

  static json::value summary(std::vector<double>& all) {
    if (all.empty()) return nullptr;
    std::ranges::sort(all);
    const auto at = [&](double share) {
      return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
    };
    // What a withdrawal waits for an answer by default.
    const auto in_time = std::ranges::upper_bound(all, 0.25) - all.begin();
    return json::object{{"count", all.size()},
                        {"median", at(0.5)},
                        {"most", at(0.99)},
                        {"worst", all.back()},
                        {"in_time", in_time}};
  }

  Options options_;
  asio::io_context io_;
  std::vector<std::unique_ptr<Site>> sites_;
  bool timed_out_ = false;
  std::size_t records_ = 0;  ///< as one look has found them
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const auto number = [&](int i) { return static_cast<std::size_t>(std::atoi(argv[i])); };
  Bench({.port = static_cast<std::uint16_t>(number(1)),
         .sites = number(2),
         .prefixes = number(3),
         .keep = number(4),
         .lease = std::chrono::seconds(number(5))})
      .run();
}
