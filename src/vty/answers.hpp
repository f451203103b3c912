#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::vty {

/// Did bgpd refuse configuration mode because another session holds its lock?
/// (transcripts/quagga-1.2.3-socket-locked.json; FRR words it in several ways, lib/vty.c.)
bool says_locked(std::string_view answer);

/// An answer for a log: its lines joined by "; ", escaped and cut to about `longest` bytes.
std::string one_line(std::string_view answer, std::size_t longest = 160);

/// The sessions that `who` lists, the first eight: "vty[10] connected from 127.0.0.1". A session of
/// vtysh is in no such list, one over telnet is, ours included
/// (transcripts/frr-8.4.4-socket-reach.json, quagga-1.2.4-socket-reach.json).
std::vector<std::string> read_who(std::string_view answer);

}  // namespace withdrawd::vty
