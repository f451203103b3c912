#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace withdrawd::vty {

/// Did bgpd refuse configuration mode because another session holds its lock?
/// (transcripts/quagga-1.2.3-socket-locked.json; FRR words it in several ways, lib/vty.c.)
bool says_locked(std::string_view answer);

/// An answer for a log: its lines joined by "; ", escaped and cut to about `longest` bytes.
std::string one_line(std::string_view answer, std::size_t longest = 160);

}  // namespace withdrawd::vty
