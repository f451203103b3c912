#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/account.hpp"
#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::checks {

/// Runs the command. Exit status 0 is ok, and the first line that it prints is the detail; else it
/// is an error, "exit 2: first line" (of standard error if it printed nothing else). A command that
/// takes longer than its timeout is killed, and timed out.
boost::asio::awaitable<core::Outcome> run_plugin(core::ExecCheck check,
                                                 core::Account* account = nullptr);

}  // namespace withdrawd::checks
