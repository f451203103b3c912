#include "cli/command.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>     // the bodies of what App.hpp declares, for all of this folder
#include <CLI/Formatter.hpp>  // likewise
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cstdlib>
#include <utility>

#include "config/duration.hpp"
#include "core/visible.hpp"

namespace withdrawd::cli {
namespace {

const core::Time start = std::chrono::steady_clock::now();

}  // namespace

core::Time process_start() {
  return start;
}

void complain(const std::string& text) {
  fmt::print(stderr, "withdrawd: {}\n", core::visible(text));
}

void ConfigOption::add_to(CLI::App& command) {
  command.add_option("-c,--config", file, "Configuration file")->capture_default_str();
}

std::optional<config::Config> ConfigOption::load() const {
  auto result = config::load(file);
  if (!result) {
    for (const config::Complaint& complaint : result.error()) {
      fmt::print(stderr, "{}\n", complaint.text());
    }
    return std::nullopt;
  }
  for (const config::Complaint& warning : result->warnings)
    fmt::print(stderr, "{}\n", warning.text());
  return std::move(result->config);
}

void DaemonOption::add_to(CLI::App& command) {
  file.add_to(command);
  command.add_option(
      "-s,--socket", socket,
      "Control socket of the running withdrawd (default: the file's control_socket)");
}

config::DaemonPaths DaemonOption::paths() const {
  config::DaemonPaths paths = config::find_daemon_paths(file.file);
  if (!socket.empty()) paths.control_socket = socket;
  return paths;
}

std::optional<config::Config> DaemonOption::load() const {
  auto config = file.load();
  if (config && !socket.empty()) config->control_socket = socket;
  return config;
}

core::Result<core::Duration> parse_length(const std::string& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string number = text.substr(0, digits);
  const std::string unit = text.substr(digits);
  if (unit == "m") return config::parse_duration(number + "min");
  if (unit == "d" && !number.empty() && number.size() <= 3) {
    return config::parse_duration(fmt::format("{}h", 24 * std::stoi(number)));
  }
  return config::parse_duration(text);
}

void LogOptions::add_to(CLI::App& command) {
  command.add_option("--log", file,
                     "Where to log: a file (with its path), stderr, journal or syslog");
  command.add_option("--log-format", format, "Of lines on standard error or in a file")
      ->check(CLI::IsMember({"text", "json"}));
  command.add_option("--log-level", level, "Least severity to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "critical"}));
}

void LogOptions::apply_to(config::Config& config) const {
  if (!file.empty()) {
    using Target = decltype(config.log_target);
    config.log_target = file == "stderr"    ? Target::standard_error
                        : file == "journal" ? Target::journal
                        : file == "syslog"  ? Target::syslog
                                            : Target::file;
    config.log_file = config.log_target == Target::file ? file : "";
  }
  using Format = decltype(config.log_format);
  if (!format.empty()) config.log_format = format == "json" ? Format::json : Format::text;
  using Level = decltype(config.log_level);
  if (level == "debug") config.log_level = Level::debug;
  if (level == "info") config.log_level = Level::info;
  if (level == "warning") config.log_level = Level::warning;
  if (level == "error") config.log_level = Level::error;
  if (level == "critical") config.log_level = Level::critical;
}

Terminal::Terminal(int file_descriptor) {
  if (!::isatty(file_descriptor)) return;
  winsize size{};
  // Narrower, nothing is a table any more.
  if (::ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    columns = std::max<std::size_t>(size.ws_col, 40);
  }
  if (std::getenv("NO_COLOR") != nullptr) return;  // NOLINT(concurrency-mt-unsafe): one thread
  good = "\033[32m";
  bad = "\033[31m";
  dim = "\033[2m";
  bold = "\033[1m";
  plain = "\033[0m";
}

std::string wrapped(std::string_view text, const Terminal& terminal, std::size_t first,
                    std::size_t indent) {
  std::string lines;
  for (std::size_t used = first;; used = indent) {
    const std::size_t room = terminal.columns > used ? terminal.columns - used : 1;
    if (text.size() <= room) return lines + std::string(text) + "\n";
    auto end = text.rfind(' ', room);
    if (end == text.npos || end == 0) end = room;
    lines += std::string(text.substr(0, end)) + "\n" + std::string(indent, ' ');
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
}

}  // namespace withdrawd::cli
