#pragma once

#include <string>
#include <string_view>

#include "cli/command.hpp"
#include "daemon/history.hpp"

namespace withdrawd::cli {

/// Is the entry about `target`, the name of a rule or a prefix? What befell all of bgpd befell
/// each;
/// "" is everything.
bool is_about(const daemon::HistoryEntry& entry, std::string_view target);

/// One line of `withdrawd log`, with its end. `width` is that of the terminal: longer lines go on,
/// indented, at a blank. 0: it stays one line.
std::string change_line(const daemon::HistoryEntry& entry, const Palette& palette,
                        std::size_t width);

}  // namespace withdrawd::cli
