#include "story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>

#include "random.hpp"

namespace withdrawd::simulation {

using core::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

core::VtyName vty_name(std::string_view text) {
  return core::VtyName::parse(text).value();
}

constexpr std::array prefixes{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.64/26",
                              "2001:db8:53::/48", "2001:db8:54::/64"};

/// How much of it there is, and how long it lasts.
struct Kind {
  What what;
  unsigned weight;
  Duration shortest;
  Duration longest;
};

constexpr std::array kinds{
    Kind{What::dns_answers, 10, {}, {}},
    Kind{What::dns_nxdomain, 5, seconds(1), seconds(40)},
    Kind{What::dns_servfail, 4, seconds(1), seconds(40)},
    Kind{What::dns_dead, 8, seconds(1), seconds(60)},
    Kind{What::dns_killed, 6, milliseconds(300), seconds(60)},
    Kind{What::dns_loses, 4, seconds(2), seconds(20)},
    Kind{What::dns_slow, 3, seconds(2), seconds(20)},
    Kind{What::dns_flaps, 4, seconds(5), seconds(30)},
    Kind{What::bgpd_frozen, 5, milliseconds(100), seconds(20)},
    Kind{What::bgpd_dies, 4, milliseconds(200), seconds(20)},
    Kind{What::bgpd_restarted, 4, milliseconds(50), seconds(2)},
    Kind{What::vty_deaf, 4, milliseconds(100), seconds(40)},
    Kind{What::vty_hangs_up, 3, {}, {}},
    Kind{What::vty_locked, 7, milliseconds(100), seconds(20)},
    Kind{What::vty_refuses, 4, milliseconds(100), seconds(15)},
    Kind{What::vty_without_effect, 3, milliseconds(100), seconds(15)},
    Kind{What::vty_cut, 4, seconds(1), seconds(15)},
    Kind{What::freezes_at_statement, 2, milliseconds(100), seconds(15)},
    Kind{What::dies_at_statement, 2, milliseconds(100), seconds(15)},
    Kind{What::lookups_unanswered, 2, milliseconds(500), seconds(10)},
    Kind{What::table_slow, 3, seconds(1), seconds(20)},
    Kind{What::types_network, 5, {}, {}},
    Kind{What::types_no_network, 5, {}, {}},
    Kind{What::frr_reload, 4, {}, {}},
    Kind{What::writes_memory, 2, {}, {}},
    Kind{What::drains, 6, seconds(1), seconds(60)},
    Kind{What::undrains, 5, {}, {}},
    Kind{What::redistributes, 2, seconds(1), seconds(30)},
    Kind{What::route_gone, 2, seconds(1), seconds(20)},
    Kind{What::route_map_gone, 2, seconds(1), seconds(20)},
    Kind{What::find_fails, 2, seconds(1), seconds(20)},
    Kind{What::stop_fails, 2, seconds(1), seconds(20)},
    Kind{What::restart_fails, 3, seconds(1), seconds(30)},
    Kind{What::restart_in_vain, 2, seconds(1), seconds(30)},
    Kind{What::withdrawd_dies, 6, milliseconds(1), seconds(8)},
    Kind{What::withdrawd_dies_in_the_act, 6, milliseconds(1), seconds(8)},
    Kind{What::starved, 2, milliseconds(50), seconds(6)},
};

}  // namespace

Setting make_setting(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Setting setting;
  core::Settings& settings = setting.settings;
  settings.mode = random.chance(15) ? core::Mode::hard : core::Mode::soft;
  setting.dialect = random.chance(50) ? Dialect::quagga : Dialect::frr;
  setting.patience = random.between(seconds(1), seconds(4));
  setting.keeps_connection = random.chance(70);
  // In hard mode the two would fight forever, as documented.
  setting.watchfrr = settings.mode == core::Mode::soft && random.chance(25);

  const std::size_t checks = 1 + random.below(3);
  for (std::size_t i = 0; i < checks; ++i) {
    settings.checks.push_back({fmt::format("check{}", i),
                               core::DnsQuestion{{core::Address::parse("127.0.0.1").value(),
                                                  static_cast<std::uint16_t>(53 + i)},
                                                 "www.test.com"},
                               {.rise = 1 + static_cast<unsigned>(random.below(3)),
                                .fall = 1 + static_cast<unsigned>(random.below(3))}});
  }

  const auto asn = core::Asn::from(65001).value();
  setting.file.instances.push_back({asn, {}, {}});
  const bool two = random.chance(30);
  const core::InstanceKey other{setting.dialect == Dialect::frr ? core::InstanceKey::Kind::vrf
                                                                : core::InstanceKey::Kind::view,
                                vty_name("RED")};
  if (two) setting.file.instances.push_back({asn, other, {}});
  setting.file.route_maps = {"TAG", "OTHER"};

  std::size_t next = 0;
  const std::size_t rules = 1 + random.below(3);
  for (std::size_t i = 0; i < rules && settings.mode == core::Mode::soft; ++i) {
    core::Rule rule{.name = fmt::format("rule{}", i),
                    .prefixes = {},
                    .checks = {random.below(checks)},
                    .instance = {},
                    .route_map = {},
                    .may_fall_back = !random.chance(20)};
    // The referee does not count flaps.
    rule.damping.on = false;
    if (checks > 1 && random.chance(30)) rule.checks = {0, 1};
    if (random.chance(20)) rule.route_map = vty_name("OTHER");
    const BgpdModel::Place place = two ? random.below(2) : 0;
    if (two) rule.instance.key = place == 0 ? core::InstanceKey{} : other;
    for (std::size_t n = 1 + random.below(2); n > 0 && next < prefixes.size(); --n) {
      const auto prefix = core::Prefix::parse(prefixes[next++]).value();
      rule.prefixes.push_back(prefix);
      setting.slots.push_back({i, prefix, place});
      if (random.chance(15)) continue;
      core::NetworkOptions options;
      if (random.chance(40)) options.route_map = vty_name("TAG");
      if (random.chance(10)) options.backdoor = true;
      setting.file.instances[place].networks.emplace(prefix, options);
    }
    settings.rules.push_back(std::move(rule));
  }
  // A neighbour that is nobody's to touch.
  setting.file.instances[0].networks.emplace(core::Prefix::parse("203.0.113.0/26").value(),
                                             core::NetworkOptions{});
  settings.fallback.after = random.between(seconds(2), seconds(5));
  settings.fallback.restart_delay_max = seconds(20);
  settings.reconcile_interval = random.between(seconds(4), seconds(10));
  return setting;
}

namespace {

class Author {
 public:
  Author(std::uint64_t seed, const Setting& setting, Duration length)
      : random_(seed * 2 + 2), setting_(setting), length_(length) {}

  Story write() {
    Duration at = random_.between({}, seconds(3));
    while (at < length_) {
      if (random_.chance(15)) {
        drama(at);
        at += seconds(20);
      } else {
        add(at, any());
      }
      // Troubles come in packs.
      at += random_.chance(60) ? random_.between({}, seconds(2)) : random_.between({}, seconds(25));
    }
    // No stable_sort: clang calls what libstdc++ 12 makes it with deprecated.
    std::ranges::sort(story_, {}, [](const Happening& one) {
      return std::tuple(one.at, one.what, one.whom, one.length, one.detail);
    });
    return std::move(story_);
  }

 private:
  const Kind& any() {
    unsigned weights = 0;
    for (const Kind& kind : kinds) weights += kind.weight;
    auto pointer = static_cast<unsigned>(random_.below(weights));
    const Kind* kind = kinds.begin();
    while (pointer >= kind->weight) pointer -= kind++->weight;
    return *kind;
  }

  void add(Duration at, const Kind& kind) {
    // Short ones are as likely as long ones.
    const Duration longest = random_.chance(50) ? kind.longest : kind.shortest + seconds(1);
    add(at, kind.what, random_.between(kind.shortest, std::max(kind.shortest, longest)));
  }

  void add(Duration at, What what, Duration lasts) {
    if (at >= length_) return;
    const bool dns = what <= What::dns_flaps;
    const std::size_t whoms = dns ? setting_.settings.checks.size() : setting_.slots.size();
    story_.push_back({at, what, whoms > 0 ? random_.below(whoms) : 0, std::min(lasts, length_ - at),
                      random_.next()});
  }

  // One random number a statement: arguments are evaluated in any order.
  void add_one_of(std::span<const What> whats, Duration at, Duration shortest, Duration longest) {
    const What what = random_.pick(whats);
    const Duration lasts = random_.between(shortest, longest);
    add(at, what, lasts);
  }

  // A prefix is sick, and something keeps it from being withdrawn for as long as the fallback takes
  // or longer; and that is not all.
  void drama(Duration at) {
    constexpr std::array obstacles{
        What::bgpd_frozen,        What::vty_locked,    What::vty_refuses,         What::vty_deaf,
        What::vty_without_effect, What::redistributes, What::freezes_at_statement};
    constexpr std::array complications{
        What::restart_fails,    What::restart_in_vain, What::find_fails,
        What::stop_fails,       What::withdrawd_dies,  What::withdrawd_dies_in_the_act,
        What::starved,          What::bgpd_dies,       What::bgpd_restarted,
        What::vty_deaf,         What::frr_reload,      What::types_network,
        What::types_no_network, What::dns_answers,     What::vty_locked};
    if (random_.chance(30)) {
      // What was withdrawn comes back, unseen.
      constexpr std::array returns{What::bgpd_restarted, What::bgpd_dies, What::frr_reload,
                                   What::types_network};
      constexpr std::array veils{What::vty_deaf, What::bgpd_frozen, What::lookups_unanswered,
                                 What::vty_locked};
      add(at, What::dns_dead, seconds(60));
      at += random_.between(seconds(3), seconds(10));
      add_one_of(returns, at, milliseconds(50), seconds(1));
      add_one_of(veils, at + random_.between({}, seconds(1)), seconds(45), seconds(45));
      return;
    }
    add(at, What::dns_dead, random_.between(seconds(5), seconds(60)));
    add_one_of(obstacles, at + random_.between({}, seconds(3)), seconds(3), seconds(40));
    for (std::size_t more = random_.below(4); more > 0; --more) {
      add_one_of(complications, at + random_.between({}, seconds(20)), milliseconds(100),
                 seconds(12));
    }
  }

  Random random_;
  const Setting& setting_;
  Duration length_;
  Story story_;
};

}  // namespace

Story make_story(std::uint64_t seed, const Setting& setting, Duration length) {
  return Author(seed, setting, length).write();
}

std::string in_words(const Setting& setting) {
  const core::Settings& settings = setting.settings;
  std::string text = fmt::format(
      "{} mode; {}; transports wait {} for an answer{}; {}; fallback after {}, "
      "reconcile every {}",
      settings.mode == core::Mode::hard ? "hard" : "soft",
      setting.dialect == Dialect::frr ? "FRR" : "Quagga", core::describe(setting.patience),
      setting.keeps_connection ? " on a connection that stays open" : "",
      setting.watchfrr ? "watchfrr watches" : "nobody watches bgpd",
      core::describe(settings.fallback.after), core::describe(settings.reconcile_interval));
  for (const core::Check& check : settings.checks) {
    text +=
        fmt::format("\n  {}: rise {}, fall {}", check.name, check.policy.rise, check.policy.fall);
  }
  for (const Slot& slot : setting.slots) {
    const core::Rule& rule = settings.rules[slot.rule];
    const auto& networks = setting.file.instances[slot.place].networks;
    const auto there = networks.find(slot.prefix);
    text += fmt::format(
        "\n  {}: {} in {}, depends on {}{}{}{}; {}", rule.name, slot.prefix.text(),
        setting.file.instances[slot.place].text(), settings.checks[rule.checks[0]].name,
        rule.checks.size() > 1 ? " and " + settings.checks[rule.checks[1]].name : "",
        rule.route_map ? ", route_map " + rule.route_map->text() : "",
        rule.may_fall_back ? "" : ", fallback never",
        there == networks.end() ? std::string("not in bgpd's file")
                                : fmt::format("in bgpd's file as \"network {}{}\"",
                                              slot.prefix.text(), there->second.text()));
  }
  return text;
}

bool drains_rule(const Happening& happening) {
  return happening.detail % 2 == 0;
}

bool drains_for_good(const Happening& happening) {
  return happening.detail % 3 == 0;
}

namespace {

std::string drained(const Happening& happening, const Setting& setting) {
  if (setting.slots.empty()) return "nothing";
  const Slot& slot = setting.slots[happening.whom];
  return drains_rule(happening) ? setting.settings.rules[slot.rule].name : slot.prefix.text();
}

}  // namespace

std::string in_words(const Happening& happening, const Setting& setting) {
  const auto check = [&] { return setting.settings.checks[happening.whom].name; };
  const auto prefix = [&] {
    return setting.slots.empty() ? std::string("nothing")
                                 : setting.slots[happening.whom].prefix.text();
  };
  const std::string lasts = "for " + core::describe(happening.length);
  switch (happening.what) {
    case What::dns_answers:
      return fmt::format("{}'s DNS server answers as it should", check());
    case What::dns_nxdomain:
      return fmt::format("{}'s DNS server says NXDOMAIN {}", check(), lasts);
    case What::dns_servfail:
      return fmt::format("{}'s DNS server says SERVFAIL {}", check(), lasts);
    case What::dns_killed:
      return fmt::format("{}'s DNS server is killed, and its processes are watched, {}", check(),
                         lasts);
    case What::dns_dead:
      return fmt::format("{}'s DNS server does not answer {}", check(), lasts);
    case What::dns_loses:
      return fmt::format("half of the way to {}'s DNS server is lost {}", check(), lasts);
    case What::dns_slow:
      return fmt::format("{}'s DNS server is slow {}", check(), lasts);
    case What::dns_flaps:
      return fmt::format("{}'s DNS server comes and goes {}", check(), lasts);
    case What::bgpd_frozen:
      return "bgpd is frozen " + lasts;
    case What::bgpd_dies:
      return "bgpd dies, and somebody starts it after " + core::describe(happening.length);
    case What::bgpd_restarted:
      return "somebody restarts bgpd, which takes " + core::describe(happening.length);
    case What::vty_deaf:
      return "bgpd's vty cannot be reached " + lasts;
    case What::vty_hangs_up:
      return "bgpd hangs up";
    case What::vty_locked:
      return "somebody sits in configuration mode " + lasts;
    case What::vty_refuses:
      return "bgpd refuses statements " + lasts;
    case What::vty_without_effect:
      return "bgpd says yes to statements and ignores them " + lasts;
    case What::vty_cut:
      return "connections end between statement and answer " + lasts;
    case What::freezes_at_statement:
      return fmt::format("bgpd freezes {} when the next statement has reached it", lasts);
    case What::dies_at_statement:
      return fmt::format("bgpd dies {} when the next statement has reached it", lasts);
    case What::lookups_unanswered:
      return fmt::format("bgpd does not say whether {} is in the table {}", prefix(), lasts);
    case What::table_slow:
      return "bgpd's table follows slowly " + lasts;
    case What::types_network:
      return fmt::format("somebody types \"network {}\"{}", prefix(),
                         happening.detail % 3 == 0 ? " with route-map TAG" : "");
    case What::types_no_network:
      return fmt::format("somebody types \"no network {}\"", prefix());
    case What::frr_reload:
      return "frr-reload puts bgpd's file in force";
    case What::writes_memory:
      return "somebody types \"write memory\"";
    case What::drains:
      return fmt::format("an operator drains {} {}", drained(happening, setting),
                         drains_for_good(happening) ? "until further notice" : lasts);
    case What::undrains:
      return fmt::format("an operator ends the drain of {}", drained(happening, setting));
    case What::redistributes:
      return fmt::format("bgpd redistributes {} {}", prefix(), lasts);
    case What::route_gone:
      return fmt::format("{} is not in the RIB {}", prefix(), lasts);
    case What::route_map_gone:
      return "route-map TAG is gone " + lasts;
    case What::find_fails:
      return "the process table cannot be read " + lasts;
    case What::stop_fails:
      return "bgpd cannot be killed " + lasts;
    case What::restart_fails:
      return "the restart command fails " + lasts;
    case What::restart_in_vain:
      return "the restart command starts nothing " + lasts;
    case What::withdrawd_dies:
    case What::withdrawd_dies_in_the_act:
      return fmt::format(
          "withdrawd is killed{}, {}, and comes back after {}",
          happening.what == What::withdrawd_dies ? "" : " as soon as it does something",
          happening.detail % 10 < 7   ? "its memory saved"
          : happening.detail % 10 < 9 ? "its memory lost"
                                      : "its memory an old one",
          core::describe(happening.length));
    case What::starved:
      return "withdrawd gets no time " + lasts;
  }
  return "";
}

}  // namespace withdrawd::simulation
