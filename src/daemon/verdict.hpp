#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/controller.hpp"

namespace withdrawd::daemon {

/// What sets a prefix apart, the most urgent first.
enum class Concern : std::uint8_t {
  exposed,  ///< announced, and must not be
  differs,  ///< otherwise not as it should be, or reaching whom it should not, or nobody
  sick,     ///< withdrawn or degraded for its health, or kept only by its group's minimum
  damped,   ///< down although its checks are up
  unknown,  ///< nobody knows its health yet, or what bgpd does with it
  drained,  ///< somebody wants it so
  none,
};

Concern concern_about(const core::PrefixReport& prefix, const core::Report& report);

/// What stands in the way, or is odd, in words; none: nothing.
std::optional<std::string> obstacle_of(const core::PrefixReport& prefix);

/// A report in a sentence or two: what somebody reads who reads nothing else.
struct Verdict {
  enum class Grade : std::uint8_t {
    fine,
    notable,  ///< not everything is announced, and that is meant to be so
    bad,
  };
  Grade grade = Grade::fine;
  std::string text;  ///< what comes first
  std::string more;  ///< may be empty

  /// One more sentence, if there is any in it.
  void say(const std::string& sentence);
  std::string in_full() const { return more.empty() ? text : text + " " + more; }
};

std::string_view name(Verdict::Grade grade);

Verdict verdict_on(const core::Report& report);

}  // namespace withdrawd::daemon
