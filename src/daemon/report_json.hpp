#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "core/controller.hpp"

namespace withdrawd::daemon {

/// A report as `status --json` prints it; the shape is documented in docs/status-json.md.
boost::json::value to_json(const core::Report& report);

/// The groups in it.
boost::json::array groups_json(const core::Report& report);

}  // namespace withdrawd::daemon
