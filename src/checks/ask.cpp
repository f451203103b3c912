#include "checks/ask.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "checks/local.hpp"
#include "checks/plugin.hpp"
#include "dns/ask.hpp"

namespace withdrawd::checks {
namespace {

using boost::asio::awaitable;

/// What can be told at once, with the time that it took.
template <class Local>
core::Outcome timed(const Local& local) {
  const auto begun = std::chrono::steady_clock::now();
  core::Outcome outcome = look(local);
  outcome.latency = std::chrono::steady_clock::now() - begun;
  return outcome;
}

awaitable<core::Outcome> asked(core::DnsQuestion question) {
  return dns::ask(std::move(question));
}

awaitable<core::Outcome> asked(core::ExecCheck check) {
  return run_plugin(std::move(check));
}

awaitable<core::Outcome> asked(core::AddressCheck check) {
  co_return timed(check);
}

awaitable<core::Outcome> asked(core::FileCheck check) {
  co_return timed(check);
}

}  // namespace

awaitable<core::Outcome> ask(core::Probe probe) {
  core::Outcome outcome;
  try {
    auto asking = std::visit([](auto& one) { return asked(std::move(one)); }, probe);
    outcome = co_await std::move(asking);
  } catch (const std::exception& exception) {
    outcome.detail = "cannot ask (" + core::printable(exception.what()) + ")";
  }
  co_return outcome;
}

}  // namespace withdrawd::checks
