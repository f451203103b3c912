#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "process/acting_user.hpp"

namespace withdrawd::cli {

/// Whoever runs withdrawd here, or will.
struct ServiceUser {
  process::UserIdentity user;
  bool may_kill = false;          ///< another user's process: root, or with CAP_KILL
  bool may_end_sessions = false;  ///< of such a process: root, or with CAP_SYS_PTRACE; and the
                                  ///< unit's SystemCallFilter lets it
  std::string known_by;           ///< "the daemon, pid 12", "withdrawd.service"
};

/// The user of the running daemon (`daemon`: its pid; none runs: 0), else the one that the unit
/// withdrawd.service names, with its drop-ins, under `root`. A daemon that has a filter is taken to
/// have the unit's. None: neither, or the unit's user is
/// not on this host.
std::optional<ServiceUser> find_service_user(pid_t daemon, const std::filesystem::path& root = "/");

}  // namespace withdrawd::cli
