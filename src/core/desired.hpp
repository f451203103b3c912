#pragma once

#include <cstdint>
#include <string_view>

namespace withdrawd::core {

/// What a prefix should be.
enum class Desired : std::uint8_t {
  as_it_is,   ///< health is not known yet: leave bgpd alone
  announced,  ///< in the table, with its options
  degraded,   ///< in the table, with another route-map
  withdrawn,  ///< not in the table
};

/// Is it to be in the table?
constexpr bool is_wanted(Desired desired) {
  return desired == Desired::announced || desired == Desired::degraded;
}

/// "as it is", "announced", "degraded", "withdrawn".
constexpr std::string_view name(Desired desired) {
  switch (desired) {
    case Desired::announced:
      return "announced";
    case Desired::degraded:
      return "degraded";
    case Desired::withdrawn:
      return "withdrawn";
    case Desired::as_it_is:
      break;
  }
  return "as it is";
}

}  // namespace withdrawd::core
