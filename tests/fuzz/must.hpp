#pragma once

#include <algorithm>
#include <cstdlib>
#include <string_view>

// What a fuzzer holds the code to: the first that does not hold ends it.

inline void must(bool holds) {
  if (!holds) std::abort();
}

inline void must_be_printable(std::string_view text) {
  must(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
}
