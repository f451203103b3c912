#include "daemon/on_change.hpp"

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <string_view>

#include "core/outcome.hpp"
#include "core/visible.hpp"
#include "process/command.hpp"

namespace withdrawd::daemon {
namespace asio = boost::asio;
namespace {

/// The first line is shown, and no more is wanted.
constexpr std::size_t longest_output = 4096;

std::string first_line(const process::Finished& finished) {
  for (const std::string* text : {&finished.err, &finished.out}) {
    const auto begin = text->find_first_not_of("\r\n \t");
    if (begin == text->npos) continue;
    return core::printable(
        std::string_view(*text).substr(begin, text->find_first_of("\r\n", begin) - begin), 200);
  }
  return "";
}

/// What there is to warn of, or nothing.
std::string problem_of(const core::Result<process::Finished>& result) {
  if (!result) return result.error().text();
  if (result->exit_status == 0) return "";
  const auto said = first_line(*result);
  return fmt::format("exit status {}{}{}", result->exit_status, said.empty() ? "" : ": ", said);
}

std::string subject_of(const HistoryEntry& entry) {
  const auto what = entry.is.empty() ? entry.kind : entry.is;
  if (!entry.prefix.empty()) return entry.prefix + " " + what;
  return (entry.rule.empty() ? "bgpd" : fmt::format("rule \"{}\"", entry.rule)) + " " + what;
}

}  // namespace

std::vector<std::string> environment_for(const HistoryEntry& entry) {
  std::vector<std::string> environment{
      "WITHDRAWD_KIND=" + entry.kind,     "WITHDRAWD_RULE=" + entry.rule,
      "WITHDRAWD_PREFIX=" + entry.prefix, "WITHDRAWD_OLD=" + entry.was,
      "WITHDRAWD_NEW=" + entry.is,        "WITHDRAWD_CAUSE=" + entry.cause,
      "WITHDRAWD_BY=" + entry.by,         "WITHDRAWD_TIME=" + entry.time};
  // The command may well be a shell script.
  for (std::string& variable : environment) variable = core::visible(variable);
  return environment;
}

OnChange::OnChange(asio::any_io_executor executor, TellFunction tell)
    : executor_(std::move(executor)), tell_(std::move(tell)) {}

void OnChange::use(std::vector<std::string> command, core::Duration limit) {
  command_ = std::move(command);
  limit_ = limit;
  if (command_.empty()) waiting_.clear();
}

void OnChange::add(HistoryEntry entry) {
  if (command_.empty()) return;
  if (waiting_.size() >= most_waiting) {
    if (dropped_++ == 0) {
      tell_(core::Severity::warning,
            fmt::format("on_change is too slow: {} changes wait for it, and further ones are "
                        "dropped",
                        waiting_.size()));
    }
    return;
  }
  waiting_.push_back(std::move(entry));
  if (!running_) start_next();
}

void OnChange::start_next() {
  if (waiting_.empty()) {
    if (done_) done_();
    return;
  }
  const HistoryEntry entry = std::move(waiting_.front());
  waiting_.pop_front();
  if (dropped_ > 0 && waiting_.size() < most_waiting / 2) {
    tell_(core::Severity::warning, fmt::format("on_change: {} changes were dropped", dropped_));
    dropped_ = 0;
  }
  running_ = true;
  process::Command command{.argv = command_, .limit = limit_};
  command.longest_output = longest_output;
  command.environment = environment_for(entry);
  asio::co_spawn(executor_, process::run(std::move(command)),
                 [this, alive = std::weak_ptr(alive_), entry](
                     const std::exception_ptr& thrown, core::Result<process::Finished> result) {
                   if (!alive.lock()) return;
                   ended(entry, thrown ? "it could not be run" : problem_of(result));
                 });
}

void OnChange::ended(const HistoryEntry& entry, const std::string& problem) {
  running_ = false;
  if (!problem.empty()) {
    tell_(core::Severity::warning, fmt::format("on_change for {}: {}", subject_of(entry), problem));
  }
  start_next();
}

}  // namespace withdrawd::daemon
