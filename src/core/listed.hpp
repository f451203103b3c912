#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace withdrawd::core {

/// "10.53.0.2, 10.54.0.3 and 4 more": of the names the first `most` are shown.
template <class Names>
std::string listed(const Names& names, std::size_t most) {
  const auto shown = std::min<std::size_t>(names.size(), most);
  const auto end = std::next(names.begin(), static_cast<std::ptrdiff_t>(shown));
  std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace withdrawd::core
