#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace withdrawd::core {

enum class OutcomeKind : std::uint8_t {
  ok,        ///< the answer that users want
  nxdomain,  ///< the server says that the name does not exist
  timeout,   ///< no answer in time
  error,     ///< everything else: SERVFAIL, REFUSED, no data, malformed, port unreachable, no route
  unable,  ///< this host lacked what asking takes: descriptors, memory. Says nothing of the server
};

/// What asking a check once gave.
struct Outcome {
  OutcomeKind kind = OutcomeKind::error;
  Duration latency{};  ///< from the first packet sent to the verdict
  /// For people. `ok`: the last address resolved; else what was wrong: "SERVFAIL", "no data",
  /// "port unreachable". Holds no control characters: whoever makes it escapes what came from
  /// outside.
  std::string detail;

  bool healthy() const { return kind == OutcomeKind::ok; }
  bool operator==(const Outcome&) const = default;
};

/// "ok", "nxdomain", "timeout", "error", "unable".
std::string_view name(OutcomeKind kind);

/// Does this errno say that this host has run out of something: descriptors, memory, local ports,
/// processes?
bool is_shortage(int error_number);

/// `text` with every byte that is not printable ASCII as \xNN (and backslash as \\), cut to
/// `longest` bytes with "..." behind: for whatever came from DNS, bgpd or a command.
std::string printable(std::string_view text, std::size_t longest = 400);

}  // namespace withdrawd::core
