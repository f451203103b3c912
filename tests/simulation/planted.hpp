#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/controller.hpp"

namespace withdrawd::simulation {

/// Bugs that can be planted between the Controller and the world, to see whether the simulation
/// notices. Each is a mistake that a program of this kind can make.
enum class Planted : std::uint8_t {
  none,
  trusts_silence,       ///< a bgpd that did not answer is believed to have done it
  drops_read_back,      ///< a bgpd that answered is believed to have done it
  ignores_lock,         ///< the configuration lock counts as success
  forgets_options,      ///< a prefix comes back without its route-map
  never_restarts,       ///< what the fallback killed stays dead
  sends_twice,          ///< each plan is typed once more, to be sure
  believes_nxdomain,    ///< an answer is an answer
  withdraws_neighbour,  ///< another prefix goes along with a sick one
  forgets_drains,       ///< a drain ends with the run that was told of it
  ignores_undrain,      ///< what was drained once stays drained
  loses_memory,         ///< what one run leaves never reaches the next
};
constexpr std::array<std::string_view, 12> planted_names{
    "none",           "trusts_silence",    "drops_read_back",
    "ignores_lock",   "forgets_options",   "never_restarts",
    "sends_twice",    "believes_nxdomain", "withdraws_neighbour",
    "forgets_drains", "ignores_undrain",   "loses_memory"};

/// Stands between the two, and spoils what passes. Without a planted bug it changes nothing.
class GoBetween {
 public:
  GoBetween(Planted planted, const core::Settings& settings)
      : planted_(planted), settings_(settings) {}

  /// On the way to the world. False: it never gets there.
  bool pass(core::Effect& effect);
  /// On the way to the Controller.
  void pass(core::Event& event);
  void pass(core::Memory& memory) const;

 private:
  bool hides(core::Trouble trouble) const;

  Planted planted_;
  const core::Settings& settings_;
  core::ApplyPlan under_way_;
  core::Observed last_seen_;
};

}  // namespace withdrawd::simulation
