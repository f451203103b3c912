#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "core/error.hpp"
#include "core/events.hpp"

namespace withdrawd::process {

/// The running bgpd processes: the one that the pid file names (if that process exists, is no
/// zombie and bears the configured name: a stale pid file must not point us at somebody else), or
/// without a pid file all in our PID namespace whose name (/proc/PID/comm) is exactly the
/// configured one. Empty: bgpd is not running. An error: nobody can tell (the pid file cannot be
/// read or holds no number, /proc is missing or hides other users' processes).
core::Result<std::vector<pid_t>> find(const core::BgpdProcess& bgpd);

/// SIGKILL for each bgpd, and waits until each is gone as its pidfd says (bounded: 2 s). Holds the
/// pidfd from before the name was checked, so that no recycled pid is hit. Gives the pids killed;
/// none: bgpd was not running. What became of the BGP sessions, each of which is ended by a
/// NOTIFICATION right before the signal, goes into `sessions`.
boost::asio::awaitable<core::Result<std::vector<pid_t>>> stop(
    core::BgpdProcess bgpd, core::SessionsEnded* sessions = nullptr);

/// Runs the restart command (`default_restart()` if none is configured). Gives the end of
/// what it printed, as one line fit for a log, or an error: it could not be started, failed or took
/// too long.
boost::asio::awaitable<core::Result<std::string>> restart(core::BgpdProcess bgpd);

/// The restart command for a host whose configuration names none: systemctl or the init script of
/// whichever of bgpd, frr, quagga is installed under `root`. An error if there is none.
core::Result<std::vector<std::string>> default_restart(const std::filesystem::path& root = "/");

}  // namespace withdrawd::process
