#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace withdrawd::vty {

/// What bgpd is, as its answer to `show version` has it: "FRRouting 8.4.4 (edge).", "Quagga 1.2.4
/// ()."
struct Release {
  std::string program;  ///< "FRRouting", "Quagga"
  std::string version;  ///< "8.4.4"

  std::string text() const { return program + " " + version; }
  /// Has what withdrawd believes of bgpd been tried on one of that version (tests/assumptions)?
  bool is_tried() const;
};

/// None: it is no such answer.
std::optional<Release> read_release(std::string_view answer);

/// "FRRouting 8.4, 10.3, …", for people.
std::string tried_releases();

}  // namespace withdrawd::vty
