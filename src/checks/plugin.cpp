#include "checks/plugin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "process/command.hpp"

namespace withdrawd::checks {
namespace {

using core::OutcomeKind;
using Clock = std::chrono::steady_clock;

/// One line of it is shown.
constexpr std::size_t longest_output = 4096;
constexpr std::size_t longest_detail = 200;
/// A killed command is gone by then.
constexpr core::Duration ordinary_delay = std::chrono::milliseconds(50);

/// The first line with anything in it, without the blanks around it.
std::string first_line(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  text = text.substr(0, text.find('\n'));
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  return core::printable(text, longest_detail);
}

core::Outcome judged(const process::Finished& finished) {
  auto line = first_line(finished.out);
  if (finished.exit_status == 0) return {OutcomeKind::ok, {}, std::move(line)};
  if (line.empty()) line = first_line(finished.err);
  return {OutcomeKind::error,
          {},
          fmt::format("exit {}{}", finished.exit_status, line.empty() ? "" : ": " + line)};
}

void explain(const core::ExecCheck& check, const core::Outcome& outcome,
             const std::expected<process::Finished, core::Error>& finished,
             core::Account& account) {
  const auto within = fmt::format("ends within {}", core::describe(check.timeout));
  if (!finished) {
    account.expectations.push_back({within, false, outcome.detail});
    return;
  }
  account.expectations.push_back({within, true, core::describe(outcome.latency)});
  account.expectations.push_back(
      {"exit status 0", outcome.healthy(), fmt::format("{}", finished->exit_status)});
  for (const auto& [name, text] :
       {std::pair<std::string_view, const std::string&>{"output", finished->out},
        {"errors", finished->err}}) {
    auto line = first_line(text);
    if (!line.empty()) account.facts.push_back({std::string(name), std::move(line)});
  }
}

}  // namespace

boost::asio::awaitable<core::Outcome> run_plugin(core::ExecCheck check, core::Account* account) {
  const auto begun = Clock::now();
  const auto limit = check.timeout;
  process::Command command{check.command, limit, longest_output};
  auto finished = co_await process::run(std::move(command));
  const auto took = Clock::now() - begun;
  core::Outcome outcome;
  if (finished) {
    outcome = judged(*finished);
  } else {
    // Starting it fails at once; only the limit takes so long.
    outcome.kind = finished.error().code == core::Error::Code::no_resources ? OutcomeKind::unable
                   : took < limit                                           ? OutcomeKind::error
                                                                            : OutcomeKind::timeout;
    outcome.detail = finished.error().happened;
    // It was to be killed long ago: this host was suspended, its processes frozen or short of CPU.
    if (took > limit + std::max<core::Duration>(limit / 4, ordinary_delay)) {
      outcome.kind = OutcomeKind::unable;
      outcome.detail =
          fmt::format("cannot ask (this host stood still for {})", core::describe(took - limit));
    }
  }
  outcome.latency = took;
  if (account != nullptr) explain(check, outcome, finished, *account);
  co_return outcome;
}

}  // namespace withdrawd::checks
