#include "core/time.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace withdrawd::core {
namespace {

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
  const auto tenths_of_ms = round<duration<std::int64_t, std::ratio<1, 10000>>>(span).count();
  if (tenths_of_ms < 100) return fmt::format("{}.{} ms", tenths_of_ms / 10, tenths_of_ms % 10);
  const auto ms = round<milliseconds>(span).count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  const auto tenths_of_s = round<duration<std::int64_t, std::deci>>(span).count();
  if (tenths_of_s < 100) return fmt::format("{}.{} s", tenths_of_s / 10, tenths_of_s % 10);
  const auto s = round<seconds>(span).count();
  if (s < 60) return fmt::format("{} s", s);
  if (s < 60 * 60) return in_two_units(s, 60, "min", "s");
  const auto min = round<minutes>(span).count();
  if (min < 24 * 60) return in_two_units(min, 60, "h", "min");
  return in_two_units(round<hours>(span).count(), 24, "d", "h");
}

}  // namespace withdrawd::core
