#include "core/time.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace withdrawd::core {
namespace {

/// std::chrono::round would overflow for the longest spans.
std::int64_t rounded(Duration span, Duration unit) {
  return span / unit + (span % unit >= unit / 2 ? 1 : 0);
}

/// "1 h 5 min", "2 h": a count of the smaller unit in terms of both.
std::string in_two_units(std::int64_t count, std::int64_t per_larger, const char* larger,
                         const char* smaller) {
  const auto rest = count % per_larger;
  if (rest == 0) return fmt::format("{} {}", count / per_larger, larger);
  return fmt::format("{} {} {} {}", count / per_larger, larger, rest, smaller);
}

}  // namespace

std::string describe(Duration span) {
  using namespace std::chrono;
  if (span < Duration::zero()) {
    // The lowest value has no positive counterpart.
    return "-" + describe(span == Duration::min() ? Duration::max() : -span);
  }
  // Rounded before the unit is chosen, so that 999.7 ms is "1.0 s" and not "1000 ms".
  const auto tenths_of_ms = rounded(span, microseconds(100));
  if (tenths_of_ms < 100) return fmt::format("{}.{} ms", tenths_of_ms / 10, tenths_of_ms % 10);
  const auto ms = rounded(span, milliseconds(1));
  if (ms < 1000) return fmt::format("{} ms", ms);
  const auto tenths_of_s = rounded(span, milliseconds(100));
  if (tenths_of_s < 100) return fmt::format("{}.{} s", tenths_of_s / 10, tenths_of_s % 10);
  const auto s = rounded(span, seconds(1));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return in_two_units(s, 60, "min", "s");
  const auto min = rounded(span, minutes(1));
  if (min < 1440) return in_two_units(min, 60, "h", "min");
  return in_two_units(rounded(span, hours(1)), 24, "d", "h");
}

}  // namespace withdrawd::core
