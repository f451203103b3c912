// fleet: where every site stands with every prefix.
#include "cli/fleet.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <boost/json.hpp>
#include <memory>

#include "cli/fleet_table.hpp"
#include "cli/watching.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

struct FleetOptions {
  DaemonOption daemon;
  bool as_json = false;
  bool watch = false;
  std::string interval = "1s";
};

/// The fleet as the running withdrawd sees it; none, after a complaint.
std::optional<json::value> ask(const DaemonOption& daemon) {
  constexpr auto patience = std::chrono::seconds(5);
  const auto answer = daemon::ask_control(daemon.paths().control_socket, "fleet", patience);
  if (!answer) {
    complain(answer.error().text());
    return std::nullopt;
  }
  auto fleet = fleet_in(*answer);
  if (!fleet) {
    complain(fleet.error());
    return std::nullopt;
  }
  return *std::move(fleet);
}

int look(const DaemonOption& daemon, bool as_json, std::string& out) {
  const auto fleet = ask(daemon);
  if (!fleet) return daemon::exit_usage;
  out = as_json ? json::serialize(*fleet) + "\n" : fleet_table(*fleet, Terminal(STDOUT_FILENO));
  return all_is_fine(*fleet) ? daemon::exit_fine : daemon::exit_unhealthy;
}

int run(const FleetOptions& options) {
  if (options.watch) {
    const auto interval = watch_interval(options.interval);
    if (!interval) return daemon::exit_usage;
    return watch("withdrawd fleet", *interval, options.as_json,
                 [&](std::string& out) { return look(options.daemon, options.as_json, out); });
  }
  std::string out;
  const int status = look(options.daemon, options.as_json, out);
  fmt::print("{}", out);
  return status;
}

}  // namespace

void add_fleet(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("fleet", "Where every site stands with every prefix");
  auto options = std::make_shared<FleetOptions>();
  options->daemon.add_to(*command);
  command->add_flag("--json", options->as_json,
                    "For scripts; the shape is documented in docs/fleet.md");
  command->add_flag("--watch", options->watch,
                    "Again and again until ^C: in place on a terminal, else one after the other");
  command->add_option("--interval", options->interval, "With --watch: how often")
      ->capture_default_str();
  command->footer(
      "Asks the running withdrawd, which asks etcd. Exit status: 0 every site announces every\n"
      "prefix healthy, 1 one does not or is silent, 2 nobody could say.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace withdrawd::cli
