#include "core/exposure.hpp"

#include <algorithm>
#include <utility>

namespace withdrawd::core {

void Exposure::add(bool may_fall_back, unsigned kills) {
  prefixes_.push_back({may_fall_back});
  set_kills(prefixes_.size() - 1, kills);
}

void Exposure::set(std::size_t prefix, bool exposed, Time now) {
  Prefix& one = prefixes_[prefix];
  if (exposed == one.since.has_value()) return;
  one.since = exposed ? std::optional(now) : std::nullopt;
  exposed ? ++exposed_ : --exposed_;
  ++revision_;
}

void Exposure::set_kills(std::size_t prefix, unsigned kills) {
  const unsigned before = std::exchange(prefixes_[prefix].kills, kills);
  if (before == kills) return;
  if (before == 0) ++with_kills_;
  if (kills == 0) --with_kills_;
  ++revision_;
  ++kills_revision_;
}

void Exposure::killed_for(const std::vector<std::size_t>& prefixes) {
  for (const std::size_t prefix : prefixes) set_kills(prefix, kills(prefix) + 1);
}

void Exposure::delay(Duration lost) {
  for (Prefix& prefix : prefixes_) {
    if (prefix.since) *prefix.since += lost;
  }
  ++revision_;
}

std::optional<Time> Exposure::first() const {
  std::optional<Time> first;
  for (const Prefix& prefix : prefixes_) {
    if (!prefix.since || !prefix.may_fall_back) continue;
    first = std::min(*prefix.since, first.value_or(*prefix.since));
  }
  return first;
}

std::vector<std::size_t> Exposure::since_before(Time then) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    const Prefix& prefix = prefixes_[i];
    if (prefix.may_fall_back && prefix.since && *prefix.since <= then) found.push_back(i);
  }
  return found;
}

Exposure::Longest Exposure::longest(bool forbidden) const {
  Longest longest;
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    const Prefix& prefix = prefixes_[i];
    if (!prefix.since) continue;
    const auto is_earlier = [&](std::size_t other) { return *prefix.since < *since(other); };
    if (prefix.may_fall_back && !forbidden) {
      const auto [it, added] = longest.may_fall_back.emplace(prefix.kills, i);
      if (!added && is_earlier(it->second)) it->second = i;
    } else if (!longest.may_not || is_earlier(*longest.may_not)) {
      longest.may_not = i;
    }
  }
  return longest;
}

}  // namespace withdrawd::core
