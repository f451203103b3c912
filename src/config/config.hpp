#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "core/settings.hpp"

namespace withdrawd::config {

enum class LogLevel : std::uint8_t { debug, info, warning, error, critical };

/// The whole configuration file, parsed; no invalid value can be in it.
struct Config {
  core::Settings settings;
  core::BgpdAccess access;
  core::BgpdProcess process;

  std::filesystem::path state_file = "/var/lib/withdrawd/state.json";
  std::filesystem::path control_socket = "/run/withdrawd/control.sock";
  std::filesystem::path lock_file = "/run/withdrawd/lock";
  std::filesystem::path log_file;  ///< empty: standard error
  LogLevel log_level = LogLevel::info;
};

/// One thing wrong with a configuration file (or, for a warning, doubtful).
struct Complaint {
  enum class Grade : std::uint8_t { error, warning };
  Grade grade = Grade::error;
  std::string file;
  unsigned line = 0;    ///< from 1; 0: the file as a whole
  unsigned column = 0;  ///< from 1
  std::string message;  ///< what is wrong, what was expected, what may have been meant

  /// "withdrawd.toml:12:9: error: unknown key \"prefixs\" in [rule.anycast]; did you mean \"prefixes\"?"
  std::string text() const;
};

struct Parsed {
  Config config;
  std::vector<Complaint> warnings;
};

/// Every complaint in one go, in the order of the file.
using ParseResult = std::expected<Parsed, std::vector<Complaint>>;

/// Parses TOML 1.0 text; `file` is the name to use in complaints.
ParseResult parse(std::string_view text, std::string file);

/// Reads and parses a file.
ParseResult load(const std::filesystem::path& file);

}  // namespace withdrawd::config
