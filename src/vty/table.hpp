#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/bgp.hpp"

namespace withdrawd::vty {

/// The command that shows `prefix` in the unicast table of `instance`; one form for Quagga and FRR.
std::string show_command(const core::Prefix& prefix, const core::InstanceKey& instance);

/// Is it bgpd's word that there is no such instance, and so no such table?
bool says_no_instance(std::string_view answer);

/// Where the paths of our own come from.
struct PathSources {
  bool statement = false;      ///< a `network` statement
  bool redistributed = false;  ///< `redistribute …`
  bool aggregated = false;     ///< `aggregate-address`
  bool operator==(const PathSources&) const = default;
};

/// What it printed (transcripts/*-socket-table, *-socket-advertised, *-socket-reach).
struct TableEntry {
  /// Not counted are a path that is being removed (FRR lists it for up to 50 ms), one that is
  /// invalid (FRR's import-check: the prefix is not in the RIB), for neither is announced, and one
  /// that is imported from another instance: it prints as "sourced, local" as well, but no
  /// statement of this instance withdraws it.
  PathSources sources;
  /// To how many peers the prefix is advertised, whichever path it is that they are told. bgpd says
  /// so before the paths, or, where it tells a peer several paths (`addpath-tx-…`), path by path.
  /// None: it names peer-groups in place of peers, as bgpds older than Quagga 1.2 do.
  std::optional<unsigned> advertised_to;
  std::optional<core::OtherPath> other;  ///< if there is none of our own

  bool sourced_locally() const { return sources != PathSources(); }
};

/// None: the text is no answer to that question.
std::optional<TableEntry> read_table_entry(std::string_view answer);

}  // namespace withdrawd::vty
