#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bgpd_model.hpp"
#include "core/settings.hpp"

namespace withdrawd::simulation {

/// What can happen to the world of one withdrawd. Most of it lasts for a while.
enum class What : std::uint8_t {
  // The DNS server of a check.
  dns_answers,
  dns_nxdomain,
  dns_servfail,
  dns_dead,
  dns_killed,
  dns_loses,
  dns_slow,
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
  writes_memory,
  drains,
  undrains,
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
  starved,
};
constexpr std::size_t what_count = static_cast<std::size_t>(What::starved) + 1;

struct Happening {
  core::Duration at;
  What what;
  std::size_t whom;  ///< the check, or the slot, as far as there is one
  core::Duration length;
  std::uint64_t detail;
};
using Story = std::vector<Happening>;

/// Of `drains` and `undrains`: the prefix's whole rule, or the prefix alone?
bool drains_rule(const Happening& happening);
/// Of `drains`: until somebody ends it, or for the happening's length?
bool drains_for_good(const Happening& happening);

/// A prefix of a rule, and the instance of bgpd in which it stands.
struct Slot {
  std::size_t rule;
  core::Prefix prefix;
  BgpdModel::Place place;
};

/// The parts of a world that stay as they are.
struct Setting {
  core::Settings settings;
  Dialect dialect = Dialect::frr;
  core::RunningConfig file;
  std::vector<Slot> slots;
  core::Duration patience{};     ///< how long withdrawd's transports wait for an answer
  bool keeps_connection = true;  ///< a socket that stays open, or a vtysh each time
  bool watchfrr = false;         ///< restarts a bgpd that has died
};

Setting make_setting(std::uint64_t seed);
/// All that happens within `length`; behind it the world is quiet.
Story make_story(std::uint64_t seed, const Setting& setting, core::Duration length);

std::string in_words(const Setting& setting);
std::string in_words(const Happening& happening, const Setting& setting);

}  // namespace withdrawd::simulation
