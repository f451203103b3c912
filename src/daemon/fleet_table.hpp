#pragma once

#include <boost/json/value.hpp>
#include <cstddef>

#include "core/controller.hpp"

namespace withdrawd::daemon {

/// How much of a fleet the status page shows.
struct FleetTable {
  static constexpr std::size_t all_rows = 60;  ///< up to so many records are all shown
  static constexpr std::size_t most_rows = 120;
  static constexpr std::size_t most_rows_a_prefix = 20;
  static constexpr std::size_t most_prefixes = 40;
  static constexpr std::size_t most_silent = 20;
};

/// The fleet as the status page shows it: what `withdrawd fleet` prints, bounded. Of a prefix the
/// sites that are not as usual come first; of many only these are shown, and the others counted.
/// `reached_since_ms`: by the wall clock; null where nothing has been heard.
boost::json::value fleet_table(const core::FleetReport& fleet, boost::json::value reached_since_ms);

}  // namespace withdrawd::daemon
