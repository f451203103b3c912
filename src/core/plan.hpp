#pragma once

#include <string>
#include <vector>

#include "core/bgp.hpp"

namespace withdrawd::core {

/// One `network` or `no network` statement.
struct Change {
  enum class Verb : std::uint8_t { announce, withdraw };
  Verb verb;
  Asn asn;
  InstanceKey instance;
  Prefix prefix;
  NetworkOptions options;  ///< for announce; a withdrawal takes the statement with whatever it had

  /// "no network 192.0.2.0/24" or "network 192.0.2.0/24 route-map TAG"
  std::string statement() const;
  auto operator<=>(const Change&) const = default;
};

/// How a bgpd, or the vtysh in front of it, wants its unicast tables entered. As it stands: by
/// `address-family ipv4 unicast` and `address-family ipv6 unicast`, which all take but for the
/// vtysh of Quagga 0.99.24, where the latter is ambiguous
/// (transcripts/quagga-0.99.24.1-vtysh-family.json).
struct Dialect {
  bool short_ipv4 = false;  ///< not at all: the statements stand in the instance itself
  bool short_ipv6 = false;  ///< by `address-family ipv6`

  bool& is_short(Family family) { return family == Family::ipv4 ? short_ipv4 : short_ipv6; }
  /// The line that enters the table; empty: none does.
  std::string entering(Family family) const;
};

/// The statements that turn observed into desired, in an order that enters each instance and each
/// address family once.
struct Plan {
  std::vector<Change> changes;

  bool empty() const { return changes.empty(); }

  /// All that is typed, from "configure terminal" to "end" (so that the configuration lock is held
  /// for this one batch only). Empty for an empty plan.
  std::vector<std::string> vty_lines(const Dialect& dialect = {}) const;
};

/// Has `config` what the change wants? (The statement gone, or there with these options.)
bool in_effect(const Change& change, const RunningConfig& config);

}  // namespace withdrawd::core
