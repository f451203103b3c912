#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cli/command.hpp"
#include "daemon/history.hpp"

namespace withdrawd::cli {

/// Is the entry about `target`, the name of a rule or a prefix? What befell all of bgpd befell
/// each;
/// "" is everything.
bool is_about(const daemon::HistoryEntry& entry, std::string_view target);

/// A time as an operator types it, in the form of an entry's: "2h" or "3d" is so long before `now`;
/// "2026-11-23", "2026-11-23T03:31" and "2026-11-23 03:31:21Z" are UTC. An error says what is
/// expected.
core::Result<std::string> typed_time(const std::string& text,
                                     std::chrono::system_clock::time_point now);

/// One line of `withdrawd log`, with its end. What has more columns than `terminal` goes on,
/// indented.
std::string change_line(const daemon::HistoryEntry& entry, const Terminal& terminal);

}  // namespace withdrawd::cli
