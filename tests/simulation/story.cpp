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
    Kind{What::dns_lies, 3, seconds(2), seconds(20)},
    Kind{What::cannot_ask, 2, seconds(1), seconds(20)},
    Kind{What::dns_flaps, 5, seconds(5), seconds(40)},
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
    Kind{What::frr_reload_anew, 4, {}, {}},
    Kind{What::writes_memory, 2, {}, {}},
    Kind{What::drains, 6, seconds(1), seconds(60)},
    Kind{What::undrains, 5, {}, {}},
    Kind{What::reloads, 5, {}, {}},
    Kind{What::reloads_in_the_act, 4, milliseconds(1), seconds(8)},
    Kind{What::redistributes, 2, seconds(1), seconds(30)},
    Kind{What::route_gone, 2, seconds(1), seconds(20)},
    Kind{What::route_map_gone, 2, seconds(1), seconds(20)},
    Kind{What::find_fails, 2, seconds(1), seconds(20)},
    Kind{What::stop_fails, 2, seconds(1), seconds(20)},
    Kind{What::restart_fails, 3, seconds(1), seconds(30)},
    Kind{What::restart_in_vain, 2, seconds(1), seconds(30)},
    Kind{What::withdrawd_dies, 6, milliseconds(1), seconds(8)},
    Kind{What::withdrawd_dies_in_the_act, 6, milliseconds(1), seconds(8)},
    Kind{What::withdrawd_ends, 2, milliseconds(1), seconds(8)},
    Kind{What::starved, 2, milliseconds(50), seconds(6)},
};

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
    const std::size_t whoms = dns ? setting_.servers : setting_.spots.size();
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
        What::types_no_network, What::dns_answers,     What::vty_locked,
        What::reloads,          What::drains};
    if (random_.chance(30)) {
      // What was withdrawn comes back, unseen.
      constexpr std::array returns{What::bgpd_restarted, What::bgpd_dies, What::frr_reload,
                                   What::frr_reload_anew, What::types_network};
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

bool drains_rule(const Happening& happening) {
  return happening.detail % 2 == 0;
}

bool drains_for_good(const Happening& happening) {
  return happening.detail % 3 == 0;
}

namespace {

std::string remains_in_words(const Happening& happening) {
  switch (remains_of(happening)) {
    case Remains::memory:
      return "its memory saved";
    case Remains::nothing:
      return "its memory lost";
    case Remains::old_memory:
      return "its memory an old one";
    case Remains::damaged_memory:
      return "its memory damaged";
  }
  return "";
}

}  // namespace

std::size_t configuration_of(const Happening& happening, const Setting& setting) {
  return happening.detail % setting.configurations.size();
}

std::size_t route_map_of(const Happening& happening) {
  return happening.detail % 3;
}

core::NetworkOptions options_of(std::uint64_t dice) {
  core::NetworkOptions options;
  if (dice % 3 == 0) options.route_map = core::VtyName::parse("TAG").value();
  if (dice % 7 == 0) options.route_map = core::VtyName::parse("OTHER").value();
  return options;
}

Remains remains_of(const Happening& happening) {
  constexpr std::array remains{Remains::nothing, Remains::old_memory, Remains::damaged_memory};
  const auto luck = happening.detail % 10;
  return luck < 7 ? Remains::memory : remains[luck - 7];
}

std::string in_words(const Happening& happening, const Setting& setting) {
  const auto check = [&] { return fmt::format("check{}", happening.whom); };
  const auto prefix = [&] {
    return setting.spots.empty() ? std::string("nothing")
                                 : setting.spots[happening.whom].prefix.text();
  };
  const auto drained = [&] { return (drains_rule(happening) ? "the rule of " : "") + prefix(); };
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
    case What::dns_lies:
      return fmt::format("{}'s DNS server says this and that {}", check(), lasts);
    case What::cannot_ask:
      return fmt::format("withdrawd lacks what it takes to ask {}'s DNS server {}", check(), lasts);
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
      return fmt::format("somebody types \"network {}{}\"", prefix(),
                         options_of(happening.detail).text());
    case What::types_no_network:
      return fmt::format("somebody types \"no network {}\"", prefix());
    case What::frr_reload:
      return "frr-reload puts bgpd's file in force";
    case What::frr_reload_anew:
      return "frr-reload puts another file in force, with other statements";
    case What::writes_memory:
      return "somebody types \"write memory\"";
    case What::drains:
      return fmt::format("an operator drains {} {}", drained(),
                         drains_for_good(happening) ? "until further notice" : lasts);
    case What::undrains:
      return fmt::format("an operator ends the drain of {}", drained());
    case What::reloads:
      return fmt::format("withdrawd is told to reload its file, which is configuration {} now",
                         configuration_of(happening, setting) + 1);
    case What::reloads_in_the_act:
      return fmt::format(
          "withdrawd is told to reload its file as soon as it does something; it is configuration "
          "{} now",
          configuration_of(happening, setting) + 1);
    case What::redistributes:
      return fmt::format("bgpd redistributes {} {}", prefix(), lasts);
    case What::route_gone:
      return fmt::format("{} is not in the RIB {}", prefix(), lasts);
    case What::route_map_gone:
      return fmt::format("route-map {} is gone {}", route_maps[route_map_of(happening)], lasts);
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
          remains_in_words(happening), core::describe(happening.length));
    case What::withdrawd_ends:
      return "withdrawd is told to end, and comes back after " + core::describe(happening.length);
    case What::starved:
      return "withdrawd gets no time " + lasts;
  }
  return "";
}

}  // namespace withdrawd::simulation
