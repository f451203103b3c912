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

/// The statements that turn observed into desired, in an order that enters each instance and each
/// address family once.
struct Plan {
  std::vector<Change> changes;

  bool empty() const { return changes.empty(); }

  /// All that is typed, from "configure terminal" to "end" (so that the configuration lock is held
  /// for this one batch only). `address-family ipv4 unicast` is taken by Quagga and FRR alike.
  /// Empty for an empty plan.
  std::vector<std::string> vty_lines() const;
};

/// Has `config` what the change wants? (The statement gone, or there with these options.)
bool in_effect(const Change& change, const RunningConfig& config);

}  // namespace withdrawd::core
