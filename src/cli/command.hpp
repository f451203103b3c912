#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "core/severity.hpp"
#include "core/time.hpp"

// Not CLI/App.hpp: it takes four seconds to compile, and most who need this need nothing of it.
namespace CLI {
class App;
}

namespace withdrawd::cli {

// One function a subcommand: adds it to `app`; when it is the one chosen, its callback runs it and
// leaves the exit status in `status`.
void add_run(CLI::App& app, int& status);
void add_cron(CLI::App& app, int& status);
void add_once(CLI::App& app, int& status);
void add_status(CLI::App& app, int& status);
void add_show(CLI::App& app, int& status);
void add_plan(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_validate(CLI::App& app, int& status);
void add_log(CLI::App& app, int& status);
void add_drain(CLI::App& app, int& status);
void add_undrain(CLI::App& app, int& status);
void add_reload(CLI::App& app, int& status);
void add_now(CLI::App& app, int& status);

/// The moment this process began, as near as it can tell: what `cron --for` counts from.
core::Time process_start();

/// `-c FILE`, where a subcommand takes one.
struct ConfigOption {
  std::filesystem::path file = "/etc/withdrawd/withdrawd.toml";
  void add_to(CLI::App& command);
  /// Loads it; complaints and warnings go to standard error. None: it cannot be used.
  std::optional<config::Config> load() const;
};

/// `-c FILE` and `-s SOCKET`: where a command finds the running withdrawd. It needs no valid
/// configuration for that; the file is read in full only where nobody answers.
struct DaemonOption {
  ConfigOption file;
  std::filesystem::path socket;  ///< empty: as the file has it
  void add_to(CLI::App& command);
  config::DaemonPaths paths() const;
  /// The whole configuration, with the socket as chosen. None after complaints, as above.
  std::optional<config::Config> load() const;
};

/// `--log FILE`, `--log-format FORMAT`, `--log-level LEVEL`: override the configuration.
struct LogOptions {
  std::string file;  ///< or "stderr", "journal", "syslog"
  std::string format;
  std::string level;
  void add_to(CLI::App& command);
  void apply_to(config::Config& config) const;
};

/// A length of time as an operator types it: as in the configuration, and here "30m" leaves no
/// doubt, and neither does "2d".
core::Result<core::Duration> parse_length(const std::string& text);

/// What a file descriptor shows: colours, if it is a terminal and NO_COLOR is not set, and how many
/// columns it has; 80, if it is none.
struct Terminal {
  explicit Terminal(int file_descriptor);
  std::string good, bad, dim, bold, plain;
  std::size_t columns = 80;
};

/// Breaks a text into lines at its blanks; a word too long for a line is broken anywhere. `first`
/// columns of the first line are in use, and `indent` of the others.
std::string wrapped(std::string_view text, const Terminal& terminal, std::size_t first,
                    std::size_t indent);

/// "withdrawd: TEXT" on standard error.
void complain(const std::string& text);

}  // namespace withdrawd::cli
