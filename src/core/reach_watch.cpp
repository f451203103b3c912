#include "core/reach_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace withdrawd::core {
namespace {

// After a start of bgpd its sessions are not up yet.
constexpr Duration unheard_patience = std::chrono::seconds(30);

bool has(const std::vector<Reach>& all, Reach::Kind kind) {
  return std::ranges::find(all, kind, &Reach::kind) != all.end();
}

}  // namespace

std::vector<ReachWatch::News> ReachWatch::see(std::size_t prefix, std::vector<Reach> reach,
                                              std::string_view is, Time now) {
  std::vector<News> news;
  Seen& seen = prefixes_[prefix];
  for (const Reach& one : reach) {
    if (one.kind == Reach::Kind::unheard || has(seen.reach, one.kind)) continue;
    news.push_back({one.fault() ? Severity::error : Severity::info,
                    fmt::format("is {}, but it {}", is, one.text)});
  }
  if (!has(reach, Reach::Kind::unheard)) {
    seen.unheard_since.reset();
    if (std::exchange(seen.told_unheard, false)) {
      news.push_back({Severity::info, "is heard again, or gone"});
    }
  } else if (!seen.unheard_since) {
    seen.unheard_since = now;
  } else if (now - *seen.unheard_since >= unheard_patience &&
             !std::exchange(seen.told_unheard, true)) {
    news.push_back({Severity::error, reach.front().text});
  }
  seen.reach = std::move(reach);
  return news;
}

bool ReachWatch::has_untold(Time now) const {
  return std::ranges::any_of(prefixes_, [now](const Seen& seen) {
    return seen.unheard_since && !seen.told_unheard &&
           now - *seen.unheard_since >= unheard_patience;
  });
}

}  // namespace withdrawd::core
