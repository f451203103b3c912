// drain, undrain, reload, now: what an operator tells the running withdrawd.
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/command.hpp"
#include "core/outcome.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/orders.hpp"

namespace withdrawd::cli {
namespace {

using daemon::Request;

/// Who asks, for those who read it later: through sudo, the one who typed.
std::string who() {
  // NOLINTBEGIN(concurrency-mt-unsafe): one thread
  if (const char* sudo = std::getenv("SUDO_USER"); sudo && *sudo && ::geteuid() == 0) return sudo;
  const passwd* entry = ::getpwuid(::geteuid());
  // NOLINTEND(concurrency-mt-unsafe)
  return entry ? std::string(entry->pw_name) : fmt::format("uid {}", ::geteuid());
}

int report(const core::Result<std::string>& result) {
  if (result) {
    fmt::print("{}\n", *result);
    return daemon::exit_fine;
  }
  complain(result.error().text());
  return daemon::exit_usage;
}

struct DrainOptions {
  DaemonOption daemon;
  std::string target;
  bool all = false;
  std::string length;
  std::string reason;
  bool force = false;

  void add_to(CLI::App& command) {
    daemon.add_to(command);
    auto* target_option = command.add_option("target", target, "A rule or a prefix");
    auto* all_option = command.add_flag("--all", all, "Every prefix of every rule");
    target_option->excludes(all_option);
  }
};

int drain(const DrainOptions& options, Request::Verb verb) {
  if (options.target.empty() && !options.all) {
    complain("which one? Name a rule or a prefix, or say --all");
    return daemon::exit_usage;
  }
  Request request{.verb = verb,
                  .target = options.target,
                  .who = who(),
                  .why = options.reason,
                  .length = {},
                  .force = options.force};
  if (!options.length.empty()) {
    auto length = parse_length(options.length);
    if (!length) {
      complain(fmt::format("--for: \"{}\": {}", core::printable(options.length, 60),
                           length.error().text()));
      return daemon::exit_usage;
    }
    request.length = *length;
  }
  auto answer = daemon::send_request(options.daemon.paths().control_socket, request);
  if (!answer && answer.error().code == core::Error::Code::nobody_answers) {
    const auto config = options.daemon.load();
    if (!config) return daemon::exit_usage;
    answer = daemon::carry_out_drain(*config, request);
  }
  return report(answer);
}

/// An order that only a running withdrawd can take.
int send(const DaemonOption& daemon, Request::Verb verb, std::string_view without) {
  const auto result = daemon::send_request(
      daemon.paths().control_socket,
      Request{.verb = verb, .target = {}, .who = who(), .why = {}, .length = {}},
      // A daemon that reads many files says after some seconds that it is still at it.
      std::chrono::seconds(7));
  const int status = report(result);
  if (!result && result.error().code == core::Error::Code::nobody_answers) {
    complain(std::string(without));
  }
  return status;
}

}  // namespace

void add_drain(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("drain", "Move traffic away from a rule or prefix");
  auto options = std::make_shared<DrainOptions>();
  options->add_to(*command);
  command->add_option("--for", options->length, "End it after this time, such as 30m, 2h or 1d");
  command->add_option("--reason", options->reason, "For those who wonder why");
  command->add_flag("--force", options->force, "Even where the fleet does not give leave");
  command->footer(
      "Withdraws it, or does what on_drain says, however healthy it is, until `undrain` or until\n"
      "the time is over. It outlives restarts. Without a running withdrawd the next run (of cron,\n"
      "say) takes it up. In a fleet it waits for leave: with --force it does not. Exit status:\n"
      "0 done, 2 not.");
  command->callback([options, &status] { status = drain(*options, Request::Verb::drain); });
}

void add_undrain(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("undrain", "End a drain: health decides again");
  auto options = std::make_shared<DrainOptions>();
  options->add_to(*command);
  command->footer("Exit status: 0 done, 2 not.");
  command->callback([options, &status] { status = drain(*options, Request::Verb::undrain); });
}

void add_reload(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("reload", "Let the running daemon read its configuration again");
  auto daemon = std::make_shared<DaemonOption>();
  daemon->add_to(*command);
  command->footer(
      "A broken file changes nothing. Health, drains and damping go on, and a rule that is gone\n"
      "leaves its prefixes as they are. The same as SIGHUP, with an answer. Exit status: 0 the "
      "new\n"
      "configuration is in force, 2 it is not.");
  command->callback([daemon, &status] {
    if (!daemon->load()) {
      complain("nothing changes: a running withdrawd goes on with what it has");
      status = daemon::exit_usage;
      return;
    }
    status = send(*daemon, Request::Verb::reload,
                  "runs of cron read the configuration anew, each at its start");
  });
}

void add_now(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("now", "Let the running withdrawd ask all checks at once");
  auto daemon = std::make_shared<DaemonOption>();
  daemon->add_to(*command);
  command->footer(
      "For hooks of other programs, such as OnFailure= of the DNS server's unit. Verdicts still "
      "take\n"
      "as many answers as `rise` and `fall` say. Exit status: 0 they are asked, 2 nobody runs.");
  command->callback([daemon, &status] {
    status = send(*daemon, Request::Verb::now, "`withdrawd once` asks, decides and acts by itself");
  });
}

}  // namespace withdrawd::cli
