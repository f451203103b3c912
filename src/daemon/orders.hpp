#pragma once

#include <filesystem>
#include <string>

#include "config/config.hpp"
#include "daemon/requests.hpp"

namespace withdrawd::daemon {

/// Carries out a drain or undrain: through the running withdrawd, or, where none runs, in the state
/// file, from which the next one takes it. Gives what to tell the operator.
core::Result<std::string> carry_out_drain(const config::Config& config, const Request& request);

/// Sends a request to the withdrawd that listens at `socket`; its answer in words. An error: it
/// refuses, or nobody answers within `limit` (`nobody_answers`).
core::Result<std::string> send_request(const std::filesystem::path& socket, const Request& request,
                                       core::Duration limit = std::chrono::seconds(2));

}  // namespace withdrawd::daemon
