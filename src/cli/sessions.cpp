// run, cron, once: the subcommands that act. They differ in how long they drive the Controller.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <memory>
#include <sstream>

#include "cli/command.hpp"
#include "config/duration.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/session.hpp"

namespace withdrawd::cli {
namespace {

int begin(config::Config config, daemon::SessionPlan plan) {
  auto log = daemon::Log::open(daemon::LogPlan::of(config));
  if (!log) {
    complain(log.error().text());
    return daemon::exit_usage;
  }
  return daemon::run_session(std::move(config), std::move(*log), std::move(plan));
}

/// What `cron --hard` takes in place of a configuration file: the script's own options.
struct HardOptions {
  bool hard = false;
  std::string name;
  std::string server = "127.0.0.1";
  std::string pid_file;
  std::string process_name = "bgpd";
  std::string restart;
};

/// As a TOML basic string.
std::string toml_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// Through the parser of the configuration file, so that both are held to the same rules.
std::optional<config::Config> hard_config(const HardOptions& options) {
  std::string text = fmt::format("mode = \"hard\"\n[bgpd]\nprocess_name = {}\n",
                                 toml_string(options.process_name));
  if (!options.pid_file.empty())
    text += fmt::format("pid_file = {}\n", toml_string(options.pid_file));
  if (!options.restart.empty()) {
    std::istringstream words(options.restart);
    std::vector<std::string> argv;
    for (std::string word; words >> word;) argv.push_back(toml_string(word));
    text += fmt::format("restart = [{}]\n", fmt::join(argv, ", "));
  }
  text += fmt::format("[check.dns]\nserver = {}\nname = {}\n", toml_string(options.server),
                      toml_string(options.name));
  auto result = config::parse(text, "command line");
  if (!result) {
    for (const config::Complaint& complaint : result.error()) complain(complaint.message);
    return std::nullopt;
  }
  return std::move(result->config);
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("run", "Check and act until SIGTERM (the daemon, in the foreground)");
  auto file = std::make_shared<ConfigOption>();
  auto log = std::make_shared<LogOptions>();
  file->add_to(*command);
  log->add_to(*command);
  command->footer(
      "SIGTERM and SIGINT end it; announcements stay as they are.\nSIGHUP reads the configuration "
      "again.");
  command->callback([file, log, &status] {
    auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    log->apply_to(*config);
    daemon::SessionPlan plan{.mode = "run", .until = {}, .reload = {}};
    plan.reload = [file, log]() -> core::Result<config::Config> {
      auto result = config::load(file->file);
      if (result) {
        log->apply_to(result->config);
        return std::move(result->config);
      }
      const auto& complaints = result.error();
      return std::unexpected(core::Error{
          "read the configuration again",
          complaints.front().text() +
              (complaints.size() > 1 ? fmt::format(" (and {} more)", complaints.size() - 1) : ""),
          "see `withdrawd validate`"});
    };
    status = begin(std::move(*config), std::move(plan));
  });
}

void add_cron(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("cron", "Check and act for a minute: to be started every minute by cron");
  auto file = std::make_shared<ConfigOption>();
  auto log = std::make_shared<LogOptions>();
  auto hard = std::make_shared<HardOptions>();
  auto lasts = std::make_shared<std::string>("60s");
  file->add_to(*command);
  log->add_to(*command);
  command->add_option("--for", *lasts, "How long, from its start; it ends half a second earlier")
      ->capture_default_str();
  CLI::Option* flag =
      command->add_flag("--hard", hard->hard,
                        "No vty, no configuration file: stop bgpd when DNS fails, restart "
                        "it when DNS answers (the 2016 script)");
  command->add_option("--name", hard->name, "With --hard: the name to ask for (type A)")
      ->needs(flag);
  command->add_option("--server", hard->server, "With --hard: the DNS server to ask")
      ->needs(flag)
      ->capture_default_str();
  command
      ->add_option("--pid-file", hard->pid_file, "With --hard: bgpd's pid file (default: by name)")
      ->needs(flag);
  command->add_option("--process-name", hard->process_name, "With --hard: bgpd's process name")
      ->needs(flag)
      ->capture_default_str();
  command
      ->add_option("--restart", hard->restart,
                   "With --hard: the command that restarts bgpd, split at blanks, no shell "
                   "(default: the service that bgpd belongs to)")
      ->needs(flag);
  command->footer(
      "One run at a time: a second one waits for its turn, or leaves if a daemon is at work.\n"
      "Without --log or --log-level, only warnings and worse are printed, so that cron mails only "
      "those.");
  command->callback([file, log, hard, lasts, &status] {
    const auto duration = config::parse_duration(*lasts);
    if (!duration) {
      complain("--for: " + duration.error().text());
      status = daemon::exit_usage;
      return;
    }
    if (hard->hard && hard->name.empty()) {
      complain(
          "--hard needs --name: the name to ask the DNS server for, as in --name www.example.com");
      status = daemon::exit_usage;
      return;
    }
    auto config = hard->hard ? hard_config(*hard) : file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    log->apply_to(*config);
    if (config->log_target == config::LogTarget::standard_error && log->level.empty() &&
        !::isatty(STDERR_FILENO)) {
      config->log_level = std::max(config->log_level, config::LogLevel::warning);
    }
    // A little less, so that the next run, started by the clock, finds its turn free.
    constexpr core::Duration margin = std::chrono::milliseconds(500);
    const core::Duration length = *duration > 4 * margin ? *duration - margin : *duration;
    daemon::SessionPlan plan{
        .mode = "cron", .until = process_start() + length, .waits_its_turn = true, .reload = {}};
    status = begin(std::move(*config), std::move(plan));
  });
}

void add_once(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("once", "One full round: ask every check once, put bgpd right, end");
  auto file = std::make_shared<ConfigOption>();
  auto log = std::make_shared<LogOptions>();
  file->add_to(*command);
  log->add_to(*command);
  command->footer(
      "A check of which nothing is known is taken at its first word; else the counts of earlier "
      "runs go on.\n"
      "Exit status: 0 all is healthy and as it should be, 1 something is not, 2 usage or\n"
      "configuration, 3 bgpd cannot be reached.");
  command->callback([file, log, &status] {
    auto config = file->load();
    if (!config) {
      status = daemon::exit_usage;
      return;
    }
    log->apply_to(*config);
    config->settings.first_outcome_decides = true;
    // Long enough for the fallback to be taken, should it come to that.
    const core::Duration limit = config->settings.fallback.after + std::chrono::seconds(30);
    daemon::SessionPlan plan{
        .mode = "once", .until = process_start() + limit, .single_round = true, .reload = {}};
    status = begin(std::move(*config), std::move(plan));
  });
}

}  // namespace withdrawd::cli
