#include "config/byte_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

struct SizeUnit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr SizeUnit size_units[] = {
    {"B", 1}, {"kB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
/// Enough for anything here, and far from an overflow.
constexpr std::int64_t most = 1'000'000'000'000;

}  // namespace

core::Result<std::int64_t> parse_byte_size(std::string_view text) {
  const auto refused = [&](std::string happened) {
    return std::unexpected(core::Error{fmt::format("read size \"{}\"", core::printable(text, 80)),
                                       std::move(happened), "as in \"500kB\" or \"1MB\""});
  };
  std::int64_t count = 0;
  const auto* const end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): its end is the second argument
  const auto [behind, failed] = std::from_chars(text.data(), end, count);
  if (failed == std::errc::invalid_argument) return refused("it is not a number with a unit");
  const auto unit = std::ranges::find(size_units, std::string_view(behind, end), &SizeUnit::name);
  if (unit == std::end(size_units)) return refused("its unit is none of B, kB, MB and GB");
  if (failed != std::errc() || count > most / unit->bytes) return refused("it is too large");
  if (count < 0) return refused("it is negative");
  return count * unit->bytes;
}

}  // namespace withdrawd::config
