#pragma once

#include <string_view>

namespace withdrawd::daemon {

/// "0.1.0"
extern const std::string_view version;

}  // namespace withdrawd::daemon
