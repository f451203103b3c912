// status: what is announced, what is not, and why; once, or again and again.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <boost/json.hpp>
#include <memory>

#include "cli/command.hpp"
#include "cli/look.hpp"
#include "cli/status_table.hpp"
#include "cli/watching.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

struct StatusOptions {
  DaemonOption daemon;
  std::string target;
  bool as_json = false;
  bool watch = false;
  std::string interval = "1s";
};

std::string as_text(const json::value& report, const Terminal& terminal, bool as_json) {
  return as_json ? json::serialize(report) + "\n" : status_table(report, terminal);
}

/// None: nobody answers, and the configuration cannot be used; or there is no such target.
core::Result<json::value> report_of(const StatusOptions& options,
                                    std::vector<std::string>& problems) {
  auto report = status_of_daemon(options.daemon.paths().control_socket, problems);
  // Not read where it is not needed: it may be on a disk that does not answer.
  std::optional<config::Parsed> loaded;
  if (!report || !options.target.empty()) {
    if (auto read = config::load(options.daemon.file.file)) loaded = *std::move(read);
  }
  if (!report && !loaded) {
    return std::unexpected(core::Error{
        "", "nobody answers, and the configuration cannot be used: see `withdrawd validate`", ""});
  }
  if (!report) report = own_look(loaded->config, problems);
  const core::Settings* settings = loaded ? &loaded->config.settings : nullptr;
  if (!options.target.empty() && !narrow(*report, options.target, settings)) {
    if (settings) {
      if (auto found = core::find_prefixes(*settings, options.target); !found) {
        return std::unexpected(std::move(found.error()));
      }
    }
    return std::unexpected(core::Error{"find \"" + core::printable(options.target, 80) + "\"",
                                       "the running withdrawd has no such rule or prefix",
                                       "`withdrawd reload` gives it what the file has"});
  }
  return *std::move(report);
}

int watch(const StatusOptions& options, core::Duration interval) {
  const Terminal terminal(STDOUT_FILENO);
  return cli::watch("withdrawd status", interval, options.as_json, [&](std::string& text) -> int {
    std::vector<std::string> problems;
    const auto report = report_of(options, problems);
    if (!report) {
      text = report.error().text() + "\n";
      return daemon::exit_usage;
    }
    text = as_text(*report, terminal, options.as_json);
    if (!options.as_json) {
      for (const std::string& problem : problems) text += "withdrawd: " + problem + "\n";
    }
    return exit_status_of(*report);
  });
}

int run(const StatusOptions& options) {
  if (options.watch) {
    const auto interval = watch_interval(options.interval);
    return interval ? watch(options, *interval) : daemon::exit_usage;
  }
  std::vector<std::string> problems;
  const auto report = report_of(options, problems);
  if (!report) {
    // With each of its mistakes, where it is the configuration.
    if (options.daemon.load()) complain(report.error().text());
    return daemon::exit_usage;
  }
  fmt::print("{}", as_text(*report, Terminal(STDOUT_FILENO), options.as_json));
  for (const std::string& problem : problems) complain(problem);
  return exit_status_of(*report);
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("status", "What is announced, what is not, and why");
  auto options = std::make_shared<StatusOptions>();
  options->daemon.add_to(*command);
  command->add_option("target", options->target, "A rule or prefix (default: everything)");
  command->add_flag("--json", options->as_json,
                    "For scripts; the shape is documented in docs/status-json.md");
  command->add_flag("--watch", options->watch,
                    "Again and again until ^C: in place on a terminal, else one after the other");
  command->add_option("--interval", options->interval, "With --watch: how often")
      ->capture_default_str();
  command->footer(
      "Asks the running daemon; without one, asks each check and bgpd itself, changing nothing.\n"
      "Exit status: 0 all is healthy and as it should be, 1 something is not, 2 usage or\n"
      "configuration, 3 bgpd cannot be reached.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace withdrawd::cli
