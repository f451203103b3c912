#include "checks/ask.hpp"

#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "checks/local.hpp"
#include "checks/plugin.hpp"
#include "dns/ask.hpp"
#include "files/beside.hpp"

namespace withdrawd::checks {
namespace {

using boost::asio::awaitable;

/// A disk that is well answers within milliseconds, and one behind a network within some more.
constexpr auto disk_patience = std::chrono::seconds(1);

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

awaitable<core::Outcome> asked(core::DnsQuestion question, core::Account* account) {
  return dns::ask(std::move(question), account);
}

awaitable<core::Outcome> asked(core::ExecCheck check, core::Account* account) {
  return run_plugin(std::move(check), account);
}

awaitable<core::Outcome> asked(core::AddressCheck check, core::Account* account) {
  auto outcome = timed(check);
  if (account != nullptr)
    account->expectations.push_back({expected_of(check), outcome.healthy(), outcome.detail});
  co_return outcome;
}

/// A thread of its own looks: the disk may hang (a network file system without its server). As for
/// all that this host cannot ask, the server is not to blame at once; and nobody has asked for a
/// drain.
core::Outcome hung(const core::FileCheck& check) {
  const auto why = "cannot look: the disk has not answered for " + core::describe(disk_patience);
  const bool drains = check.present == core::FileMeaning::drain;
  return {drains ? core::OutcomeKind::ok : core::OutcomeKind::unable, disk_patience, why};
}

awaitable<core::Outcome> asked(core::FileCheck check, core::Account* account) {
  auto looking =
      files::beside(disk_patience, [check] { return timed(check); }, check.path.native());
  auto outcome = (co_await std::move(looking)).value_or(hung(check));
  if (account != nullptr)
    account->expectations.push_back({expected_of(check), outcome.healthy(), outcome.detail});
  co_return outcome;
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
