// status: what is announced, what is not, and why; once, or again and again.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/Option.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>

#include "cli/command.hpp"
#include "cli/look.hpp"
#include "cli/status_table.hpp"
#include "config/duration.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

volatile std::sig_atomic_t over = 0;

struct StatusOptions {
  ConfigOption file;
  bool as_json = false;
  bool watch = false;
  std::string interval = "1s";
};

std::string as_text(const json::value& report, const Palette& palette, bool as_json) {
  return as_json ? json::serialize(report) + "\n" : status_table(report, palette);
}

std::string clock_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  static_cast<void>(::localtime_r(&now, &parts));
  char text[16];
  static_cast<void>(std::strftime(text, sizeof text, "%H:%M:%S", &parts));
  return text;
}

/// In place: what a line had before is wiped behind it, so that nothing flickers.
std::string in_place(const std::string& text, const std::string& title) {
  std::string out = "\033[H" + title + "\033[K\n";
  for (const char c : text) {
    if (c == '\n') out += "\033[K";
    out += c;
  }
  return out + "\033[J";
}

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { over = 1; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
}

/// False: nobody reads any more.
bool print(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

int watch(const config::Config& config, const StatusOptions& options, core::Duration interval) {
  const bool on_terminal = !options.as_json && ::isatty(STDOUT_FILENO);
  const Palette palette(STDOUT_FILENO);
  catch_signals();
  // A screen of its own, without a cursor; given back at the end.
  if (on_terminal) print("\033[?1049h\033[?25l\033[2J");
  int status = daemon::exit_fine;
  for (bool first = true; !over; first = false) {
    const auto next = std::chrono::steady_clock::now() + interval;
    std::vector<std::string> problems;
    const json::value report = status_of(config, problems);
    status = exit_status_of(report);
    std::string text = as_text(report, palette, options.as_json);
    if (!options.as_json) {
      for (const std::string& problem : problems) text += "withdrawd: " + problem + "\n";
    }
    if (on_terminal) {
      text = in_place(text, fmt::format("{}withdrawd status{}, every {}: {}", palette.bold,
                                        palette.plain, core::describe(interval), clock_time()));
    } else if (!options.as_json && !first) {
      text.insert(text.begin(), '\n');
    }
    if (!print(text)) break;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        next - std::chrono::steady_clock::now());
    if (!over && left.count() > 0) ::poll(nullptr, 0, static_cast<int>(left.count()));
  }
  if (on_terminal) print("\033[?25h\033[?1049l");
  return status;
}

int run(const StatusOptions& options) {
  const auto config = options.file.load();
  if (!config) return daemon::exit_usage;
  if (options.watch) {
    const auto interval = config::parse_duration(options.interval);
    if (!interval || *interval > std::chrono::hours(1)) {
      complain("--interval: " +
               (interval ? std::string("expected at most 1h") : interval.error().text()));
      return daemon::exit_usage;
    }
    return watch(*config, options, *interval);
  }
  std::vector<std::string> problems;
  const json::value report = status_of(*config, problems);
  fmt::print("{}", as_text(report, Palette(STDOUT_FILENO), options.as_json));
  for (const std::string& problem : problems) complain(problem);
  return exit_status_of(report);
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("status", "What is announced, what is not, and why");
  auto options = std::make_shared<StatusOptions>();
  options->file.add_to(*command);
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
