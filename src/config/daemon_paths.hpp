#pragma once

#include <filesystem>

namespace withdrawd::config {

/// Where a running withdrawd is asked and where its history is: all that a command needs that talks
/// to it. The defaults where the file says nothing else.
struct DaemonPaths {
  std::filesystem::path control_socket = "/run/withdrawd/control.sock";
  std::filesystem::path history_file = "/var/lib/withdrawd/history.jsonl";  ///< empty: none is kept
};

/// Reads nothing but these from a configuration file, whatever else is wrong with it: a mistake in
/// the file must not come between an operator and a daemon that is well. Of a file that is no TOML
/// what stands before the mistake counts; one that cannot be read has the defaults.
DaemonPaths find_daemon_paths(const std::filesystem::path& file);

}  // namespace withdrawd::config
