#include "cli/check_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <string_view>
#include <variant>
#include <vector>

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

std::string type_of(const core::Probe& probe) {
  static constexpr std::string_view types[] = {"dns", "exec", "address", "file"};
  return std::string(types[probe.index()]);
}

/// "no data", "NXDOMAIN"; of a good outcome what there was, if that is short.
std::string verdict_text(const AskedCheck& asked) {
  const auto& [check, outcome, account] = asked;
  if (asked.drained()) return "drained: the file is there";
  if (outcome.kind == core::OutcomeKind::nxdomain) return "nxdomain";
  return fmt::format("{}{}{}", core::name(outcome.kind), outcome.detail.empty() ? "" : ": ",
                     outcome.detail);
}

std::string step_lines(const std::vector<core::Account::Step>& steps, const Terminal& terminal) {
  constexpr std::size_t indent = 10;
  std::string lines;
  for (const auto& step : steps) {
    lines += fmt::format("  {}{}{}", step.ok ? terminal.good : terminal.bad,
                         step.ok ? "ok    " : "FAILED", terminal.plain) +
             "  " +
             wrapped(step.seen.empty() ? step.what : step.what + ": " + step.seen, terminal, indent,
                     indent + 2);
  }
  return lines;
}

/// "  answers    192.0.2.1"
std::string named(std::string_view name, std::string_view value, const Terminal& terminal) {
  constexpr std::size_t indent = 13;
  return fmt::format("  {}{:<{}}{}", terminal.dim, name, indent - 2, terminal.plain) +
         wrapped(value, terminal, indent, indent);
}

json::array to_json(const std::vector<core::Account::Step>& steps) {
  json::array array;
  for (const auto& step : steps)
    array.push_back(json::object{{"what", step.what}, {"ok", step.ok}, {"seen", step.seen}});
  return array;
}

}  // namespace

bool AskedCheck::drained() const {
  const auto* file = std::get_if<core::FileCheck>(&check.probe);
  return file != nullptr && file->present == core::FileMeaning::drain && !outcome.healthy();
}

std::string check_text(const AskedCheck& asked, const Terminal& terminal) {
  const auto& [check, outcome, account] = asked;
  const auto& colour = outcome.healthy() ? terminal.good : terminal.bad;
  const auto verdict = fmt::format("{} ({})", verdict_text(asked), core::describe(outcome.latency));
  std::string text = fmt::format("{}{}{}: {}", terminal.bold, check.name, terminal.plain, colour) +
                     wrapped(verdict, terminal, check.name.size() + 2, 2);
  text.insert(text.size() - 1, terminal.plain);
  text += named("asked", check.text(), terminal);
  text += step_lines(account.expectations, terminal);
  if (!account.chain.empty()) text += "  chain of signatures, from the trust anchor:\n";
  text += step_lines(account.chain, terminal);
  for (std::size_t i = 0; i < account.answers.size(); ++i)
    text += named(i == 0 ? "answers" : "", account.answers[i], terminal);
  for (const auto& fact : account.facts) text += named(fact.name, fact.value, terminal);
  return text;
}

json::object check_json(const AskedCheck& asked) {
  const auto& [check, outcome, account] = asked;
  json::array facts;
  for (const auto& fact : account.facts)
    facts.push_back(json::object{{"name", fact.name}, {"value", fact.value}});
  return {{"name", check.name},
          {"type", type_of(check.probe)},
          {"question", check.text()},
          {"ok", outcome.healthy()},
          {"drained", asked.drained()},
          {"outcome", core::name(outcome.kind)},
          {"detail", outcome.detail},
          {"latency_ms", std::chrono::duration<double, std::milli>(outcome.latency).count()},
          {"expectations", to_json(account.expectations)},
          {"chain", to_json(account.chain)},
          {"answers", json::array(account.answers.begin(), account.answers.end())},
          {"facts", std::move(facts)}};
}

}  // namespace withdrawd::cli
