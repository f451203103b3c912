#pragma once

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/time.hpp"

namespace withdrawd::config {

/// A span as people write it: a whole number and a unit, "800ms", "5s", "2min", "1h"; longer than
/// zero, a year (8760h) at most. A missing or misspelt unit is an error that offers what may have
/// been meant.
core::Result<core::Duration> parse_duration(std::string_view text);

/// The same the other way round, in the largest unit that is exact: "800ms", "2min".
std::string written(core::Duration span);

}  // namespace withdrawd::config
