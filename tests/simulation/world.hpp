#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planted.hpp"
#include "referee.hpp"
#include "story.hpp"

namespace withdrawd::simulation {

/// What came of one story.
struct Run {
  std::size_t steps = 0;  ///< of a Controller, each looked at by the referee
  core::Duration lasted{};
  std::optional<Violation> violation;
  std::vector<std::string> log;  ///< if asked for: what withdrawd said and did
};

/// How long a story is, without the quiet at its end.
constexpr core::Duration story_length = std::chrono::minutes(5);

/// Lets the story happen to a withdrawd, and then the quiet. The same arguments give the same run.
Run play(const Setting& setting, const Story& story, std::uint64_t seed, Planted planted,
         bool keep_log = false);

}  // namespace withdrawd::simulation
