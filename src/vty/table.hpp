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

}  // namespace withdrawd::vty
