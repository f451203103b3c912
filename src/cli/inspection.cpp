// plan, validate: the subcommands that change nothing.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <memory>

#include "cli/command.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/observe.hpp"

namespace withdrawd::cli {
namespace {

constexpr core::Duration observe_patience = std::chrono::seconds(20);

}  // namespace

void add_plan(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("plan", "What would be typed into bgpd now, typing nothing");
  auto file = std::make_shared<ConfigOption>();
  file->add_to(*command);
  command->footer(
      "Each check is asked once and taken at its word.\nExit status: 0 nothing would be typed, 1 "
      "something would, 2 usage or configuration, 3 bgpd\ncannot be reached.");
  command->callback([file, &status] {
    const auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    const daemon::Observation seen = daemon::observe(*config, observe_patience);
    for (const std::string& line : seen.withheld) fmt::print("{}\n", line);
    for (const std::string& problem : seen.problems) complain(problem);
    if (!seen.withheld.empty()) {
      status = daemon::exit_unhealthy;
    } else if (config->settings.mode == core::Mode::soft && !seen.report.bgpd_reachable) {
      status = daemon::exit_unreachable;
    } else {
      status = seen.problems.empty() ? daemon::exit_fine : daemon::exit_unhealthy;
      // A script reads the lines that would be typed, and there are none.
      if (seen.problems.empty() && ::isatty(STDOUT_FILENO) != 0) {
        fmt::print("Nothing: bgpd has what it should have.\n");
      }
    }
  });
}

void add_validate(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("validate", "Read the configuration and say what is wrong with it");
  auto file = std::make_shared<ConfigOption>();
  file->add_to(*command);
  command->callback([file, &status] {
    const auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    std::size_t prefixes = 0;
    for (const core::Rule& rule : config->settings.rules) prefixes += rule.prefixes.size();
    fmt::print("{}: fine: {} check(s), {} rule(s), {} prefix(es)\n", file->file.string(),
               config->settings.checks.size(), config->settings.rules.size(), prefixes);
    status = daemon::exit_fine;
  });
}

}  // namespace withdrawd::cli
