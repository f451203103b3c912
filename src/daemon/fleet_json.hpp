#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "core/fleet.hpp"
#include "core/fleet_sites.hpp"

namespace withdrawd::daemon {

/// A look at the fleet as `fleet --json` prints it; the shape is documented in docs/fleet.md.
boost::json::value to_json(const core::Fleet& fleet, const core::FleetSites& sites);
/// Of that, `places` and `silent`.
boost::json::array places_json(const core::FleetSites& sites);
boost::json::array silent_json(const core::FleetSites& sites);

/// What a site makes of a prefix, in one word or two: "announced", "held", "may go", "drained",
/// "withdrawn".
std::string_view standing_word(const core::Place& place);

}  // namespace withdrawd::daemon
