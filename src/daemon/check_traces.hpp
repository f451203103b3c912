#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/outcome.hpp"
#include "core/settings.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// How a check has been answered, minute by minute, for the last two hours. Bounded: 2 kB a check,
/// and as much for the minute that is under way.
class CheckTraces {
 public:
  static constexpr std::size_t minutes = 120;

  struct Minute {
    std::uint32_t median_us = 0;  ///< of the good answers; 0: there were none
    std::uint32_t highest_us = 0;
    std::uint32_t asked = 0;
    std::uint32_t failed = 0;
    bool operator==(const Minute&) const = default;
  };

  /// These checks, by name, and no others.
  void use(const core::Settings& settings);
  /// `check` as the settings count them.
  void add(std::size_t check, const core::Outcome& outcome, core::Time now);
  /// Oldest first, `minutes` of them at most; the last one is the one that is under way.
  std::vector<Minute> trace(std::size_t check, core::Time now) const;

 private:
  struct Trace {
    std::vector<Minute> ring;  ///< grows to `minutes`; the place of a minute is its number
    std::int64_t last = 0;     ///< the number of the minute under way
    std::int64_t first = 0;
    std::vector<std::uint32_t> latencies;  ///< of the minute under way, every `stride`th
    std::uint32_t stride = 1;
    std::uint32_t good = 0;
  };
  static void begin(Trace& trace, std::int64_t minute);

  std::vector<std::string> names_;
  std::vector<Trace> traces_;
};

}  // namespace withdrawd::daemon
