#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace withdrawd::process {

/// Of a pid file; a number needs less.
inline constexpr std::size_t longest_pid_file = 4096;

/// A small file's bytes, or an errno; never waits, as it would for a FIFO.
std::expected<std::string, int> read_small_file(const std::filesystem::path& file);

/// What /proc says about one process.
struct ProcEntry {
  std::string name;    ///< comm: the program's name, cut to 15 bytes by the kernel
  bool alive = false;  ///< neither a zombie nor dead
  bool ours = false;   ///< a process (no thread) of the PID namespace that /proc shows, which must
                       ///< be our own; in a container's it would be somebody else's daemon
  std::uint64_t started = 0;  ///< in clock ticks since this host was booted
  uid_t user = 0;             ///< the real one
  uid_t acts_as = 0;          ///< the effective one
};

/// None: there is no such process any more. An error: it hides.
core::Result<std::optional<ProcEntry>> read_proc_entry(pid_t pid);

/// The value of a line "Key:\tvalue" in a text like /proc/PID/status; empty: there is none.
std::string_view status_value(std::string_view status, std::string_view key);

/// Its words; empty: it has none, or is gone. It may have changed them.
std::vector<std::string> command_line(pid_t pid);

/// The file that it runs, as the kernel says. Empty: we may not know, or it runs none.
std::filesystem::path program_of(pid_t pid);

/// Names its network namespace: two processes with the same text are in the same one. Also of
/// processes of other users. Empty: it is gone.
std::string network_of(pid_t pid);

/// Every process that /proc shows, without ourselves. An error: /proc is missing, shows another PID
/// namespace, or hides other users' processes (hidepid), so that "there is none" cannot be told.
core::Result<std::vector<pid_t>> all_processes();

}  // namespace withdrawd::process
