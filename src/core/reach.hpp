#pragma once

#include <string>
#include <vector>

#include "core/bgp.hpp"

namespace withdrawd::core {

/// What makes a prefix reach users, or not, whatever its own statement says.
struct Reach {
  enum class Kind : std::uint8_t {
    handed_on,       ///< another site's path goes out to further neighbors from here
    imported,        ///< a path of another instance of this bgpd stands in for ours
    other_table,     ///< a statement in another table of the instance: multicast, VPN, ...
    other_instance,  ///< a statement in another instance, which no rule looks after
    default_route,   ///< `default-originate`
    unheard,         ///< announced, and advertised to no peer
    contested,       ///< somebody else changes its statement again and again
  };
  Kind kind;
  std::string text;  ///< goes on where the prefix, or "it", begins; printable
  bool operator==(const Reach&) const = default;

  /// All is not well. The others are said, for they may be meant to be so: the same prefix in two
  /// VRFs is two prefixes, and a default route is not worth as much.
  bool fault() const { return kind != Kind::other_instance && kind != Kind::default_route; }
};

std::string_view name(Reach::Kind kind);

/// What is known of a prefix in its instance.
struct ReachFacts {
  const RunningConfig& config;
  const Instance& instance;
  const Prefix& prefix;
  bool in_table;                  ///< with a path of our own
  std::optional<unsigned> peers;  ///< it is advertised to so many; none: not known
  const OtherPath* other;         ///< null: there is none
  /// The instances in which a rule looks after that prefix.
  std::vector<InstanceKey> looked_after;
};

/// While it is announced: is it heard? While it is not: what reaches others all the same?
std::vector<Reach> judge_reach(const ReachFacts& facts);

}  // namespace withdrawd::core
