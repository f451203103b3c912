#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/account.hpp"
#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::dns {

/// Asks once (with the tries that the question allows) and judges the answer. Ends within
/// `question.timeout`, whatever the server does, and never throws: what cannot be asked is an
/// outcome of kind `error`. Runs on the coroutine's own executor; never blocks it. Cancelling the
/// coroutine closes its sockets. Where answers are validated, the keys that it takes are asked for
/// within the same time; the latency is that of the answer alone.
///
/// `account`, which must outlive the asking, gets told how the outcome comes about.
boost::asio::awaitable<core::Outcome> ask(core::DnsQuestion question,
                                          core::Account* account = nullptr);

}  // namespace withdrawd::dns
