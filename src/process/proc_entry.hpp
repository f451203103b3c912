#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace withdrawd::process {

/// A small file's bytes, or an errno; never waits, as it would for a FIFO.
std::expected<std::string, int> read_small_file(const std::filesystem::path& file);

/// What /proc says about one process.
struct ProcEntry {
  std::string name;    ///< comm: the program's name, cut to 15 bytes by the kernel
  bool alive = false;  ///< neither a zombie nor dead
  bool ours = false;   ///< a process (no thread) of the PID namespace that /proc shows, which must
                       ///< be our own; in a container's it would be somebody else's daemon
};

/// None: there is no such process any more. An error: it hides.
core::Result<std::optional<ProcEntry>> read_proc_entry(pid_t pid);

/// Every process that /proc shows, without ourselves. An error: /proc is missing, shows another PID
/// namespace, or hides other users' processes (hidepid), so that "there is none" cannot be told.
core::Result<std::vector<pid_t>> all_processes();

}  // namespace withdrawd::process
