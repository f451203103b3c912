#pragma once

#include <cstdint>

#include "core/error.hpp"

namespace withdrawd::core {

/// Why bgpd did not do what it was asked to.
enum class Trouble : std::uint8_t {
  unreachable,  ///< nobody there: no socket, connection refused, hung up, no vtysh, wrong password
  silent,       ///< connected, but no answer in time: frozen, or very busy
  locked,       ///< somebody else sits in configuration mode
  refused,      ///< answered, and said no
};

struct Failure {
  Trouble trouble = Trouble::unreachable;
  Error error;  ///< names every transport that was tried and how each failed
};

}  // namespace withdrawd::core
