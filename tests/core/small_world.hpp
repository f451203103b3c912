#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/controller.hpp"

namespace withdrawd::core::testing {

using namespace std::chrono_literals;

inline Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}
inline VtyName vty_name(std::string_view text) {
  return VtyName::parse(text).value();
}
inline const Asn asn = Asn::from(65001).value();

/// The smallest world in which a Controller can live: one DNS answer a check, one bgpd, a clock
/// that jumps from event to event. What each of them does next is a plain variable that the test
/// sets.
class SmallWorld {
 public:
  /// How bgpd takes an operation.
  enum class Manner {
    obeys,
    unreachable,
    silent,       ///< answers nothing until its time limit
    locked,       ///< reads are answered, statements are not taken
    refuses,      ///< the same, for good reason
    no_effect,    ///< claims success, and nothing has changed
    hangs,        ///< does not come back at all
    loses_answer  ///< takes the statements; the connection ends before the answer
  };
  struct Sent {
    Duration at;
    std::string statement;
    bool operator==(const Sent&) const = default;
  };
  struct Told {
    Duration at;
    Severity severity;
    std::string text;
  };

  // DNS
  std::vector<Outcome> dns;
  Duration dns_latency = 1ms;
  // bgpd
  Manner manner = Manner::obeys;
  bool running = true;
  RunningConfig config;                ///< what it has
  std::optional<RunningConfig> file;   ///< what it starts with; none: what it has
  std::map<Prefix, bool> table;        ///< where the table differs from the configuration
  std::vector<Prefix> without_answer;  ///< look-ups that it does not answer
  std::map<Prefix, unsigned> peers;    ///< that it says it advertises a prefix to
  std::map<Prefix, OtherPath> others;  ///< in the table, if there is none of its own
  std::vector<std::string> on_vty;     ///< what it answers to `who`
  bool find_fails = false;
  bool stop_fails = false;
  bool hides = false;  ///< runs, and is nowhere among the processes
  std::optional<RestartCommand> restart_command;
  bool stop_finds_nothing = false;
  SessionsEnded sessions{};  ///< of a bgpd that is killed
  bool restart_fails = false;
  bool restart_does_nothing = false;
  Duration latency = 2ms;
  Duration patience = 1s;  ///< the time limit of an operation
  Duration restart_time = 100ms;

  /// What the fleet makes of an asking; none: it does not answer.
  std::function<void(const AskLeave&)> leave;
  void answer_later(Duration delay, LeaveAnswered answer) {
    later(delay, [answer](SmallWorld&) -> Event { return answer; });
  }

  // What has come of it.
  std::vector<Sent> sent;
  std::size_t looked_up = 0;          ///< by the last plan
  std::optional<LogBatch> told_last;  ///< many lines alike
  std::vector<Told> told;
  std::vector<Note> notes;
  std::vector<Duration> asked;  ///< check 0
  template <class What>
  struct At {
    Duration at;
    What what;
  };
  std::vector<At<AskLeave>> leave_asked;
  std::vector<At<SayPlace>> said;
  std::vector<Duration> read;
  std::vector<Duration> found;
  std::vector<Duration> stopped;
  std::vector<Duration> restarted;

  explicit SmallWorld(Settings settings, const Memory& memory = {})
      : dns(settings.checks.size(), good()),
        config({{Instance{asn, {}, {}}}, {}}),
        controller_(std::move(settings), memory, start()) {}

  static Outcome good() { return {OutcomeKind::ok, 1ms, "192.0.2.53"}; }
  static Outcome bad(OutcomeKind kind = OutcomeKind::timeout) { return {kind, 1ms, ""}; }

  Controller& controller() { return controller_; }
  Report report() const { return controller_.report(now_); }
  Duration now() const { return now_ - start(); }
  std::map<Prefix, NetworkOptions>& networks() { return config.instances.front().networks; }
  bool announced(std::string_view text) const {
    return running && in_table(config.instances.front(), prefix(text));
  }

  /// Lets time pass; every event due until then happens.
  void run_for(Duration span) { run_until(now_ + span); }

  /// Lets time pass until `done`; fails the test if that takes longer than `limit`.
  Duration run_until(const std::function<bool()>& done, Duration limit = 60s) {
    const Time begin = now_;
    if (!awake_) run_until(now_);
    while (!done()) {
      const auto next = next_time();
      REQUIRE_MESSAGE(next, "the world has come to a stop");
      REQUIRE_MESSAGE(*next - begin <= limit, "it takes too long");
      step(*next);
    }
    return now_ - begin;
  }

  /// Time passes for everybody but the Controller, and nothing happens in it.
  void stand_still(Duration span) { now_ += span; }

  void lose_connection() { feed(ConnectionLost{}); }
  void feed(const Event& event) {
    if (!awake_) wake();
    carry_out(controller_.on(event, now_));
  }

  std::size_t count_told(Severity severity, std::string_view part = "") const {
    std::size_t count = 0;
    for (const Told& one : told) {
      if (one.severity == severity && one.text.find(part) != std::string::npos) ++count;
    }
    return count;
  }
  std::vector<std::string> statements() const {
    std::vector<std::string> all;
    for (const Sent& one : sent) all.push_back(one.statement);
    return all;
  }

 private:
  struct Due {
    Time at;
    std::function<Event(SmallWorld&)> make;
  };

  static Time start() { return Time{} + 1000s; }

  void run_until(Time until) {
    if (!awake_) wake();
    for (auto next = next_time(); next && *next <= until; next = next_time()) step(*next);
    now_ = until;
  }

  std::optional<Time> next_time() const {
    std::optional<Time> next = controller_.next_wake();
    for (const Due& due : due_) {
      if (!next || due.at < *next) next = due.at;
    }
    if (next && *next < now_) next = now_;
    return next;
  }

  void wake() {
    awake_ = true;
    carry_out(controller_.wake(now_));
    // Whoever is woken does something or wants to sleep on: else it would be woken forever.
    const auto next = controller_.next_wake();
    REQUIRE_MESSAGE((!next || *next > now_), "wants to be woken in the past, having done nothing");
  }

  void step(Time at) {
    now_ = at;
    for (auto due = due_.begin(); due != due_.end(); ++due) {
      if (due->at > now_) continue;
      const auto make = std::move(due->make);
      due_.erase(due);
      const Event event = make(*this);
      carry_out(controller_.on(event, now_));
      return;
    }
    wake();
  }

  void carry_out(const Effects& effects) {
    for (const Effect& effect : effects) {
      std::visit([this](const auto& one) { carry_out(one); }, effect);
    }
  }
  void later(Duration delay, std::function<Event(SmallWorld&)> make) {
    due_.push_back({now_ + delay, std::move(make)});
  }

  void carry_out(const AskCheck& effect) {
    if (effect.check == 0) asked.push_back(now());
    later(dns_latency, [effect](SmallWorld& world) -> Event {
      return CheckAnswered{effect.check, world.dns[effect.check], effect.asking};
    });
  }
  void carry_out(const LogLine& effect) { told.push_back({now(), effect.severity, effect.text}); }
  void carry_out(const LogBatch& effect) {
    told_last = effect;
    for (std::size_t i = 0; i < effect.count; ++i) carry_out(effect.make(i));
  }
  void carry_out(const Note& effect) { notes.push_back(effect); }
  void carry_out(const SayPlace& effect) { said.push_back({now(), effect}); }
  void carry_out(const AskLeave& effect) {
    leave_asked.push_back({now(), effect});
    if (leave) leave(effect);
  }
  void carry_out(const FindBgpd&) {
    found.push_back(now());
    later(1ms, [](SmallWorld& world) -> Event {
      if (world.find_fails) {
        return BgpdFound{std::unexpected(Error{"look for bgpd", "no /proc", ""})};
      }
      return BgpdFound{world.pids(), world.restart_command};
    });
  }
  void carry_out(const StopBgpd&) {
    stopped.push_back(now());
    later(1ms, [](SmallWorld& world) -> Event {
      if (world.stop_fails) {
        return BgpdStopped{std::unexpected(Error{"kill bgpd", "not permitted", ""})};
      }
      if (world.stop_finds_nothing || world.hides) return BgpdStopped{std::vector<pid_t>{}};
      auto killed = world.pids();
      world.running = false;
      return BgpdStopped{std::move(killed), world.restart_command, world.sessions};
    });
  }
  void carry_out(const RestartBgpd&) {
    restarted.push_back(now());
    later(restart_time, [](SmallWorld& world) -> Event {
      if (world.restart_fails) {
        return BgpdRestarted{std::unexpected(Error{"run restart", "exit status 1", ""})};
      }
      if (!world.restart_does_nothing) world.start_bgpd();
      return BgpdRestarted{std::string{}};
    });
  }
  void carry_out(const ReadBgpd& effect) {
    read.push_back(now());
    if (manner == Manner::hangs) return;
    later(waits() ? patience : latency, [effect](SmallWorld& world) -> Event {
      if (auto trouble = world.failure()) return BgpdRead{std::unexpected(*trouble), "socket"};
      Observed observed = world.observe(effect.lookups);
      if (effect.who) observed.on_vty = world.on_vty;
      return BgpdRead{std::move(observed), "socket"};
    });
  }
  void carry_out(const ApplyPlan& effect) {
    for (const Change& change : effect.plan.changes) sent.push_back({now(), change.statement()});
    looked_up = effect.lookups.size();
    if (manner == Manner::hangs) return;
    later(waits() ? patience : latency,
          [plan = effect.plan, lookups = effect.lookups](SmallWorld& world) -> Event {
            auto trouble = world.failure();
            if (!trouble && world.manner == Manner::locked)
              trouble = Failure{Trouble::locked, {"send statements", "locked", ""}};
            if (!trouble && world.manner == Manner::refuses)
              trouble = Failure{Trouble::refused, {"send statements", "refused", ""}};
            if (!trouble && world.manner != Manner::no_effect) world.type(plan);
            if (world.manner == Manner::loses_answer)
              trouble = Failure{Trouble::unreachable, {"send statements", "hung up", ""}};
            if (trouble) return PlanApplied{std::unexpected(*trouble), "socket", {}};
            return PlanApplied{world.observe(lookups), "socket", {}};
          });
  }

  bool waits() const { return running && manner == Manner::silent; }
  std::optional<Failure> failure() const {
    if (!running || manner == Manner::unreachable) {
      return Failure{Trouble::unreachable, {"connect to bgpd", "connection refused", ""}};
    }
    if (manner == Manner::silent) return Failure{Trouble::silent, {"read bgpd", "no answer", ""}};
    return std::nullopt;
  }
  Result<std::vector<pid_t>> pids() const {
    return running && !hides ? std::vector<pid_t>{4711} : std::vector<pid_t>{};
  }

 public:
  void start_bgpd() {
    running = true;
    if (file) config = *file;
  }

 private:
  void type(const Plan& plan) {
    for (const Change& change : plan.changes) {
      for (Instance& instance : config.instances) {
        if (instance.asn != change.asn || instance.key != change.instance) continue;
        if (change.verb == Change::Verb::withdraw) {
          instance.networks.erase(change.prefix);
        } else {
          instance.networks.insert_or_assign(change.prefix, change.options);
        }
      }
    }
  }

  bool in_table(const Instance& instance, const Prefix& which) const {
    if (auto it = table.find(which); it != table.end()) return it->second;
    const auto network = instance.networks.find(which);
    return network != instance.networks.end() &&
           (!network->second.route_map ||
            config.route_maps.contains(network->second.route_map->text()));
  }

  Observed observe(const std::vector<Lookup>& lookups) const {
    Observed observed{config, {}};
    for (const Lookup& lookup : lookups) {
      const auto chosen = choose_instance(config, lookup.instance);
      if (!chosen || std::ranges::find(without_answer, lookup.prefix) != without_answer.end()) {
        continue;
      }
      const bool there = in_table(**chosen, lookup.prefix);
      observed.in_table[lookup] = there;
      if (auto it = peers.find(lookup.prefix); it != peers.end()) {
        observed.advertised_to[lookup] = it->second;
      }
      if (auto it = others.find(lookup.prefix); it != others.end() && !there) {
        observed.other_paths[lookup] = it->second;
      }
    }
    return observed;
  }

  Time now_ = start();
  bool awake_ = false;
  std::vector<Due> due_;
  Controller controller_;
};

/// A check that asks every 800 ms (200 ms near an edge) and believes `rise` good and `fall` bad
/// outcomes in a row.
inline Check check(std::string_view name, unsigned rise = 1, unsigned fall = 1) {
  return {std::string(name),
          DnsQuestion{{Address::parse("127.0.0.1").value(), 53}, "www.test.com"},
          {.rise = rise, .fall = fall}};
}

inline Rule rule(std::string_view name, std::vector<Prefix> prefixes,
                 std::vector<std::size_t> checks = {0}) {
  return {.name = std::string(name),
          .prefixes = std::move(prefixes),
          .checks = std::move(checks),
          .instance = {},
          .route_map = {}};
}

/// One check, one rule, one prefix: 192.0.2.0/24.
inline Settings one_rule() {
  Settings settings;
  settings.checks = {check("resolver")};
  settings.rules = {rule("anycast", {prefix("192.0.2.0/24")})};
  return settings;
}

}  // namespace withdrawd::core::testing
