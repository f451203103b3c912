#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/prefix.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

/// An autonomous system number, 1 to 4294967294.
class Asn {
 public:
  /// "65001", or as asdot "1.10" (RFC 5396), which bgpd prints where `as-notation dot` says so.
  static Result<Asn> parse(std::string_view text);
  static Result<Asn> from(std::int64_t number);
  std::uint32_t number() const { return number_; }
  auto operator<=>(const Asn&) const = default;

 private:
  explicit Asn(std::uint32_t number) : number_(number) {}
  std::uint32_t number_;
};

/// The name of a route-map, VRF or view: one word of printable ASCII, so that it cannot become a
/// second word, a second command or a comment on a vty. 1 to 127 bytes; letters, digits and
/// -_.:@+/=~ (anything else is refused with a message that says which byte).
class VtyName {
 public:
  static Result<VtyName> parse(std::string_view text);
  const std::string& text() const { return text_; }
  auto operator<=>(const VtyName&) const = default;

 private:
  explicit VtyName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};
using RouteMapName = VtyName;

/// Which of bgpd's BGP instances: `router bgp N`, `router bgp N view NAME`, `router bgp N vrf
/// NAME`.
struct InstanceKey {
  enum class Kind : std::uint8_t { standard, view, vrf };
  Kind kind = Kind::standard;
  std::optional<VtyName> name;  ///< of the view or VRF

  /// "the default instance", "view LAB", "vrf CUSTOMER"
  std::string text() const;
  auto operator<=>(const InstanceKey&) const = default;
};

/// What a `network` statement says besides its prefix.
struct NetworkOptions {
  std::optional<RouteMapName> route_map;
  bool backdoor = false;
  std::optional<std::uint32_t> label_index;
  /// It names a route-map that is no VtyName: nothing that withdrawd would type again.
  bool untypable = false;

  /// "" or " route-map TAG", " backdoor": as it follows the prefix in the statement, in the order
  /// in which FRR 8.4 prints it: label-index, route-map, backdoor.
  std::string text() const;
  auto operator<=>(const NetworkOptions&) const = default;
};

struct Instance {
  Asn asn;
  InstanceKey key;
  /// The `network` statements of `ipv4 unicast` and `ipv6 unicast`, no other table.
  std::map<Prefix, NetworkOptions> networks;
  /// The statements of all other tables: which ones, such as "ipv4 multicast", "l2vpn evpn".
  std::map<Prefix, std::set<std::string>> other_tables{};
  /// The AS of each neighbor, as far as its own statement or its peer-group's names one; by the
  /// neighbor's name as written, which is how a table names it as well.
  std::map<std::string, std::uint32_t> neighbors{};
  /// `neighbor X default-originate` in a unicast table: the neighbors and peer-groups.
  std::map<Family, std::set<std::string>> default_originates{};

  /// "router bgp 65009 vrf CUSTOMER"
  std::string text() const;
  bool operator==(const Instance&) const = default;
};

/// What bgpd tells its neighbors of a restart of its own: for so long each keeps what it has heard
/// when the session breaks off without a NOTIFICATION.
struct GracefulRestart {
  Duration restart_time{};  ///< RFC 4724
  Duration long_lived{};    ///< and then, as a last choice, for so long (RFC 9494); zero: not
  Duration kept() const { return restart_time + long_lived; }
  bool operator==(const GracefulRestart&) const = default;
};

/// What withdrawd needs of bgpd's running configuration.
struct RunningConfig {
  std::vector<Instance> instances;
  std::set<std::string> route_maps;
  /// The longest of all instances and neighbors; none: bgpd asks no neighbor to keep anything.
  std::optional<GracefulRestart> graceful_restart{};
};

/// Which instance the operator means, as far as the configuration says.
struct InstanceChoice {
  std::optional<Asn> asn;
  std::optional<InstanceKey> key;  ///< not said: the only instance there is
  auto operator<=>(const InstanceChoice&) const = default;
};

/// The one instance that fits, or an error that lists what there is: none fits, or several do.
Result<const Instance*> choose_instance(const RunningConfig& config, const InstanceChoice& choice);

/// A prefix in an instance: what the table is asked about.
struct Lookup {
  Prefix prefix;
  InstanceChoice instance;
  auto operator<=>(const Lookup&) const = default;
};

/// The best path of a prefix that this bgpd does not originate itself in that instance.
struct OtherPath {
  std::string from;                    ///< the neighbor that told of it
  std::vector<std::uint32_t> as_path;  ///< without confederations and sets
  /// Empty: from a neighbor. Else it comes from another instance of this bgpd: "10.53.0.9:2".
  std::string imported_from;
  std::set<std::string> told;  ///< the neighbors that it is advertised to, by name
  bool operator==(const OtherPath&) const = default;
};

/// What bgpd says about itself at one moment.
struct Observed {
  RunningConfig config;
  /// Is there a path that is sourced locally and not being removed? A look-up whose instance
  /// could not be chosen, or that bgpd did not answer, is missing.
  std::map<Lookup, bool> in_table;
  /// To how many peers bgpd says that it advertises the prefix, as it was when it was read: a
  /// moment after an announcement it can still be 0. Any path counts, so a prefix that is not in
  /// the table locally may be advertised to some peers because another peer told us of it. A
  /// look-up that `in_table` misses is missing here too, and one where bgpd does not say.
  std::map<Lookup, unsigned> advertised_to;
  /// Only of those not in the table locally that have another path, which is best.
  std::map<Lookup, OtherPath> other_paths{};
  /// Who else is on bgpd's vty, in its own words, if that was asked (ReadBgpd::who) and it says.
  std::vector<std::string> on_vty{};
};

}  // namespace withdrawd::core
