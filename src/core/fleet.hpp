#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/health.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

/// How many other sites must announce a prefix healthy before one may withdraw it.
struct FleetFloor {
  std::size_t least = 1;    ///< sites; 0: the prefix is not guarded
  bool in_percent = false;  ///< of the live sites, this one among them; rounded up
  /// More are never asked for: that is what one transaction of the store can compare.
  static constexpr std::size_t most = 100;
  /// Of so many live sites.
  std::size_t needed(std::size_t live) const {
    return std::min(in_percent ? (least * live + 99) / 100 : least, most);
  }
  /// "2", "50%"
  std::string text() const { return std::to_string(least) + (in_percent ? "%" : ""); }
  bool operator==(const FleetFloor&) const = default;
};

/// The fleet that this site is one of, as far as decisions go.
struct Fleet {
  std::string group;
  std::string site;
  FleetFloor keep_announcing;          ///< for rules that say nothing else
  bool hold_when_unreachable = false;  ///< without an answer: stay announced; else withdraw
  Duration timeout = std::chrono::milliseconds(250);  ///< so long a withdrawal waits for an answer
};

/// How the store is reached, in which the fleet keeps its records.
struct FleetAccess {
  struct Endpoint {
    bool tls = false;
    std::string host;  ///< a name, or an address without brackets
    std::uint16_t port = 2379;
    /// "https://[2001:db8::1]:2379"
    std::string text() const;
    bool operator==(const Endpoint&) const = default;
  };
  std::vector<Endpoint> endpoints;  ///< tried in turn; none: this site is in no fleet
  std::string user;                 ///< empty: no log-in
  std::filesystem::path password_file;
  std::filesystem::path ca;                   ///< empty: the system's
  std::filesystem::path cert, key;            ///< of this client; empty: none
  Duration lease = std::chrono::seconds(10);  ///< what is not renewed for so long is gone
  bool operator==(const FleetAccess&) const = default;
};

/// Where a site stands with one prefix, as the others may read it.
enum class PlaceState : std::uint8_t {
  up,    ///< announced, and healthy: the others may count on it until it has been given leave
  sick,  ///< announced, but not healthy (or not as it should be): nobody counts on it
  left,  ///< it has leave: it may go any moment, or is gone
};

/// "up", "sick", "left".
std::string_view name(PlaceState state);

/// What a site tells the others of one prefix.
struct Place {
  PlaceState state = PlaceState::left;
  bool announced = false;
  Health health = Health::unknown;
  bool drained = false;
  bool held = false;  ///< would be withdrawn, but was not given leave
  bool operator==(const Place&) const = default;
};

}  // namespace withdrawd::core
