#pragma once

#include <cstdint>

namespace withdrawd::core {

/// How loud a line is.
enum class Severity : std::uint8_t {
  debug,     ///< every outcome, every read
  info,      ///< nothing had to be done
  warning,   ///< something was done, or DNS fails
  error,     ///< something could not be done; it is tried again
  critical,  ///< a human is needed: a sick prefix is still announced, or bgpd was killed
};

}  // namespace withdrawd::core
