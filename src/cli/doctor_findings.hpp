#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace withdrawd::cli {

/// One line of `doctor`.
struct Finding {
  enum class Verdict : std::uint8_t {
    ok,
    note,    ///< nothing is wrong, but it is worth knowing
    wrong,   ///< wants mending
    unseen,  ///< could not be looked at, for this user or now
  };
  Verdict verdict = Verdict::ok;
  std::string item;     ///< "transport", "prefix": one of those in docs/doctor-json.md
  std::string subject;  ///< "vtysh", "192.0.2.0/24"; may be empty
  std::string text;     ///< what is, or what is wrong
  /// What mends it; may be empty: a command for a shell, or in words (of the configuration, say).
  std::string cure = {};
  bool cure_is_command = false;
};

/// "ok", "note", "wrong", "unseen"
std::string_view name(Finding::Verdict verdict);

/// For a shell: in quotes unless it needs none.
std::string quoted_for_shell(const std::string& word);

/// In 80 columns; commands are broken with a backslash, so that they can be pasted. Of many
/// prefixes that are fine only the first are shown.
std::string doctor_text(const std::vector<Finding>& findings, const Terminal& terminal);

/// As `doctor --json` prints it; docs/doctor-json.md.
boost::json::value doctor_json(const std::vector<Finding>& findings, int exit_status);

}  // namespace withdrawd::cli
