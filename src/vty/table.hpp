#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/bgp.hpp"

namespace withdrawd::vty {

/// The command that shows `prefix` in the unicast table of `instance`; one form for Quagga and FRR.
std::string show_command(const core::Prefix& prefix, const core::InstanceKey& instance);

/// Reads what it printed: is there a path that this bgpd originates itself, be it by a `network`
/// statement, by redistribution or as an aggregate? Not counted are a path that is being removed
/// (FRR lists it for up to 50 ms) and one that is invalid (FRR's import-check: the prefix is not in
/// the RIB): neither is announced. None: the text is no answer to that question.
std::optional<bool> sourced_locally(std::string_view answer);

/// Is it bgpd's word that there is no such instance, and so no such table?
bool says_no_instance(std::string_view answer);

/// Where the paths of our own come from: those that make `sourced_locally` true.
struct PathSources {
  bool statement = false;      ///< a `network` statement
  bool redistributed = false;  ///< `redistribute …`
  bool aggregated = false;     ///< `aggregate-address`
  bool operator==(const PathSources&) const = default;
};
PathSources path_sources(std::string_view answer);

/// Reads from the same answer to how many peers the prefix is advertised, whichever path it is that
/// they are told (one learned from another peer counts too). bgpd says so before the paths, or,
/// where it tells a peer several paths (`addpath-tx-…`), path by path. None: the text is no answer,
/// or names peer-groups in place of peers, as bgpds older than Quagga 1.2 do.
std::optional<unsigned> advertised_to(std::string_view answer);

}  // namespace withdrawd::vty
