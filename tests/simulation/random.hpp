#pragma once

#include <cstdint>
#include <span>

#include "core/time.hpp"

namespace withdrawd::simulation {

/// splitmix64: the same numbers from the same seed with every compiler and library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to `count` - 1; the bias of so small counts is nothing to a test.
  std::size_t below(std::size_t count) { return next() % count; }
  bool chance(unsigned percent) { return below(100) < percent; }
  core::Duration between(core::Duration shortest, core::Duration longest) {
    const auto span = static_cast<std::size_t>((longest - shortest).count());
    return shortest + core::Duration(static_cast<core::Duration::rep>(below(span + 1)));
  }
  template <class T>
  const T& pick(std::span<const T> from) {
    return from[below(from.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace withdrawd::simulation
