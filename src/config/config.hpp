#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/daemon_paths.hpp"
#include "config/http.hpp"
#include "core/bgpd_settings.hpp"
#include "core/settings.hpp"

namespace withdrawd::config {

enum class LogLevel : std::uint8_t { debug, info, warning, error, critical };
enum class LogTarget : std::uint8_t { standard_error, file, journal, syslog };
enum class LogFormat : std::uint8_t { text, json };

/// Metrics for Prometheus, also over HTTP.
struct MetricsSettings {
  std::filesystem::path file;         ///< for node_exporter; empty: none
  std::uint32_t max_series = 10'000;  ///< what would be more is left out, details first
  bool operator==(const MetricsSettings&) const = default;
};

/// The whole configuration file, parsed; no invalid value can be in it.
struct Config {
  core::Settings settings;
  core::BgpdAccess access;
  core::BgpdProcess process;
  core::FleetAccess fleet;  ///< no endpoints: `settings` has no fleet either

  std::filesystem::path state_file = "/var/lib/withdrawd/state.json";
  std::filesystem::path control_socket = DaemonPaths().control_socket;
  std::filesystem::path lock_file = "/run/withdrawd/lock";
  LogTarget log_target = LogTarget::standard_error;
  std::filesystem::path log_file;  ///< if that is the target
  LogFormat log_format = LogFormat::text;
  std::uint8_t log_facility = 3;  ///< of syslog (RFC 5424): daemon
  LogLevel log_level = LogLevel::info;
  HttpSettings http;
  MetricsSettings metrics;

  std::filesystem::path history_file = DaemonPaths().history_file;  ///< empty: none
  std::uint64_t history_size = 1'000'000;  ///< bytes, for each of the two files that are kept
  std::vector<std::string> on_change;      ///< the program and its arguments; empty: none
  core::Duration on_change_timeout = std::chrono::seconds(10);
  /// Whose members may use the control socket; empty: the group of bgpd's own socket.
  std::string control_group;
};

/// One thing wrong with a configuration file (or, for a warning, doubtful).
struct Complaint {
  enum class Grade : std::uint8_t { error, warning };
  Grade grade = Grade::error;
  std::string file;
  unsigned line = 0;    ///< from 1; 0: the file as a whole
  unsigned column = 0;  ///< from 1
  std::string message;  ///< what is wrong, what was expected, what may have been meant

  /// "withdrawd.toml:12:9: error: unknown key \"prefixs\" in [rule.anycast]; did you mean
  /// \"prefixes\"?" (one line)
  std::string text() const;
};

struct Parsed {
  Config config;
  std::vector<Complaint> warnings;
};

/// Every complaint in one go, in the order of the files. (A file that is not TOML gives one: what
/// stands behind the mistake cannot be told.)
using ParseResult = std::expected<Parsed, std::vector<Complaint>>;

/// Parses TOML 1.0 text; `file` is the name to use in complaints. Touches no file but those
/// that a `trust_anchor` names: what the text includes is not read.
ParseResult parse(std::string_view text, std::string file);

/// Reads and parses a file, and those that it includes.
ParseResult load(const std::filesystem::path& file);

/// One key of the configuration file, for the manual and its test.
struct KeyInfo {
  std::string section;   ///< "" before the first section, "bgpd", "check.NAME"
  std::string key;       ///< "interval"
  std::string type;      ///< "duration", "integer, 1 to 65535"
  std::string fallback;  ///< the default: TOML (`"800ms"`) where one can be written, else in words
  std::string meaning;   ///< one line
  /// The types of checks that have this key: "dns", "dns, exec"; empty: all, or no check's key.
  std::string check_types;
  bool may_be_default;  ///< may stand in [defaults]
};

/// Every key there is, in the order of etc/withdrawd.toml.
std::vector<KeyInfo> known_keys();

}  // namespace withdrawd::config
