#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/controller.hpp"
#include "core/settings.hpp"
#include "daemon/history.hpp"

namespace withdrawd::daemon {

using WallTime = std::chrono::system_clock::time_point;

/// Where a prefix stands with bgpd's peers.
enum class Standing : std::uint8_t { unknown, announced, degraded, withdrawn };

/// "unknown", "announced", "degraded", "withdrawn".
std::string_view name(Standing standing);
/// No standing: not one of these.
std::optional<Standing> standing_named(std::string_view name);

/// As bgpd's table has it: a statement that the table does not show announces nothing.
Standing standing_of(const core::PrefixReport& prefix, const core::Report& report);

/// When an entry was made; none: its time cannot be read.
std::optional<WallTime> moment_of(const HistoryEntry& entry);

/// Where each prefix of the configuration has stood during the last day. Fed by the history, whose
/// changes are told to the millisecond, and by looks at the report, which also see what is nobody's
/// change: a bgpd that has died, or does not answer. What lies before both is unknown.
///
/// Bounded: so many changes a prefix; of one that changes more often the older are forgotten.
class DayStrips {
 public:
  static constexpr auto span = std::chrono::hours(24);
  static constexpr std::size_t most_changes = 48;

  /// It stands so from then on.
  struct Change {
    WallTime at;
    Standing is;
    bool operator==(const Change&) const = default;
  };

  /// These prefixes, and no others; of those that stay nothing is forgotten.
  void use(const core::Settings& settings);

  /// Also of earlier runs, in their order.
  void add(const HistoryEntry& entry);
  void see(const core::Report& report, WallTime now);

  /// Oldest first; the first one may have come before the day began, the last one lasts.
  std::vector<Change> strip(const core::PrefixKey& key, WallTime now) const;
  /// The worst of all its prefixes, five minutes at a time.
  std::vector<Change> worst_strip(const std::string& rule, WallTime now) const;

 private:
  struct Track {
    std::vector<Change> changes;
    std::optional<Standing> before_kill{};
  };
  static void push(Track& track, WallTime at, Standing is);

  std::map<core::PrefixKey, Track> tracks_;
};

}  // namespace withdrawd::daemon
