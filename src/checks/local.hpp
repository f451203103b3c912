#pragma once

#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::checks {

/// Is the address on an interface that is up? An IPv6 address whose uniqueness has not been
/// established (tentative) or was disproved is not usable. A deprecated one is: anycast addresses
/// are often given `preferred_lft 0`, so that no connection begins from them.
core::Outcome look(const core::AddressCheck& check);

/// Is the file there, as a symbolic link's target, too? Where that cannot be told (a folder that
/// may not be searched), the outcome is an error.
core::Outcome look(const core::FileCheck& check);

}  // namespace withdrawd::checks
