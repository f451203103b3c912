// log: what has changed.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/change_log.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace {

constexpr int look_again_ms = 200;

struct LogRequest {
  ConfigOption file;
  std::string target;
  std::size_t most = 0;      ///< 0: all
  std::string since, until;  ///< as entries have them; empty: all
  bool as_json = false;
  bool follow = false;
};

volatile sig_atomic_t interrupted = 0;

void interrupt(int) {
  interrupted = 1;
}

/// Prints what `request` asks for. False: nobody reads it any more.
bool print(const std::vector<daemon::HistoryEntry>& entries, const LogRequest& request) {
  static const Terminal terminal = [] {
    Terminal lines(STDOUT_FILENO);
    // A line each, for other programs.
    if (!::isatty(STDOUT_FILENO)) lines.columns = std::string::npos;
    return lines;
  }();
  for (const auto& entry : entries) {
    const auto text = request.as_json ? daemon::history_line(entry) : change_line(entry, terminal);
    if (std::fputs(text.c_str(), stdout) == EOF) return false;
  }
  return std::fflush(stdout) == 0;
}

/// Waits a moment. False: somebody wants us to end, or nobody reads any more.
bool wait_a_moment() {
  pollfd out{STDOUT_FILENO, 0, 0};
  const int ready = ::poll(&out, 1, look_again_ms);
  const bool closed = ready > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  return interrupted == 0 && !closed;
}

/// False after a complaint.
bool settle(std::string& time, const char* option) {
  if (time.empty()) return true;
  auto typed = typed_time(time, std::chrono::system_clock::now());
  if (!typed) {
    complain(fmt::format("{}: {}", option, typed.error().text()));
    return false;
  }
  time = *std::move(typed);
  return true;
}

int show(const LogRequest& request) {
  const auto history_file = config::find_daemon_paths(request.file.file).history_file;
  if (history_file.empty()) {
    complain("no history is kept: history_file is empty");
    return daemon::exit_usage;
  }
  daemon::HistoryReader reader(history_file);
  for (bool first = true;; first = false) {
    auto entries = reader.next();
    if (!entries) {
      complain(entries.error().text());
      return daemon::exit_usage;
    }
    std::erase_if(*entries, [&](const auto& entry) {
      return !is_about(entry, request.target) || entry.time < request.since ||
             (!request.until.empty() && entry.time >= request.until);
    });
    if (first && request.most > 0 && entries->size() > request.most) {
      entries->erase(entries->begin(), entries->end() - static_cast<std::ptrdiff_t>(request.most));
    }
    if (!print(*entries, request) || !request.follow || !wait_a_moment()) break;
  }
  return daemon::exit_fine;
}

}  // namespace

void add_log(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("log", "What has changed, newest last");
  auto request = std::make_shared<LogRequest>();
  request->file.add_to(*command);
  command->add_option("target", request->target,
                      "The prefix or rule to show (default: everything)");
  command->add_option("-n,--lines", request->most, "Only the last so many changes")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--since", request->since,
                      "Only what has changed since: \"2h\" ago, or \"2026-11-23T03:31Z\"");
  command->add_option("--until", request->until, "Only what had changed before, likewise");
  command->add_flag("--json", request->as_json,
                    "A line of JSON for each; the shape is documented in docs/history-json.md");
  command->add_flag("-f,--follow", request->follow, "Go on showing what is added, until Ctrl-C");
  command->footer(
      "Reads the history that withdrawd keeps on disk (history_file); no daemon is needed.\n"
      "Exit status: 0 fine, also when there is nothing; 2 usage, or a history\n"
      "that cannot be read.");
  command->callback([request, &status] {
    struct sigaction action{};
    action.sa_handler = interrupt;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    const bool fine = settle(request->since, "--since") && settle(request->until, "--until");
    status = fine ? show(*request) : daemon::exit_usage;
  });
}

}  // namespace withdrawd::cli
