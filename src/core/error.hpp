#pragma once

#include <expected>
#include <string>

namespace withdrawd::core {

/// What went wrong, for people: one line in a log. Errors are values; no exception crosses a
/// module's border.
struct Error {
  std::string tried;     ///< what was tried, on what: "connect to /run/frr/bgpd.vty"
  std::string happened;  ///< what happened: "permission denied"
  std::string advice;    ///< what to do about it, may be empty: "add the user to group frrvty"

  /// "connect to /run/frr/bgpd.vty: permission denied (add the user to group frrvty)"
  std::string text() const;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

/// What the system says of an errno.
std::string errno_text(int number);

}  // namespace withdrawd::core
