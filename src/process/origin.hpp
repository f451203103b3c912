#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/events.hpp"

namespace withdrawd::process {

/// What is known of a running bgpd, as /proc says.
struct Running {
  std::vector<std::string> words;  ///< its command line
  std::filesystem::path program;   ///< empty: we may not know
  std::string cgroup;              ///< as in /proc/PID/cgroup
  bool foreign = false;            ///< in another PID or network namespace: what starts it is there
};

Running running(pid_t pid);

/// The value of the last "-f FILE", "-fFILE", "--long FILE" or "--long=FILE" (`brief` 0: there is
/// no short form); empty: it is not given.
std::string option_of(const std::vector<std::string>& words, char brief, std::string_view full);

/// Is that the pid file that a bgpd with this command line writes, as far as the usual builds say?
bool writes_pid_file(const std::vector<std::string>& words, const std::filesystem::path& file);

/// The systemd service that a process is in: "frr@edge.service". Empty: none that the system's
/// manager could restart, or our own.
std::string unit_of(std::string_view cgroup, std::string_view our_cgroup);

/// Where a bgpd comes from.
struct Origin {
  std::string unit;              ///< empty: none
  core::RestartCommand restart;  ///< starts it again; empty: nobody knows
  std::string unknown;           ///< then: why
};

/// What it belongs to is restarted, never what merely bears the same name: its systemd service;
/// else, for the instance that the host's own scripts start (by pathspace), these; else its own
/// command line, if that goes to the background (-d). The latter two only where what is started
/// does not end with the service of who starts it, which is in `our_cgroup`. `root`: for tests.
Origin origin_of(const Running& bgpd, std::string_view our_cgroup,
                 const std::filesystem::path& root = "/");
/// `starter`: who would start it.
Origin origin_of(pid_t pid, pid_t starter);

/// Is that a command that origin_of or default_restart gives on such a host for a service of its
/// own: systemctl, an init script or FRR's own script, with no more behind it than a name?
bool restarts_a_service(const core::RestartCommand& command);

/// For people: "pid 12, frr@edge.service, /usr/lib/frr/bgpd -d -N edge"; printable.
std::string describe(pid_t pid);

/// Which of a host's systemd units count.
enum class Units : std::uint8_t {
  used,       ///< enabled, or active now: by these bgpd is run here
  installed,  ///< also those that may be in use later: none is ever started for that reason alone
};

/// The restart command for a host on which bgpd has not been seen: systemctl for whichever of bgpd,
/// frr, quagga is in use under `root`, or the only frr@ service that is; where none is installed,
/// the init script of that name, else FRR's own script. An error if there is none, if one is
/// installed that does not count, or if what it starts would end with our service.
core::Result<core::RestartCommand> default_restart(std::string_view our_cgroup,
                                                   const std::filesystem::path& root = "/",
                                                   Units units = Units::used);
core::Result<core::RestartCommand> default_restart(pid_t starter, Units units = Units::used);

}  // namespace withdrawd::process
