#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::config {

/// The candidate that `word` is most likely a slip of the pen for: the fewest letters to insert,
/// drop, change or swap, and few enough for the word's length; else one that begins with it. Empty:
/// none is near.
/// Upper and lower case count as the same.
std::string near_miss(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace withdrawd::config
