#include "checks/ask.hpp"

#include <chrono>
#include <exception>
#include <new>
#include <string>
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

std::string expected_of(const core::AddressCheck& check) {
  return check.text();
}

std::string expected_of(const core::FileCheck& check) {
  switch (check.present) {
    case core::FileMeaning::up:
      return check.text() + " present";
    case core::FileMeaning::down:
      return check.text() + " absent";
    case core::FileMeaning::drain:
      break;
  }
  return check.text() + " absent (present: drained)";
}

template <class Local>
core::Outcome explained(const Local& local, core::Account* account) {
  auto outcome = timed(local);
  if (account != nullptr)
    account->expectations.push_back({expected_of(local), outcome.healthy(), outcome.detail});
  return outcome;
}

awaitable<core::Outcome> asked(core::DnsQuestion question, core::Account* account) {
  return dns::ask(std::move(question), account);
}

awaitable<core::Outcome> asked(core::ExecCheck check, core::Account* account) {
  return run_plugin(std::move(check), account);
}

awaitable<core::Outcome> asked(core::AddressCheck check, core::Account* account) {
  co_return explained(check, account);
}

awaitable<core::Outcome> asked(core::FileCheck check, core::Account* account) {
  co_return explained(check, account);
}

}  // namespace

awaitable<core::Outcome> ask(core::Probe probe, core::Account* account) {
  core::Outcome outcome;
  try {
    auto asking =
        std::visit([account](auto& one) { return asked(std::move(one), account); }, probe);
    outcome = co_await std::move(asking);
  } catch (const std::bad_alloc&) {
    outcome = {core::OutcomeKind::unable, {}, "cannot ask (out of memory)"};
  } catch (const std::exception& exception) {
    outcome.detail = "cannot ask (" + core::printable(exception.what()) + ")";
  }
  co_return outcome;
}

}  // namespace withdrawd::checks
