#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd_model.hpp"
#include "core/settings.hpp"

namespace withdrawd::simulation {

/// A prefix that a rule may be about, and the instance of bgpd in which it stands.
struct Spot {
  core::Prefix prefix;
  BgpdModel::Place place;
};

/// A prefix of a rule. Slots are counted through the rules, in their order.
struct Slot {
  std::size_t rule;
  std::size_t spot;
  core::Prefix prefix;
  BgpdModel::Place place;
};

/// What withdrawd is told by its file: one of those that the file may hold in turn.
struct Configuration {
  core::Settings settings;
  std::vector<Slot> slots;

  const core::Rule& rule_of(std::size_t slot) const { return settings.rules[slots[slot].rule]; }
  core::PrefixKey key_of(std::size_t slot) const {
    return {rule_of(slot).name, slots[slot].prefix};
  }
};

/// The parts of a world that stay as they are.
struct Setting {
  std::vector<Configuration> configurations;  ///< the first one is in force when a story begins
  std::size_t servers = 0;                    ///< DNS servers, whoever asks them
  std::vector<Spot> spots;                    ///< all prefixes that a configuration may name
  Dialect dialect = Dialect::frr;
  core::RunningConfig file;      ///< bgpd's
  core::Duration patience{};     ///< how long withdrawd's transports wait for an answer
  bool keeps_connection = true;  ///< a socket that stays open, or a vtysh each time
  bool watchfrr = false;         ///< restarts a bgpd that has died

  /// Hard or soft: no reload of a story changes it.
  core::Mode mode() const { return configurations.front().settings.mode; }
};

/// Which DNS server a check asks.
std::size_t server_of(const core::Check& check);

Setting make_setting(std::uint64_t seed);
std::string in_words(const Setting& setting);

/// The route-maps that bgpd has: what a statement may have, and what may stand for a withdrawal.
inline constexpr std::array<std::string_view, 4> route_maps{"TAG", "SICK", "DRAIN", "OTHER"};

}  // namespace withdrawd::simulation
