#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.hpp"

namespace withdrawd::config {

/// A whole number and a decimal unit: "500kB", "1MB", "2GB", "1000B".
core::Result<std::int64_t> parse_byte_size(std::string_view text);

}  // namespace withdrawd::config
