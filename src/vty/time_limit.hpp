#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "core/time.hpp"

namespace withdrawd::vty {

/// What one operation may take on one way into bgpd, as a whole: whoever sends a byte now and then
/// is not silent, and would keep the other ways from their turn for ever. What is really done earns
/// more time, so that thousands of statements on a slow host do not look like that: a millisecond
/// for each answer and for each KiB of them. (0.1 to 0.5 ms an answer were measured on Quagga and
/// FRR.)
class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  void start(core::Duration whole) {
    whole_ = whole;
    ends_ = Clock::now() + whole;
    heard_ = false;
  }
  void answered(std::size_t answers) { earn(answers); }
  void received(std::size_t bytes) {
    heard_ = heard_ || bytes > 0;
    bytes_ += bytes;
    earn(bytes_ / 1024);
    bytes_ %= 1024;
  }

  core::Duration whole() const { return whole_; }
  bool passed() const { return Clock::now() >= ends_; }
  /// Has there been a byte since the start? Without one it is silence, not slowness.
  bool heard() const { return heard_; }
  /// When to stop waiting for the next sign of life that may take `patience`.
  Clock::time_point next(core::Duration patience) const {
    return std::min(Clock::now() + patience, ends_);
  }
  /// What of `patience` is left.
  core::Duration within(core::Duration patience) const {
    const auto left = next(patience) - Clock::now();
    return std::chrono::duration_cast<core::Duration>(
        std::max(left, Clock::duration(std::chrono::milliseconds(1))));
  }

 private:
  void earn(std::size_t milliseconds) {
    if (ends_ != Clock::time_point::max()) ends_ += std::chrono::milliseconds(milliseconds);
  }

  core::Duration whole_{};
  Clock::time_point ends_ = Clock::time_point::max();  ///< none until it is started
  std::size_t bytes_ = 0;
  bool heard_ = false;
};

}  // namespace withdrawd::vty
