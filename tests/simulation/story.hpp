#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "setting.hpp"

namespace withdrawd::simulation {

/// What can happen to the world of one withdrawd. Most of it lasts for a while.
enum class What : std::uint8_t {
  // A DNS server.
  dns_answers,
  dns_nxdomain,
  dns_servfail,
  dns_dead,
  dns_killed,
  dns_loses,
  dns_slow,
  dns_lies,
  cannot_ask,
  dns_flaps,
  // bgpd.
  bgpd_frozen,
  bgpd_dies,
  bgpd_restarted,
  vty_deaf,
  vty_hangs_up,
  vty_locked,
  vty_refuses,
  vty_without_effect,
  vty_cut,
  freezes_at_statement,
  dies_at_statement,
  lookups_unanswered,
  table_slow,
  // Other people.
  types_network,
  types_no_network,
  frr_reload,
  frr_reload_anew,
  writes_memory,
  drains,
  undrains,
  reloads,
  reloads_in_the_act,
  redistributes,
  route_gone,
  route_map_gone,
  // The process.
  find_fails,
  stop_fails,
  restart_fails,
  restart_in_vain,
  // withdrawd itself.
  withdrawd_dies,
  withdrawd_dies_in_the_act,
  withdrawd_ends,
  starved,
};
constexpr std::size_t what_count = static_cast<std::size_t>(What::starved) + 1;

struct Happening {
  core::Duration at;
  What what;
  std::size_t whom;  ///< the DNS server, or the spot, as far as there is one
  core::Duration length;
  std::uint64_t detail;
};
using Story = std::vector<Happening>;

/// Of `drains` and `undrains`: the prefix's whole rule, or the prefix alone?
bool drains_rule(const Happening& happening);
/// Of `drains`: until somebody ends it, or for the happening's length?
bool drains_for_good(const Happening& happening);
/// Of the two reloads: which configuration the file has from now on.
std::size_t configuration_of(const Happening& happening, const Setting& setting);
/// Of `route_map_gone`: which one.
std::size_t route_map_of(const Happening& happening);
/// Of `frr_reload_anew` and `types_network`: what a statement has.
core::NetworkOptions options_of(std::uint64_t dice);

/// Of a death: what the next run finds.
enum class Remains : std::uint8_t { memory, nothing, old_memory, damaged_memory };
Remains remains_of(const Happening& happening);

/// All that happens within `length`; behind it the world is quiet.
Story make_story(std::uint64_t seed, const Setting& setting, core::Duration length);

std::string in_words(const Happening& happening, const Setting& setting);

}  // namespace withdrawd::simulation
