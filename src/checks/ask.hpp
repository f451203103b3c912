#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::checks {

/// Asks once, whatever kind of check it is. Ends within the check's own timeout (an address or a
/// file needs none), never throws and never blocks the coroutine's executor.
boost::asio::awaitable<core::Outcome> ask(core::Probe probe);

}  // namespace withdrawd::checks
