#pragma once

#include <boost/json/value.hpp>

#include "core/fleet.hpp"
#include "fleet/link.hpp"

namespace withdrawd::daemon {

/// A look at the fleet as `fleet --json` prints it; the shape is documented in docs/fleet.md.
boost::json::value to_json(const core::Fleet& fleet, const fleet::View& view);

}  // namespace withdrawd::daemon
