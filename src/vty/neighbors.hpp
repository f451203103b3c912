#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::vty {

/// One neighbor, as `show ip bgp neighbors` has it.
struct Neighbor {
  std::string name;  ///< its address, or the interface of an unnumbered one; printable
  bool established = false;
  /// It has agreed to keep bgpd's prefixes when the session breaks off: both have graceful restart,
  /// and this side as the one that restarts (FRR tells its neighbors of the capability always).
  bool keeps = false;
};

/// Reads Quagga's answer and FRR's. What it does not know is passed over; no neighbor: none.
std::vector<Neighbor> read_neighbors(std::string_view answer);

}  // namespace withdrawd::vty
