#pragma once

#include <cstdint>

namespace withdrawd::core {

/// What the table says.
enum class Action : std::uint8_t {
  nothing,
  bring_up,   ///< announce the prefix; restart bgpd
  take_down,  ///< withdraw the prefix; stop bgpd
};

/// The whole program. By prefix, `present` means announced; by process, bgpd is running.
///
///             | present   | not present
///   healthy   | nothing   | bring up
///   unhealthy | take down | nothing
constexpr Action four_cases(bool healthy, bool present) {
  if (healthy == present) return Action::nothing;
  return healthy ? Action::bring_up : Action::take_down;
}

}  // namespace withdrawd::core
