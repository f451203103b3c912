#include "cli/watching.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <string_view>

#include "cli/command.hpp"
#include "config/duration.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace {

volatile std::sig_atomic_t over = 0;

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

}  // namespace

std::optional<core::Duration> watch_interval(const std::string& text) {
  const auto interval = config::parse_duration(text);
  if (interval && *interval <= std::chrono::hours(1)) return *interval;
  complain("--interval: " +
           (interval ? std::string("expected at most 1h") : interval.error().text()));
  return std::nullopt;
}

int watch(const std::string& title, core::Duration interval, bool as_json,
          const std::function<int(std::string& text)>& look) {
  const bool on_terminal = !as_json && ::isatty(STDOUT_FILENO);
  const Terminal terminal(STDOUT_FILENO);
  catch_signals();
  // A screen of its own, without a cursor; given back at the end.
  if (on_terminal) print("\033[?1049h\033[?25l\033[2J");
  int status = daemon::exit_fine;
  for (bool first = true; !over; first = false) {
    const auto next = std::chrono::steady_clock::now() + interval;
    std::string text;
    status = look(text);
    if (on_terminal) {
      text = in_place(text, fmt::format("{}{}{}, every {}: {}", terminal.bold, title,
                                        terminal.plain, core::describe(interval), clock_time()));
    } else if (!as_json && !first) {
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

}  // namespace withdrawd::cli
