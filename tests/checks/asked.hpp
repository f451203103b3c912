#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>

#include "checks/ask.hpp"

namespace withdrawd::test {

/// Asks to the end, on a loop of its own.
inline core::Outcome asked(core::Probe probe) {
  boost::asio::io_context loop;
  core::Outcome outcome{core::OutcomeKind::error, {}, "not asked"};
  boost::asio::co_spawn(loop, checks::ask(std::move(probe)),
                        [&outcome](const std::exception_ptr& thrown, core::Outcome result) {
                          if (thrown) std::rethrow_exception(thrown);
                          outcome = std::move(result);
                        });
  loop.run();
  return outcome;
}

/// "ok: on lo"
inline std::string in_words(const core::Outcome& outcome) {
  return std::string(core::name(outcome.kind)) + ": " + outcome.detail;
}

}  // namespace withdrawd::test
