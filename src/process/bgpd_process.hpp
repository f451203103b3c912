#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "core/error.hpp"
#include "core/events.hpp"
#include "process/origin.hpp"
#include "process/vty_peer.hpp"

namespace withdrawd::process {

/// How bgpd's process is known, the surest first.
enum class KnownBy : std::uint8_t { socket, pid_file, command_line, name };

/// "its vty socket", "its pid file", "its command line", "its name"
std::string_view name(KnownBy known_by);

struct Sighting {
  pid_t pid = 0;
  KnownBy known_by = KnownBy::name;
};

/// What is known beside the configuration.
struct Evidence {
  std::vector<std::filesystem::path> sockets{};  ///< where bgpd's may be: whose they are counts
  std::shared_ptr<const VtyPeer> peer{};  ///< of the one that is used; none: not known, or nobody
};

/// The bgpd that withdrawd is about. The first that applies:
/// - who listens on the socket that withdrawd uses, alive and the same still;
/// - who stands in the pid file;
/// - who bears the configured name (/proc/PID/comm) in our own PID and network namespace; with a
///   pid file that names nobody, only who would have written that.
/// Of the last two a zombie does not count, nor whoever runs another program, is in another PID
/// namespace, or belongs to an ordinary user.
///
/// None: bgpd is not running. An error: nobody can tell. It runs where we cannot see it, several
/// fit, a process contradicts the pid file, that cannot be read or holds no number, /proc is
/// missing or hides other users' processes.
core::Result<std::optional<Sighting>> find(const core::BgpdProcess& bgpd,
                                           const Evidence& evidence = {});

/// SIGKILL for what `find` finds, and waits until it is gone as its pidfd says (bounded: 2 s).
/// Finds it again with the pidfd in hand, so that no recycled pid is hit.
boost::asio::awaitable<core::BgpdStopped> stop(core::BgpdProcess bgpd, Evidence evidence = {});

/// Runs the configured restart command; else that of the bgpd that was seen last; if none was seen,
/// `default_restart`. Gives the end of what it printed, as one line fit for a log, or an error:
/// nobody knows it, it could not be started, failed or took too long.
boost::asio::awaitable<core::Result<std::string>> restart(
    core::BgpdProcess bgpd, std::optional<core::RestartCommand> seen = {});

}  // namespace withdrawd::process
