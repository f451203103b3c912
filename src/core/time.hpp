#pragma once

#include <chrono>
#include <string>

namespace withdrawd::core {

/// Moments and spans as core sees them: handed in by whoever drives it, never read from a clock.
/// Only the type is the steady clock's, so that a driver can pass its `now()` on unchanged.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// A span for people, three digits at most: "0.4 ms", "31 ms", "1.0 s", "2 min 5 s", "3 h 10 min".
std::string describe(Duration span);

}  // namespace withdrawd::core
