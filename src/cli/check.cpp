// check: asks now and explains the verdict.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>

#include "checks/ask.hpp"
#include "cli/check_report.hpp"
#include "cli/command.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace {

AskedCheck ask_now(const core::Check& check) {
  boost::asio::io_context io;
  AskedCheck asked{check, {core::OutcomeKind::error, {}, "not asked"}, {}};
  boost::asio::co_spawn(io, checks::ask(check.probe, &asked.account),
                        [&asked](const std::exception_ptr&, core::Outcome result) {
                          asked.outcome = std::move(result);
                        });
  io.run();
  return asked;
}

/// Those of that name; all if it is empty.
std::vector<core::Check> wanted_of(const core::Settings& settings, const std::string& name) {
  std::vector<core::Check> wanted;
  for (const core::Check& check : settings.checks)
    if (name.empty() || check.name == name) wanted.push_back(check);
  return wanted;
}

void complain_of_name(const core::Settings& settings, const std::string& name) {
  std::vector<std::string> names;
  for (const core::Check& check : settings.checks) names.push_back(check.name);
  complain(fmt::format("there is no check \"{}\"; there is: {}", core::printable(name, 80),
                       fmt::join(names, ", ")));
}

/// Asks and prints one after the other; says whether all are ok.
bool print_text(const std::vector<core::Check>& checks) {
  const Terminal terminal(STDOUT_FILENO);
  bool fine = true;
  for (const core::Check& check : checks) {
    const AskedCheck asked = ask_now(check);
    fine = fine && asked.outcome.healthy();
    fmt::print("{}{}", &check == &checks.front() ? "" : "\n", check_text(asked, terminal));
  }
  return fine;
}

bool print_json(const std::vector<core::Check>& checks) {
  bool fine = true;
  boost::json::array array;
  for (const core::Check& check : checks) {
    const AskedCheck asked = ask_now(check);
    fine = fine && asked.outcome.healthy();
    array.push_back(check_json(asked));
  }
  fmt::print("{}\n", boost::json::serialize(boost::json::object{
                         {"version", 1}, {"ok", fine}, {"checks", std::move(array)}}));
  return fine;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("check", "Ask now and explain the verdict");
  auto file = std::make_shared<ConfigOption>();
  auto name = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  file->add_to(*command);
  command->add_option("name", *name, "The check to ask (default: all of them)");
  command->add_flag("--json", *as_json,
                    "For scripts; the shape is documented in docs/check-json.md");
  command->footer(
      "Asks each check once, whether a daemon runs or not, and changes nothing.\n"
      "Exit status: 0 all are ok, 1 one is not (or says drained), 2 usage or configuration.");
  command->callback([file, name, as_json, &status] {
    const auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    const auto checks = wanted_of(config->settings, *name);
    if (checks.empty()) {
      complain_of_name(config->settings, *name);
      status = daemon::exit_usage;
      return;
    }
    const bool fine = *as_json ? print_json(checks) : print_text(checks);
    status = fine ? daemon::exit_fine : daemon::exit_unhealthy;
  });
}

}  // namespace withdrawd::cli
