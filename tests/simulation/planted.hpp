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
  withdraws_degraded,   ///< what is to be degraded is withdrawn
  stays_degraded,       ///< what was degraded comes back with the same route-map
  ignores_damping,      ///< what flaps may flap
  damps_too_long,       ///< a half-life is taken for three
  ignores_minimum,      ///< all of a group may go
  ignores_never,        ///< a kill is good for every rule
  ignores_grace,        ///< what is drained gently stays like that
  requires_all,         ///< "any" is taken for "all"
  ignores_switches,     ///< a check that drains does not
  blames_the_server,    ///< who cannot ask has had a bad answer
  reload_forgets,       ///< a reload is a start from nothing
  reload_interrupts,    ///< a reload does not wait for the operation that is under way
  kills_in_vain,        ///< kills again what two kills have not helped against
};
constexpr std::array<std::string_view, 25> planted_names{"none",
                                                         "trusts_silence",
                                                         "drops_read_back",
                                                         "ignores_lock",
                                                         "forgets_options",
                                                         "never_restarts",
                                                         "sends_twice",
                                                         "believes_nxdomain",
                                                         "withdraws_neighbour",
                                                         "forgets_drains",
                                                         "ignores_undrain",
                                                         "loses_memory",
                                                         "withdraws_degraded",
                                                         "stays_degraded",
                                                         "ignores_damping",
                                                         "damps_too_long",
                                                         "ignores_minimum",
                                                         "ignores_never",
                                                         "ignores_grace",
                                                         "requires_all",
                                                         "ignores_switches",
                                                         "blames_the_server",
                                                         "reload_forgets",
                                                         "reload_interrupts",
                                                         "kills_in_vain"};

/// Stands between the two, and spoils what passes. Without a planted bug it changes nothing.
class GoBetween {
 public:
  explicit GoBetween(Planted planted) : planted_(planted) {}

  /// On the way into a new Controller, as all that it is told to go by.
  core::Settings pass(core::Settings settings);

  /// On the way to the world. False: it never gets there.
  bool pass(core::Effect& effect);
  /// On the way to the Controller.
  void pass(core::Event& event);
  void pass(core::Memory& memory) const;
  /// Likewise, from one Controller to the one that goes on with another configuration.
  void pass_on(core::Memory& memory) const;
  bool waits_to_reload() const { return planted_ != Planted::reload_interrupts; }

 private:
  bool hides(core::Trouble trouble) const;
  const core::Rule* rule_of(const core::Change& change) const;

  Planted planted_;
  core::Settings settings_;
  core::ApplyPlan under_way_;
  core::Observed last_seen_;
};

}  // namespace withdrawd::simulation
