#include "vty/answers.hpp"

#include <algorithm>
#include <array>

#include "core/outcome.hpp"

namespace withdrawd::vty {

bool says_locked(std::string_view answer) {
  constexpr std::array<std::string_view, 4> ways{
      // "VTY configuration is locked by other VTY", "% Configuration is locked by other client"
      "onfiguration is locked",
      // "% Can't enter config; running datastore locked by another session"
      "locked by another session",
      // "running configuration is locked by another client"
      "locked by another client",
      // "% command failed, could not lock candidate DS", "... running DS" (a front end of mgmtd)
      "could not lock ",
  };
  return std::ranges::any_of(ways, [&](auto way) { return answer.find(way) != answer.npos; });
}

std::string one_line(std::string_view answer, std::size_t longest) {
  std::string joined;
  while (!answer.empty()) {
    const auto end = answer.find('\n');
    auto line = answer.substr(0, end);
    answer.remove_prefix(end == answer.npos ? answer.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return core::printable(joined, longest);
}

}  // namespace withdrawd::vty
