#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "core/time.hpp"

namespace withdrawd::core {

/// Keeps a failure that goes on from filling the log: it is told at once, then after a minute, and
/// then ever more seldom, down to once in ten minutes; each time with how often it was. One that
/// has not been seen for a minute is told at once again.
class RepeatedFailure {
 public:
  /// What to tell: nothing, the failure, or " (12 times in the last 1 min)" behind it.
  std::optional<std::string> news(const std::string& failure, Time now) {
    std::erase_if(told_, [&](const auto& one) { return now - one.second.seen >= first_pause; });
    const auto [place, is_new] = told_.try_emplace(failure, Told{now, now});
    if (is_new) return failure;
    Told& told = place->second;
    told.seen = now;
    ++told.times;
    if (now - told.at < told.pause) return std::nullopt;
    std::string text = failure + " (" + std::to_string(told.times) + " times in the last " +
                       describe(now - told.at) + ")";
    told = {now, now, std::min<Duration>(2 * told.pause, longest_pause)};
    return text;
  }

 private:
  static constexpr Duration first_pause = std::chrono::seconds(60);
  static constexpr Duration longest_pause = std::chrono::minutes(10);
  struct Told {
    Time at;    ///< last told
    Time seen;  ///< last happened
    Duration pause = first_pause;
    unsigned times = 0;  ///< since it was told
  };
  std::map<std::string, Told> told_;
};

}  // namespace withdrawd::core
