// status, plan, validate: the subcommands that change nothing.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/Option.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "cli/command.hpp"
#include "cli/status_table.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/observe.hpp"
#include "daemon/report_json.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

constexpr core::Duration patience = std::chrono::seconds(20);

/// Of the daemon if it runs, else of a look of our own.
json::value status_of(const config::Config& config, std::vector<std::string>& problems) {
  if (auto answer = daemon::ask_control(config.control_socket, "status")) {
    boost::system::error_code error;
    json::value value = json::parse(*answer, error);
    if (!error && value.is_object() && !value.get_object().contains("error")) {
      value.get_object()["source"] = "daemon";
      return value;
    }
  }
  daemon::Observation seen = daemon::observe(config, patience);
  problems = std::move(seen.problems);
  json::value value = daemon::to_json(seen.report);
  value.get_object()["source"] = "own look";
  return value;
}

int exit_status_of(const json::value& status) {
  const json::object& root = status.as_object();
  const json::object& bgpd = root.at("bgpd").as_object();
  const bool gone = bgpd.at("running").is_bool() && !bgpd.at("running").get_bool();
  if (root.at("mode") == "soft" && !bgpd.at("reachable").as_bool() && !gone) {
    return daemon::exit_unreachable;
  }
  bool fine = !root.at("failing").as_bool();
  for (const json::value& check : root.at("checks").as_array()) {
    fine = fine && check.at("health") == "up";
  }
  for (const json::value& prefix : root.at("prefixes").as_array()) {
    fine = fine && prefix.at("agrees").as_bool();
  }
  return fine ? daemon::exit_fine : daemon::exit_unhealthy;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("status", "What is announced, what is not, and why");
  auto file = std::make_shared<ConfigOption>();
  auto as_json = std::make_shared<bool>(false);
  file->add_to(*command);
  command->add_flag("--json", *as_json,
                    "For scripts; the shape is documented in docs/status-json.md");
  command->footer(
      "Asks the running daemon; without one, asks each check and bgpd itself, changing nothing.\n"
      "Exit status: 0 all is healthy and as it should be, 1 something is not, 2 usage or\n"
      "configuration, 3 bgpd cannot be reached.");
  command->callback([file, as_json, &status] {
    const auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    std::vector<std::string> problems;
    const json::value report = status_of(*config, problems);
    if (*as_json) {
      fmt::print("{}\n", json::serialize(report));
    } else {
      fmt::print("{}", status_table(report, Palette(STDOUT_FILENO)));
    }
    for (const std::string& problem : problems) complain(problem);
    status = exit_status_of(report);
  });
}

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
    const daemon::Observation seen = daemon::observe(*config, patience);
    for (const std::string& line : seen.withheld) fmt::print("{}\n", line);
    for (const std::string& problem : seen.problems) complain(problem);
    if (!seen.withheld.empty()) {
      status = daemon::exit_unhealthy;
    } else if (config->settings.mode == core::Mode::soft && !seen.report.bgpd_reachable) {
      status = daemon::exit_unreachable;
    } else {
      status = seen.problems.empty() ? daemon::exit_fine : daemon::exit_unhealthy;
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
