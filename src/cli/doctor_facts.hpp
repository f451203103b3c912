#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/doctor_fleet.hpp"
#include "cli/doctor_sessions.hpp"
#include "config/config.hpp"
#include "core/bgp.hpp"
#include "core/failure.hpp"
#include "core/outcome.hpp"
#include "core/time.hpp"
#include "vty/neighbors.hpp"
#include "vty/release.hpp"
#include "vty/survey.hpp"
#include "vty/table.hpp"

namespace withdrawd::cli {

/// As whom things were looked at: as withdrawd's own user where that is known and root asks, else
/// as the one who asks. `acts`: root, that user, or the one whose state folder it is, so what this
/// user may not do withdrawd may not do either.
struct UserFacts {
  std::string name;
  std::string
      known_by;  ///< how withdrawd's own user is known; empty: looked at as the one who asks
  bool root = false;
  bool acts = false;
};

/// bgpd's vty socket, as far as this user can see it.
struct SocketFacts {
  std::filesystem::path path;  ///< configured, or the first one there is; empty: none
  bool is_socket = false;
  std::string group;             ///< that may use it; empty: its group may not
  bool in_group = false;         ///< this process has the group
  bool listed_in_group = false;  ///< the user is in it, from the next log-in on
  bool reaches = false;          ///< no permission is missing
  std::string barred_by;         ///< the folder above it that may not be entered, if one
};

struct TransportFacts {
  core::TransportKind kind{};
  std::string text;
  std::optional<core::Failure> failure;  ///< none: bgpd answered
  core::Duration took{};
  std::map<core::InstanceKey, std::size_t> statements;  ///< how many it showed, by instance
  std::string listener{};  ///< telnet: "user frr listens there", or why that cannot be known
};

/// One prefix of a rule, in bgpd.
struct PrefixFacts {
  std::size_t rule = 0;
  core::Prefix prefix;
  std::optional<core::InstanceKey> instance;  ///< none: could not be chosen
  bool in_table = false;
  bool answered = false;  ///< bgpd said whether it is in the table
  vty::PathSources sources = {};
  std::optional<unsigned> advertised_to = {};
  std::optional<core::OtherPath> other = {};
};

struct BgpdFacts {
  core::RunningConfig config;
  vty::Survey survey;
  std::vector<PrefixFacts> prefixes;
  std::optional<vty::Release> release = {};
  std::vector<vty::Neighbor> neighbors = {};  ///< of the default instance; with graceful restart
};

struct ProcessFacts {
  std::optional<pid_t> pid;           ///< none: bgpd is not running
  std::string known_by;               ///< then: "its vty socket", "its name", ...
  std::string text;                   ///< then: "pid 12, frr.service, /usr/lib/frr/bgpd -d"
  std::string denied;                 ///< what contradicts that: a stale pid file; empty: nothing
  std::optional<core::Error> hidden;  ///< nobody can tell which process it is
  bool may_signal = false;
  std::string unit;                  ///< the systemd service it is in; empty: none
  std::vector<std::string> restart;  ///< configured, or what starts this process, or any here
  std::string restart_problem;       ///< why it cannot be run; empty: it can
  SessionFacts sessions = {};        ///< of `pid`
};

struct WatcherFacts {
  std::string name;  ///< "watchfrr"
  pid_t pid = 0;
  bool watches_bgpd = false;
};

struct StartFileFacts {
  std::filesystem::path path;
  std::string problem;  ///< why it could not be read; empty: `survey` is what it says
  vty::Survey survey = {};
};

/// Whatever runs withdrawd, or will.
struct RunnerFacts {
  bool lock_held = false;
  std::string mode;  ///< of who holds the lock: "run", "cron", "once"
  pid_t pid = 0;
  bool control_answers = false;
  std::string control_problem;
  std::vector<std::string> cron_entries;  ///< "/etc/cron.d/withdrawd:3"
  bool unit_enabled = false;
  bool crontabs_hidden = false;     ///< those of users
  std::vector<std::string> rivals;  ///< others at work on the same bgpd: "pid 12, -c /etc/x.toml"
};

struct PlaceFacts {
  std::string key;  ///< of the configuration: "state_file"
  std::filesystem::path path;
  std::string problem;         ///< why it cannot be written; empty: it can
  bool not_permitted = false;  ///< that is why
  bool itself = false;         ///< the file that is there cannot be; else its folder
};

struct CheckFacts {
  std::optional<core::Outcome> outcome;  ///< none: it had not answered when time was up
  /// A DNS question put to the service addresses of the rules that depend on it.
  std::vector<std::pair<core::Address, core::Outcome>> at_service_addresses;
};

struct LocalAddress {
  core::Address address;
  int length = 0;
  std::string interface;
};

/// All that is judged, gathered beforehand.
struct Facts {
  UserFacts user;
  SocketFacts socket;
  std::vector<TransportFacts> transports;
  std::optional<BgpdFacts> bgpd;  ///< none: no transport got through
  ProcessFacts process;
  std::vector<WatcherFacts> watchers;
  std::vector<StartFileFacts> start_files;
  RunnerFacts runner;
  std::vector<PlaceFacts> places;
  std::vector<CheckFacts> checks;  ///< as in Settings::checks
  std::vector<LocalAddress> addresses;
  std::optional<FleetFacts> fleet;    ///< none: this site is in no fleet
  bool clock_unset = false;           ///< before this program was written
  bool clock_behind = false;          ///< the state file is from the future
  bool clock_unsynchronised = false;  ///< the kernel says so
};

/// Looks at everything; changes nothing. Ends within about `limit`.
Facts gather_facts(const config::Config& config, core::Duration limit);

}  // namespace withdrawd::cli
