#pragma once

#include <optional>
#include <string_view>

#include "core/bgp.hpp"
#include "core/error.hpp"

namespace withdrawd::vty {

/// Reads what `show running-config` printed: bgpd's own (over its socket or telnet) or vtysh's,
/// Quagga's or FRR's, with LF or CR LF. Only the `network` statements of `ipv4 unicast` and `ipv6
/// unicast` are taken for statements of the instance, and of the rest what core::Instance names: in
/// which other tables a prefix stands, neighbors' AS and `default-originate`, and the names of the
/// route-maps; whatever else there is is passed over.
/// An instance whose name withdrawd could not be told anyway (see core::VtyName) is left out; a
/// route-map's name of that kind is dropped from its statement.
///
/// Text that is no running configuration, or only part of one, is an error: a statement that was
/// cut off would look like one that was withdrawn. vtysh and telnet print a header and `end`, so a
/// cut is always seen there; the socket prints neither, and its framing must vouch for the text.
///
/// Also an error: several instances whose IPv6 statements Quagga's vtysh has thrown into one
/// section, so that nobody can tell which is whose
/// (transcripts/quagga-1.2.3-vtysh-mixed-views.json).
core::Result<core::RunningConfig> read_running_config(std::string_view text);

/// The prefix of a `network` statement, in either of bgpd's notations, taken off the front of what
/// follows the word `network`.
std::optional<core::Prefix> take_network_prefix(std::string_view& rest);

}  // namespace withdrawd::vty
