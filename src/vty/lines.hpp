#pragma once

#include <algorithm>
#include <string_view>

namespace withdrawd::vty {

// What bgpd prints, line by line and word by word.

/// Takes the first line off `text`, and gives it without its end and the blanks before that.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

/// Takes the next word off the front of `line`; empty at its end.
inline std::string_view next_word(std::string_view& line) {
  const auto start = std::min(line.find_first_not_of(" \t"), line.size());
  const auto end = std::min(line.find_first_of(" \t", start), line.size());
  const auto word = line.substr(start, end - start);
  line.remove_prefix(end);
  return word;
}

}  // namespace withdrawd::vty
