#include "daemon/day_strips.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

namespace withdrawd::daemon {
namespace {

constexpr std::array<std::pair<std::string_view, Standing>, 4> names{
    {{"unknown", Standing::unknown},
     {"announced", Standing::announced},
     {"degraded", Standing::degraded},
     {"withdrawn", Standing::withdrawn}}};

/// What wants to be seen first, where one place must stand for many.
int weight(Standing standing) {
  switch (standing) {
    case Standing::announced:
      return 0;
    case Standing::degraded:
      return 1;
    case Standing::unknown:
      return 2;
    case Standing::withdrawn:
      break;
  }
  return 3;
}

}  // namespace

std::string_view name(Standing standing) {
  return std::ranges::find(names, standing, &std::pair<std::string_view, Standing>::second)->first;
}

std::optional<Standing> standing_named(std::string_view name) {
  const auto found = std::ranges::find(names, name, &std::pair<std::string_view, Standing>::first);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

Standing standing_of(const core::PrefixReport& prefix, const core::Report& report) {
  if (report.bgpd_gone || report.bgpd_killed) return Standing::withdrawn;
  if (!prefix.in_table) return Standing::unknown;
  if (!*prefix.in_table) return Standing::withdrawn;
  return prefix.desired == core::Desired::degraded && prefix.agrees ? Standing::degraded
                                                                    : Standing::announced;
}

std::optional<WallTime> moment_of(const HistoryEntry& entry) {
  constexpr std::string_view shape = "0000-00-00T00:00:00.000Z";
  if (entry.time.size() != shape.size()) return std::nullopt;
  std::array<int, 8> parts{};  // year, month, day, hour, minute, second, millisecond
  std::size_t part = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const char c = entry.time[i];
    if (shape[i] != '0') {
      if (c != shape[i]) return std::nullopt;
      ++part;
    } else if (c < '0' || c > '9') {
      return std::nullopt;
    } else {
      parts[part] = 10 * parts[part] + (c - '0');
    }
  }
  struct tm utc{};
  utc.tm_year = parts[0] - 1900;
  utc.tm_mon = parts[1] - 1;
  utc.tm_mday = parts[2];
  utc.tm_hour = parts[3];
  utc.tm_min = parts[4];
  utc.tm_sec = parts[5];
  return std::chrono::system_clock::from_time_t(::timegm(&utc)) +
         std::chrono::milliseconds(parts[6]);
}

void DayStrips::use(const core::Settings& settings) {
  std::map<core::PrefixKey, Track> tracks;
  for (const core::Rule& rule : settings.rules) {
    for (const core::Prefix& prefix : rule.prefixes) {
      core::PrefixKey key{rule.name, prefix};
      auto node = tracks_.extract(key);
      tracks.emplace(std::move(key), node ? std::move(node.mapped()) : Track{});
    }
  }
  tracks_ = std::move(tracks);
}

void DayStrips::push(Track& track, WallTime at, Standing is) {
  auto& changes = track.changes;
  if (!changes.empty()) {
    if (changes.back().is == is) return;
    // The host's clock may have been set back.
    at = std::max(at, changes.back().at);
    if (changes.back().at == at) changes.pop_back();
  }
  const auto old = std::ranges::find_if(changes, [&](const Change& c) { return c.at > at - span; });
  // The last one before the day is where the day begins.
  if (old - changes.begin() > 1) changes.erase(changes.begin(), old - 1);
  if (changes.size() >= most_changes) changes.erase(changes.begin());
  changes.push_back({at, is});
}

void DayStrips::add(const HistoryEntry& entry) {
  const auto at = moment_of(entry);
  if (!at) return;
  if (entry.kind == "killed") {
    for (auto& [key, track] : tracks_) {
      if (!track.before_kill) {
        track.before_kill = track.changes.empty() ? Standing::unknown : track.changes.back().is;
      }
      push(track, *at, Standing::withdrawn);
    }
    return;
  }
  if (entry.kind == "restarted") {
    // A later change tells where bgpd's file differs from that.
    for (auto& [key, track] : tracks_) {
      if (const auto before = std::exchange(track.before_kill, {})) push(track, *at, *before);
    }
    return;
  }
  const auto prefix = core::Prefix::parse(entry.prefix);
  const auto is = standing_named(entry.is);
  if (entry.kind != "changed" || !prefix || !is) return;
  const auto found = tracks_.find({entry.rule, *prefix});
  if (found == tracks_.end()) return;
  Track& track = found->second;
  track.before_kill.reset();
  const auto was = standing_named(entry.was);
  // It was that before, since nobody knows when: for the whole day, as far as this one can tell.
  if (was && track.changes.empty()) push(track, *at - span, *was);
  push(track, *at, *is);
}

void DayStrips::see(const core::Report& report, WallTime now) {
  for (const core::PrefixReport& prefix : report.prefixes) {
    const auto found = tracks_.find({prefix.rule, prefix.prefix});
    if (found == tracks_.end()) continue;
    Track& track = found->second;
    const Standing is = standing_of(prefix, report);
    // Between a change and the next look at the table nobody knows for a moment.
    const bool moment = is == Standing::unknown && report.bgpd_reachable;
    if (moment) continue;
    track.before_kill.reset();
    if (track.changes.empty() && prefix.agrees && prefix.desired_for && is != Standing::unknown) {
      // No change is on record since it began to be wanted so.
      const auto since = std::min<core::Duration>(*prefix.desired_for, span);
      push(track, now - std::chrono::duration_cast<std::chrono::milliseconds>(since), is);
      continue;
    }
    push(track, now, is);
  }
}

std::vector<DayStrips::Change> DayStrips::strip(const core::PrefixKey& key, WallTime now) const {
  const auto found = tracks_.find(key);
  if (found == tracks_.end()) return {};
  const auto& changes = found->second.changes;
  auto first = std::ranges::find_if(changes, [&](const Change& c) { return c.at > now - span; });
  if (first != changes.begin()) --first;
  return {first, changes.end()};
}

std::vector<DayStrips::Change> DayStrips::worst_strip(const std::string& rule, WallTime now) const {
  constexpr auto step = std::chrono::minutes(5);
  constexpr std::size_t steps = span / step;
  const WallTime begin = now - span;
  // Where nobody has told anything nothing is known.
  std::array<std::pair<int, Standing>, steps> worst{};
  worst.fill({-1, Standing::unknown});
  // Prefixes are ordered: those of one rule stand together.
  const core::PrefixKey first{rule,
                              core::Prefix::containing(core::Address(core::Family::ipv4, {}), 0)};
  for (auto it = tracks_.lower_bound(first); it != tracks_.end() && it->first.first == rule; ++it) {
    const auto& changes = it->second.changes;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const WallTime end = i + 1 < changes.size() ? changes[i + 1].at : now;
      if (end < begin) continue;
      const auto from = std::max(changes[i].at, begin) - begin;
      const auto last = std::min<std::size_t>((end - begin) / step, steps - 1);
      for (std::size_t at = from / step; at <= last; ++at) {
        worst[at] = std::max(worst[at], {weight(changes[i].is), changes[i].is});
      }
    }
  }
  std::vector<Change> strip;
  for (std::size_t at = 0; at < steps; ++at) {
    const Standing is = worst[at].second;
    if (strip.empty() || strip.back().is != is) {
      strip.push_back({begin + static_cast<int>(at) * step, is});
    }
  }
  return strip;
}

}  // namespace withdrawd::daemon
