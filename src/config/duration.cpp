#include "config/duration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

using core::Duration;

struct Unit {
  std::string_view name;
  Duration length;
};
constexpr Unit units[] = {{"h", std::chrono::hours(1)},
                          {"min", std::chrono::minutes(1)},
                          {"s", std::chrono::seconds(1)},
                          {"ms", std::chrono::milliseconds(1)}};

/// What people write for a unit elsewhere.
constexpr struct {
  std::string_view name, unit;
} aliases[] = {{"msec", "ms"}, {"millis", "ms"}, {"MS", "ms"},      {"sec", "s"},
               {"secs", "s"},  {"second", "s"},  {"seconds", "s"},  {"S", "s"},
               {"m", "min"},   {"mins", "min"},  {"minute", "min"}, {"minutes", "min"},
               {"hr", "h"},    {"hour", "h"},    {"hours", "h"},    {"H", "h"}};

/// Longer than any use, and short enough that sums and doublings cannot overflow.
constexpr Duration longest = std::chrono::hours(8760);

}  // namespace

core::Result<Duration> parse_duration(std::string_view text) {
  auto refused = [&](std::string happened, std::string advice) {
    return std::unexpected(core::Error{
        fmt::format("read duration \"{}\"", core::printable(text)), std::move(happened),
        advice.empty() ? "as in \"800ms\", \"5s\", \"2min\" or \"1h\"" : std::move(advice)});
  };
  const auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  auto unit_text = text.substr(digits.size());
  if (text.empty()) return refused("it is empty", "");
  if (text.starts_with('-')) return refused("it is negative", "");
  if (digits.empty()) return refused("it is not a duration", "");
  if (unit_text.empty()) {
    return refused("it has no unit", fmt::format("did you mean \"{0}ms\" or \"{0}s\"?", digits));
  }
  if (unit_text.starts_with('.') || unit_text.starts_with(',')) {
    return refused("it is not a whole number", "use a smaller unit, as in \"1500ms\"");
  }

  const auto unit = std::ranges::find(units, unit_text, &Unit::name);
  if (unit == std::end(units)) {
    unit_text.remove_prefix(std::min(unit_text.find_first_not_of(' '), unit_text.size()));
    for (const auto& known : units) {
      if (unit_text == known.name) {
        return refused("it contains a space",
                       fmt::format("did you mean \"{}{}\"?", digits, known.name));
      }
    }
    for (const auto& alias : aliases) {
      if (unit_text == alias.name) {
        return refused(fmt::format("unknown unit \"{}\"", unit_text),
                       fmt::format("did you mean \"{}{}\"?", digits, alias.unit));
      }
    }
    return refused(fmt::format("unknown unit \"{}\"", core::printable(unit_text, 20)),
                   "the units are \"ms\", \"s\", \"min\" and \"h\"");
  }

  std::int64_t count = 0;
  const auto failed = std::from_chars(digits.data(), digits.data() + digits.size(), count).ec;
  if (failed != std::errc() || count > longest / unit->length) {
    return refused("it is longer than a year", "");
  }
  if (count == 0) return refused("it is zero", "");
  return count * unit->length;
}

std::string written(Duration span) {
  for (const auto& unit : units) {
    if (span % unit.length == Duration::zero()) {
      return fmt::format("{}{}", span / unit.length, unit.name);
    }
  }
  return fmt::format("{}ns", span.count());
}

}  // namespace withdrawd::config
