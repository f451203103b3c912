#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace withdrawd::core {

/// What went wrong, for people: one line in a log. Errors are values; no exception crosses a
/// module's border.
struct Error {
  std::string tried;     ///< what was tried, on what: "connect to /run/frr/bgpd.vty"
  std::string happened;  ///< what happened: "permission denied"
  std::string advice;    ///< what to do about it, may be empty: "add the user to group frrvty"

  /// For who decides by it; the texts are for people alone, and may become better ones.
  enum class Code : std::uint8_t {
    other,
    no_resources,    ///< this host lacks descriptors, memory or processes
    nobody_answers,  ///< where a running withdrawd was asked
    not_permitted,   ///< whoever was asked does not allow it
    private_file,    ///< a file that is for withdrawd's own user could not be used
    mode_too_open,   ///< likewise, and `advice` is the command that mends it
  };
  Code code = Code::other;

  /// "connect to /run/frr/bgpd.vty: permission denied (add the user to group frrvty)"
  std::string text() const;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

/// What the system says of an errno.
std::string errno_text(int number);

}  // namespace withdrawd::core
