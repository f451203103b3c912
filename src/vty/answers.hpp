#pragma once

#include <string_view>

namespace withdrawd::vty {

/// Did bgpd refuse configuration mode because another session holds its lock?
/// (transcripts/quagga-1.2.3-socket-locked.json; FRR words it in several ways, lib/vty.c.)
bool says_locked(std::string_view answer);

}  // namespace withdrawd::vty
