#include "setting.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "random.hpp"

namespace withdrawd::simulation {

using core::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint16_t first_port = 53;
constexpr std::array prefixes{"192.0.2.0/24",     "198.51.100.0/24",  "203.0.113.64/26",
                              "2001:db8:53::/48", "2001:db8:54::/64", "203.0.113.128/26",
                              "2001:db8:55::/48"};

core::VtyName vty_name(std::string_view text) {
  return core::VtyName::parse(text).value();
}

/// Makes the configurations of a setting: a first one, and others that an editor has made of it.
class Maker {
 public:
  Maker(Random& random, Setting& setting, std::size_t rules, bool two_instances)
      : random_(random), setting_(setting) {
    for (std::size_t i = 0; i < rules; ++i) {
      place_.push_back(two_instances ? random_.below(2) : 0);
    }
    two_instances_ = two_instances;
  }

  Configuration first(core::Mode mode) {
    Configuration configuration;
    core::Settings& settings = configuration.settings;
    settings.mode = mode;
    for (std::size_t server = 0; server < setting_.servers; ++server) {
      settings.checks.push_back(check(server));
    }
    if (mode == core::Mode::soft) {
      for (std::size_t i = 0; i < place_.size(); ++i) {
        settings.rules.push_back(rule(i, settings));
        for (std::size_t n = 1 + random_.below(2); n > 0; --n) add_prefix(i, settings.rules.back());
        if (settings.rules.back().prefixes.empty()) settings.rules.pop_back();
      }
      group(settings);
    }
    settings.fallback.after = random_.between(seconds(2), seconds(5));
    settings.fallback.restart_delay_max = seconds(20);
    settings.reconcile_interval = random_.between(seconds(4), seconds(10));
    count_slots(configuration);
    return configuration;
  }

  /// One to four things have been edited.
  Configuration edited(Configuration configuration) {
    core::Settings& settings = configuration.settings;
    const bool hard = settings.mode == core::Mode::hard;
    for (std::size_t edits = 1 + random_.below(4); edits > 0; --edits) {
      switch (hard ? random_.below(2) : random_.below(8)) {
        case 0:
          edit_policy(settings.checks[random_.below(settings.checks.size())]);
          break;
        case 1:
          std::ranges::rotate(settings.checks, settings.checks.begin() + 1);
          for (core::Rule& one : settings.rules) rotate(one, settings.checks.size());
          break;
        case 2:
          if (settings.rules.size() > 1) {
            settings.rules.erase(settings.rules.begin() + below(settings.rules.size()));
          }
          break;
        case 3:
          add_rule(settings);
          break;
        case 4: {
          core::Rule& one = settings.rules[random_.below(settings.rules.size())];
          if (one.prefixes.size() > 1) {
            one.prefixes.erase(one.prefixes.begin() + below(one.prefixes.size()));
          }
          break;
        }
        case 5:
          add_to_any(settings);
          break;
        case 6:
          move_prefix(settings);
          break;
        default: {
          core::Rule& one = settings.rules[random_.below(settings.rules.size())];
          core::Rule anew = rule(number_of(one), settings);
          anew.prefixes = one.prefixes;
          one = std::move(anew);
        }
      }
    }
    if (!hard) {
      group(settings);
      drop_unused_checks(settings);
    }
    if (random_.chance(30)) settings.fallback.after = random_.between(seconds(2), seconds(5));
    if (random_.chance(30)) {
      settings.reconcile_interval = random_.between(seconds(4), seconds(10));
    }
    count_slots(configuration);
    return configuration;
  }

 private:
  std::ptrdiff_t below(std::size_t count) {
    return static_cast<std::ptrdiff_t>(random_.below(count));
  }

  void edit_policy(core::Check& check) {
    check.policy.rise = 1 + static_cast<unsigned>(random_.below(3));
    check.policy.fall = 1 + static_cast<unsigned>(random_.below(3));
  }

  core::Check check(std::size_t server) {
    core::Check one{fmt::format("check{}", server),
                    core::DnsQuestion{{core::Address::parse("127.0.0.1").value(),
                                       static_cast<std::uint16_t>(first_port + server)},
                                      "www.test.com"},
                    {}};
    edit_policy(one);
    return one;
  }

  static std::size_t number_of(const core::Rule& rule) {
    return static_cast<std::size_t>(rule.name.back() - '0');
  }

  core::Rule rule(std::size_t number, const core::Settings& settings) {
    core::Rule rule{.name = fmt::format("rule{}", number),
                    .prefixes = {},
                    .checks = {},
                    .instance = {},
                    .route_map = {},
                    .on_down = {},
                    .on_drain = {},
                    .drain_grace = {},
                    .damping = {},
                    .group = {}};
    if (two_instances_) {
      rule.instance.key = setting_.file.instances[place_[number]].key;
    }
    choose_checks(rule, settings.checks.size());
    rule.may_fall_back = !random_.chance(20);
    if (random_.chance(20)) rule.route_map = vty_name("OTHER");
    if (random_.chance(25)) rule.on_down = vty_name("SICK");
    if (random_.chance(30)) {
      // The one may do for the other.
      rule.on_drain = vty_name(random_.chance(30) ? "SICK" : "DRAIN");
      if (random_.chance(60)) rule.drain_grace = random_.between(seconds(1), seconds(40));
    }
    rule.withdraw_at_start = random_.chance(8);
    rule.withdraw_on_exit = random_.chance(10);
    damping(rule.damping);
    return rule;
  }

  void choose_checks(core::Rule& rule, std::size_t checks) {
    std::vector<std::size_t> all(checks);
    for (std::size_t i = 0; i < checks; ++i) all[i] = i;
    for (std::size_t i = checks; i > 1; --i) std::swap(all[i - 1], all[random_.below(i)]);
    const std::size_t judges = random_.chance(60) ? 1 : 1 + random_.below(checks);
    rule.checks.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(judges));
    if (random_.chance(60)) rule.required = random_.below(judges + 1);
    if (judges < checks && random_.chance(25)) rule.switches.push_back(all[judges]);
  }

  void damping(core::Damping& damping) {
    damping.on = random_.chance(60);
    damping.half_life = random_.between(seconds(5), seconds(60));
    damping.suppress = static_cast<double>(1000 + random_.below(4000));
    damping.reuse =
        static_cast<double>(300 + random_.below(static_cast<std::size_t>(damping.suppress - 300)));
  }

  /// One group, or none, that holds some of the rules.
  void group(core::Settings& settings) {
    settings.groups.clear();
    std::size_t members = 0;
    const bool wanted = random_.chance(45);
    for (core::Rule& rule : settings.rules) {
      rule.group.reset();
      if (!wanted || random_.chance(25)) continue;
      rule.group = 0;
      members += rule.prefixes.size();
    }
    if (members == 0) return;
    // As often as not such that there is something to spare.
    settings.groups.push_back({"edge", 1 + random_.below(std::max<std::size_t>(1, members - 1))});
    if (random_.chance(10)) settings.groups.back().min_announced = members;
  }

  static void rotate(core::Rule& rule, std::size_t checks) {
    for (auto* all : {&rule.checks, &rule.switches}) {
      for (std::size_t& check : *all) check = (check + checks - 1) % checks;
    }
  }

  void add_rule(core::Settings& settings) {
    for (std::size_t number = 0; number < place_.size(); ++number) {
      const auto has = [number](const core::Rule& one) { return number_of(one) == number; };
      if (std::ranges::any_of(settings.rules, has)) continue;
      core::Rule fresh = rule(number, settings);
      add_prefix(number, fresh, &settings);
      if (!fresh.prefixes.empty()) settings.rules.push_back(std::move(fresh));
      return;
    }
  }

  void add_to_any(core::Settings& settings) {
    const std::size_t index = random_.below(settings.rules.size());
    add_prefix(number_of(settings.rules[index]), settings.rules[index], &settings);
  }

  void move_prefix(core::Settings& settings) {
    core::Rule& from = settings.rules[random_.below(settings.rules.size())];
    core::Rule& to = settings.rules[random_.below(settings.rules.size())];
    if (&from == &to || from.prefixes.size() < 2 ||
        place_[number_of(from)] != place_[number_of(to)]) {
      return;
    }
    to.prefixes.push_back(from.prefixes.back());
    from.prefixes.pop_back();
  }

  /// A prefix that no rule has yet and that stands in the rule's instance, or nowhere so far.
  void add_prefix(std::size_t number, core::Rule& rule, const core::Settings* taken = nullptr) {
    for (const char* text : prefixes) {
      const auto prefix = core::Prefix::parse(text).value();
      const auto spot = std::ranges::find(setting_.spots, prefix, &Spot::prefix);
      if (spot == setting_.spots.end()) {
        setting_.spots.push_back({prefix, place_[number]});
        state(setting_.spots.back());
      } else if (!taken || spot->place != place_[number] ||
                 std::ranges::count(rule.prefixes, prefix) > 0 ||
                 std::ranges::any_of(taken->rules, [&](const core::Rule& one) {
                   return std::ranges::count(one.prefixes, prefix) > 0;
                 })) {
        continue;
      }
      rule.prefixes.push_back(prefix);
      return;
    }
  }

  /// Most have a statement in bgpd's file.
  void state(const Spot& spot) {
    if (random_.chance(15)) return;
    core::NetworkOptions options;
    if (random_.chance(40)) options.route_map = vty_name("TAG");
    if (random_.chance(10)) options.backdoor = true;
    setting_.file.instances[spot.place].networks.emplace(spot.prefix, options);
  }

  static void drop_unused_checks(core::Settings& settings) {
    for (std::size_t i = settings.checks.size(); i-- > 0;) {
      const auto uses = [i](const core::Rule& rule) {
        return std::ranges::count(rule.checks, i) > 0 || std::ranges::count(rule.switches, i) > 0;
      };
      if (std::ranges::any_of(settings.rules, uses)) continue;
      settings.checks.erase(settings.checks.begin() + static_cast<std::ptrdiff_t>(i));
      for (core::Rule& rule : settings.rules) {
        for (auto* all : {&rule.checks, &rule.switches}) {
          for (std::size_t& check : *all) check -= check > i;
        }
      }
    }
  }

  void count_slots(Configuration& configuration) const {
    configuration.slots.clear();
    for (std::size_t rule = 0; rule < configuration.settings.rules.size(); ++rule) {
      for (const core::Prefix& prefix : configuration.settings.rules[rule].prefixes) {
        const auto spot = std::ranges::find(setting_.spots, prefix, &Spot::prefix);
        configuration.slots.push_back(
            {rule, static_cast<std::size_t>(spot - setting_.spots.begin()), prefix, spot->place});
      }
    }
  }

  Random& random_;
  Setting& setting_;
  std::vector<BgpdModel::Place> place_;  ///< of each rule that may be
  bool two_instances_;
};

std::string damping_in_words(const core::Damping& damping) {
  if (!damping.on) return "";
  return fmt::format(", damped (half-life {}, {:.0f} to {:.0f})", core::describe(damping.half_life),
                     damping.suppress, damping.reuse);
}

std::string rule_in_words(const core::Rule& rule, const core::Settings& settings) {
  std::vector<std::string> checks;
  for (const std::size_t check : rule.checks) checks.push_back(settings.checks[check].name);
  std::string text =
      fmt::format("depends on {}{}", fmt::join(checks, " and "),
                  rule.required > 0 ? fmt::format(", {} of them", rule.required) : "");
  for (const std::size_t check : rule.switches) {
    text += fmt::format(", drained while {} is down", settings.checks[check].name);
  }
  const auto named = [&text](std::string_view key, const std::optional<core::RouteMapName>& map) {
    if (map) text += fmt::format(", {} {}", key, map->text());
  };
  named("route_map", rule.route_map);
  named("on_down", rule.on_down);
  named("on_drain", rule.on_drain);
  if (rule.drain_grace) text += " for " + core::describe(*rule.drain_grace);
  if (!rule.may_fall_back) text += ", fallback never";
  if (rule.withdraw_at_start) text += ", at_start withdraw";
  if (rule.withdraw_on_exit) text += ", on_exit withdraw";
  if (rule.group) {
    const core::Group& group = settings.groups[*rule.group];
    text += fmt::format(", in group {} of which {} stay", group.name, group.min_announced);
  }
  return text + damping_in_words(rule.damping);
}

std::string in_words(const Configuration& configuration, const Setting& setting) {
  const core::Settings& settings = configuration.settings;
  std::string text =
      fmt::format("fallback after {}, reconcile every {}", core::describe(settings.fallback.after),
                  core::describe(settings.reconcile_interval));
  for (const core::Check& check : settings.checks) {
    text +=
        fmt::format("\n  {}: rise {}, fall {}", check.name, check.policy.rise, check.policy.fall);
  }
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    text += fmt::format("\n  {}: {}", settings.rules[i].name,
                        rule_in_words(settings.rules[i], settings));
    for (const Slot& slot : configuration.slots) {
      if (slot.rule != i) continue;
      text += fmt::format("\n    {} in {}", slot.prefix.text(),
                          setting.file.instances[slot.place].text());
    }
  }
  return text;
}

}  // namespace

std::size_t server_of(const core::Check& check) {
  return static_cast<std::size_t>(std::get<core::DnsQuestion>(check.probe).server.port -
                                  first_port);
}

Setting make_setting(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Setting setting;
  const core::Mode mode = random.chance(12) ? core::Mode::hard : core::Mode::soft;
  setting.dialect = random.chance(50) ? Dialect::quagga : Dialect::frr;
  setting.patience = random.between(seconds(1), seconds(4));
  setting.keeps_connection = random.chance(70);
  // In hard mode the two would fight forever, as documented.
  setting.watchfrr = mode == core::Mode::soft && random.chance(25);
  setting.servers = 1 + random.below(3);

  const auto asn = core::Asn::from(65001).value();
  setting.file.instances.push_back({asn, {}, {}});
  const bool two = random.chance(30);
  if (two) {
    setting.file.instances.push_back(
        {asn,
         {setting.dialect == Dialect::frr ? core::InstanceKey::Kind::vrf
                                          : core::InstanceKey::Kind::view,
          vty_name("RED")},
         {}});
  }
  setting.file.route_maps.insert(route_maps.begin(), route_maps.end());

  Maker maker(random, setting, 1 + random.below(3), two);
  setting.configurations.push_back(maker.first(mode));
  for (std::size_t more = random.below(4); more > 0; --more) {
    setting.configurations.push_back(
        maker.edited(random.pick(std::span<const Configuration>(setting.configurations))));
  }
  // A neighbour that is nobody's to touch.
  setting.file.instances[0].networks.emplace(core::Prefix::parse("203.0.113.0/26").value(),
                                             core::NetworkOptions{});
  return setting;
}

std::string in_words(const Setting& setting) {
  std::string text = fmt::format("{} mode; {}; transports wait {} for an answer{}; {}",
                                 setting.mode() == core::Mode::hard ? "hard" : "soft",
                                 setting.dialect == Dialect::frr ? "FRR" : "Quagga",
                                 core::describe(setting.patience),
                                 setting.keeps_connection ? " on a connection that stays open" : "",
                                 setting.watchfrr ? "watchfrr watches" : "nobody watches bgpd");
  for (const core::Instance& instance : setting.file.instances) {
    for (const auto& [prefix, options] : instance.networks) {
      text += fmt::format("\n  bgpd's file has \"network {}{}\" in {}", prefix.text(),
                          options.text(), instance.text());
    }
  }
  for (std::size_t i = 0; i < setting.configurations.size(); ++i) {
    text +=
        fmt::format("\nConfiguration {}: {}", i + 1, in_words(setting.configurations[i], setting));
  }
  return text;
}

}  // namespace withdrawd::simulation
