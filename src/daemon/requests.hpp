#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/events.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// What another command of withdrawd asks of the running one, as a line: a word, and for some a
/// JSON object behind it.
struct Request {
  enum class Verb : std::uint8_t { status, drain, undrain, reload, now };
  Verb verb = Verb::status;
  /// drain, undrain: the name of a rule, a prefix, or "" for everything.
  std::string target;
  std::string who;
  std::string why;
  std::optional<core::Duration> length;  ///< drain: none: until somebody ends it
  bool force = false;                    ///< drain: without leave of the fleet

  std::string line() const;
  /// Text is cut and made printable, whoever sends it.
  static core::Result<Request> parse(std::string_view line);
};

/// What an answer of the running withdrawd says: its text, or its error. Made visible, whoever
/// answers.
core::Result<std::string> read_said(std::string_view answer);

/// The drain that is asked for; none: it is to end.
std::optional<core::Drain> drain_of(const Request& request, core::Time now);

/// What is told to the one who drains or undrains: "2 prefixes drained for 30 min".
std::string drained_text(const Request& request, std::size_t prefixes);

}  // namespace withdrawd::daemon
