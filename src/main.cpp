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

namespace {

using namespace withdrawd;

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& help) {
  const std::string meant = config::near_miss(word, known);
  return meant.empty() ? fmt::format("; `{} --help` lists them", help)
                       : fmt::format("; did you mean \"{}\"?", meant);
}

/// Of what `command`, which is typed as `by`, does not take.
void complain_of_extra(const CLI::App& command, const std::string& by, const std::string& extra) {
  const std::string word = extra.substr(0, extra.find('='));
  if (!word.starts_with('-')) {
    cli::complain(fmt::format("`{}` does not take \"{}\"", by, core::printable(extra, 40)));
    return;
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  cli::complain(fmt::format("`{}` has no option \"{}\"{}", by, core::printable(word, 40),
                            did_you_mean(word, names, by)));
}

}  // namespace

int main(int argc, char** argv) {
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
      cli::complain(fmt::format("there is no command \"{}\"{}", core::printable(first, 40),
                                did_you_mean(first, names, "withdrawd")));
      return daemon::exit_usage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    const CLI::App& command = *app.get_subcommands().front();
    complain_of_extra(command, "withdrawd " + command.get_name(), app.remaining(true).front());
    return daemon::exit_usage;
  } catch (const CLI::ParseError& problem) {
    // Without a command, it is an option that there is not.
    if (problem.get_name() == "RequiredError" && *argv[1] == '-') {
      complain_of_extra(app, "withdrawd", argv[1]);
      return daemon::exit_usage;
    }
    return app.exit(problem) == 0 ? daemon::exit_fine : daemon::exit_usage;
  } catch (const std::exception& problem) {
    cli::complain(problem.what());
    return daemon::exit_usage;
  }
  return status;
}
