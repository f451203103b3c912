#include "vty/neighbors.hpp"

#include <algorithm>

#include "core/outcome.hpp"
#include "vty/lines.hpp"

namespace withdrawd::vty {

std::vector<Neighbor> read_neighbors(std::string_view answer) {
  constexpr std::string_view neighbor = "BGP neighbor is ";
  constexpr std::string_view state = "BGP state = ";
  // "Capabilty" is Quagga's and older FRR's.
  constexpr std::string_view capability = "Graceful Restart Capabil";
  constexpr std::string_view mode = "Local GR Mode: ";
  std::vector<Neighbor> all;
  while (!answer.empty()) {
    auto line = take_line(answer);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with(neighbor)) {
      line.remove_prefix(neighbor.size());
      // "10.0.0.2, remote AS 65002", "eth0: fe80::1, remote AS 65002"
      all.push_back({core::printable(line.substr(0, line.find(',')), 80), false, false});
    } else if (all.empty()) {
      continue;
    } else if (line.starts_with(state)) {
      all.back().established = line.substr(state.size()).starts_with("Established");
    } else if (line.starts_with(capability)) {
      all.back().keeps = line.find("advertised and received") != line.npos;
    } else if (line.starts_with(mode)) {
      // "Restart*" where the neighbor has it from its instance. Others: Helper, Disable.
      all.back().keeps = all.back().keeps && line.substr(mode.size()).starts_with("Restart");
    }
  }
  return all;
}

}  // namespace withdrawd::vty
