// What deciding costs, in instructions that callgrind counts: the same on a busy machine as on a
// quiet one. bench/decisions builds and runs this. It drives the Controller through a world that
// obeys, and does nothing else: no DNS, no bgpd, no log.

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>

#include "core/controller.hpp"

using namespace withdrawd::core;
using namespace std::chrono_literals;

namespace {

class World {
 public:
  World(std::size_t prefixes, std::size_t checks) : failing_(checks, false) {
    Settings settings;
    for (std::size_t i = 0; i < checks; ++i) {
      Check check{std::to_string(i),
                  DnsQuestion{.server = {Address(Family::ipv4, {127, 0, 0, 1}), 53}, .name = "a"},
                  {}};
      check.policy.interval = 1s;
      settings.checks.push_back(std::move(check));
    }
    const Instance instance{Asn::from(65001).value(), {}, {}};
    bgpd_.config.instances.push_back(instance);
    // All prefixes but one depend on the first check, the last one on all others.
    Rule most{.name = "most", .checks = {0}};
    for (std::size_t i = 0; i < prefixes; ++i) {
      const std::string text =
          "10." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + ".0/24";
      most.prefixes.push_back(Prefix::parse(text).value());
    }
    Rule rest{.name = "rest", .prefixes = {Prefix::parse("192.0.2.0/24").value()}};
    for (std::size_t i = 1; i < checks; ++i) rest.checks.push_back(i);
    settings.rules.push_back(std::move(most));
    if (checks > 1) settings.rules.push_back(std::move(rest));
    for (const Rule& rule : settings.rules) {
      for (const Prefix& prefix : rule.prefixes) {
        bgpd_.config.instances[0].networks.emplace(prefix, NetworkOptions{});
        bgpd_.in_table.emplace(Lookup{prefix, {}}, true);
        bgpd_.advertised_to.emplace(Lookup{prefix, {}}, 1);
      }
    }
    controller_ = std::make_unique<Controller>(std::move(settings), Memory{}, now_);
    carry_out(controller_->wake(now_));
  }

  void run_for(Duration span) {
    const Time end = now_ + span;
    while (true) {
      const auto wake = controller_->next_wake();
      Time next = wake.value_or(Time::max());
      if (!answers_.empty()) next = std::min(next, answers_.front().first);
      if (next > end) break;
      now_ = std::max(now_, next);
      if (!answers_.empty() && answers_.front().first <= now_) {
        Event event = std::move(answers_.front().second);
        answers_.pop_front();
        carry_out(controller_->on(std::move(event), now_));
      } else {
        carry_out(controller_->wake(now_));
      }
    }
    now_ = end;
  }

  void fail(bool failing) { failing_[0] = failing; }
  std::size_t statements() const { return bgpd_.config.instances[0].networks.size(); }

 private:
  void carry_out(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* ask = std::get_if<AskCheck>(&effect)) {
        CheckAnswered answer{ask->check, {OutcomeKind::ok, 1ms, "192.0.2.53"}};
        if (failing_[ask->check]) answer.outcome.kind = OutcomeKind::nxdomain;
        later(std::move(answer));
      } else if (const auto* read = std::get_if<ReadBgpd>(&effect)) {
        later(BgpdRead{seen(read->lookups), "socket"});
      } else if (const auto* apply = std::get_if<ApplyPlan>(&effect)) {
        for (const Change& change : apply->plan.changes) take(change);
        later(PlanApplied{seen(apply->lookups), "socket", {}});
      }
    }
  }
  void later(Event event) { answers_.emplace_back(now_ + 1ms, std::move(event)); }
  void take(const Change& change) {
    auto& networks = bgpd_.config.instances[0].networks;
    const bool there = change.verb == Change::Verb::announce;
    there ? static_cast<void>(networks.emplace(change.prefix, change.options))
          : static_cast<void>(networks.erase(change.prefix));
    bgpd_.in_table[{change.prefix, {}}] = there;
    bgpd_.advertised_to[{change.prefix, {}}] = there ? 1 : 0;
  }
  Observed seen(const std::vector<Lookup>& lookups) const {
    if (lookups.size() == bgpd_.in_table.size()) return bgpd_;
    Observed some{bgpd_.config, {}, {}};
    for (const Lookup& lookup : lookups) {
      some.in_table[lookup] = bgpd_.in_table.at(lookup);
      some.advertised_to[lookup] = bgpd_.advertised_to.at(lookup);
    }
    return some;
  }

  Time now_ = Time{} + 1h;
  std::vector<bool> failing_;
  Observed bgpd_;
  std::deque<std::pair<Time, Event>> answers_;
  std::unique_ptr<Controller> controller_;
};

}  // namespace

// callgrind counts what happens inside of one of these; noipa, for two of them are the same.
[[gnu::noipa]] void while_healthy(World& world) {
  world.run_for(10s);
}
[[gnu::noipa]] void while_it_falls(World& world) {
  world.run_for(2s);
}
[[gnu::noipa]] void while_sick(World& world) {
  world.run_for(10s);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto number = [&](int i) { return static_cast<std::size_t>(std::atoi(argv[i])); };
  World world(number(1), number(2));
  world.run_for(20s);
  while_healthy(world);
  world.fail(true);
  while_it_falls(world);
  world.run_for(20s);
  while_sick(world);
  std::printf("%zu\n", world.statements());
}
