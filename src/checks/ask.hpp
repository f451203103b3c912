#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/account.hpp"
#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::checks {

/// Asks once, whatever kind of check it is. Ends within the check's own timeout (an address or a
/// file needs none), never throws and never blocks the coroutine's executor.
///
/// `account`, which must outlive the asking, gets told how the outcome comes about.
boost::asio::awaitable<core::Outcome> ask(core::Probe probe, core::Account* account = nullptr);

}  // namespace withdrawd::checks
