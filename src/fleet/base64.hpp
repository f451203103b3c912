#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace withdrawd::fleet {

/// Base64 with padding (RFC 4648, section 4).
std::string base64(std::string_view bytes);
/// None: it is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace withdrawd::fleet
