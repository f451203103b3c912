#pragma once

#include <string>
#include <string_view>

namespace withdrawd::core {

/// `text` with every byte that is not printable ASCII as \xNN, for a line that a person reads: the
/// last door of logs and terminals. Text that `printable` made passes unchanged, as backslashes do.
std::string visible(std::string_view text);

}  // namespace withdrawd::core
