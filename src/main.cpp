#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/fleet.hpp"
#include "config/near_miss.hpp"
#include "core/outcome.hpp"
#include "daemon/exit_status.hpp"

int main(int argc, char** argv) {
  using namespace withdrawd;
  CLI::App app(
      "Keeps anycast DNS honest: asks a DNS server what its users ask, withdraws the server's "
      "prefixes\n"
      "from the local Quagga or FRR bgpd when the answers stop, and announces them when they "
      "return.",
      "withdrawd");
  app.set_version_flag("-V,--version", "withdrawd " WITHDRAWD_VERSION);
  app.require_subcommand(1);
  app.footer("`withdrawd COMMAND --help` says more. Configuration: /etc/withdrawd/withdrawd.toml.");
  int status = daemon::exit_fine;
  cli::add_run(app, status);
  cli::add_cron(app, status);
  cli::add_once(app, status);
  cli::add_status(app, status);
  cli::add_show(app, status);
  cli::add_plan(app, status);
  cli::add_check(app, status);
  cli::add_doctor(app, status);
  cli::add_log(app, status);
  cli::add_validate(app, status);
  cli::add_drain(app, status);
  cli::add_undrain(app, status);
  cli::add_reload(app, status);
  cli::add_now(app, status);
  cli::add_fleet(app, status);
  if (argc < 2) {
    fmt::print(stderr, "{}", app.help());
    return daemon::exit_usage;
  }
  if (const std::string first = argv[1]; !first.starts_with('-')) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::ranges::count(names, first) == 0) {
      const std::string meant = config::near_miss(first, names);
      cli::complain(fmt::format("there is no command \"{}\"{}", core::printable(first, 40),
                                meant.empty() ? "; `withdrawd --help` lists them"
                                              : fmt::format("; did you mean \"{}\"?", meant)));
      return daemon::exit_usage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? daemon::exit_fine : daemon::exit_usage;
  } catch (const std::exception& problem) {
    cli::complain(problem.what());
    return daemon::exit_usage;
  }
  return status;
}
