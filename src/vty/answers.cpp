#include "vty/answers.hpp"

#include <algorithm>
#include <array>

#include "core/outcome.hpp"
#include "vty/lines.hpp"

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
    const auto line = take_line(answer);
    if (line.empty()) continue;
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return core::printable(joined, longest);
}

std::vector<std::string> read_who(std::string_view answer) {
  constexpr std::size_t enough = 8;
  std::vector<std::string> sessions;
  while (!answer.empty() && sessions.size() < enough) {
    auto line = take_line(answer);
    // "*vty[10] connected from 127.0.0.1.": the star is for configuration mode.
    const auto start = line.find("vty[");
    if (start > 1 || line.find("] connected from ") == line.npos) continue;
    const bool configures = line.front() == '*';
    line.remove_prefix(start);
    if (line.ends_with('.')) line.remove_suffix(1);
    sessions.push_back(core::printable(line, 80) + (configures ? " (in configuration mode)" : ""));
  }
  return sessions;
}

}  // namespace withdrawd::vty
