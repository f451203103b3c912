#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/fleet.hpp"

namespace withdrawd::core {

/// Where every site of a fleet stands with every prefix, as its store has it. Names are of whoever
/// may write into the store.
struct FleetSites {
  struct Entry {
    std::string place, site;
    Place said;
    std::int64_t since = 0;  ///< seconds of the wall clock: since when it says so
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> entries;
  std::vector<std::string> members;  ///< all sites that have ever been there
  std::size_t too_many = 0;  ///< so many records there are, and none of them is here; 0: all are

  std::set<std::string> heard() const;   ///< sites that say where they stand
  std::set<std::string> silent() const;  ///< members that do not
  bool operator==(const FleetSites&) const = default;
};

}  // namespace withdrawd::core
