#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/bgp.hpp"
#include "core/failure.hpp"
#include "core/fleet.hpp"
#include "core/outcome.hpp"
#include "core/plan.hpp"
#include "core/settings.hpp"
#include "core/severity.hpp"

namespace withdrawd::core {

// What happens in the world: goes into the Controller.

/// A check was asked and this came of it.
struct CheckAnswered {
  std::size_t check;
  Outcome outcome;
  std::uint64_t asking = 0;  ///< as in AskCheck
};

/// A process that a check watches has died. That is no outcome: the check is asked.
struct ProcessDied {
  std::size_t check;
};

/// What one transport made of an operation on bgpd.
struct Attempt {
  enum class End : std::uint8_t {
    done,
    failed,
    disobeyed,  ///< claimed success, but bgpd read back shows that nothing has happened
  };
  std::string transport;  ///< "socket", "vtysh", "telnet"
  End end = End::done;
  bool operator==(const Attempt&) const = default;
};

/// The answer to ReadBgpd.
struct BgpdRead {
  std::expected<Observed, Failure> observed;
  std::string via;                  ///< the transport, for the log
  std::vector<Attempt> attempts{};  ///< in their order
};

/// The answer to ApplyPlan: bgpd as it was read back afterwards, or why the plan is not in effect.
struct PlanApplied {
  std::expected<Observed, Failure> observed;
  std::string via;
  std::vector<std::string> answered;  ///< what bgpd said that was not mere success
  std::vector<Attempt> attempts{};    ///< in their order
};

/// bgpd closed a connection that was kept open: it has died, or is being restarted.
struct ConnectionLost {};

/// What starts a bgpd again: program and arguments. Empty: it was looked for, and nobody knows.
using RestartCommand = std::vector<std::string>;

/// The answer to FindBgpd: the pids; empty: not running.
struct BgpdFound {
  Result<std::vector<pid_t>> pids;
  std::optional<RestartCommand> restart{};  ///< of what was found; none: nothing was
};

/// What became of the BGP sessions of a bgpd that was killed. A peer with graceful restart keeps
/// what it heard in one that has merely broken off.
struct SessionsEnded {
  unsigned ended = 0;             ///< by a NOTIFICATION, and the peer has hung up
  std::vector<std::string> left;  ///< the addresses of peers that have not
  std::string problem;  ///< why not, or why no session could be looked at; empty: all ended
  bool all() const { return problem.empty() && left.empty(); }
};

/// The answer to StopBgpd: the pids that were killed; empty: bgpd was not running.
struct BgpdStopped {
  Result<std::vector<pid_t>> pids;
  std::optional<RestartCommand> restart{};  ///< of what was killed; none: nothing was
  SessionsEnded sessions{};
};

/// The answer to RestartBgpd: what the command printed.
struct BgpdRestarted {
  Result<std::string> output;
};

/// An operator wants traffic away from a prefix, or back. What one drain says.
struct Drain {
  std::string who;
  std::string why;            ///< may be empty
  Time since{};               ///< may lie before this run's begin
  std::optional<Time> until;  ///< ends by itself then; none: when somebody ends it
  bool forced = false;        ///< withdrawn even where the fleet does not give leave
  bool operator==(const Drain&) const = default;
};

struct DrainChanged {
  std::vector<PrefixKey> prefixes;
  std::optional<Drain> drain;  ///< none: it ends
  std::string who;             ///< who ends it
};

/// All checks are to be asked at once.
struct AskNow {};

/// This run ends, and no other follows: rules with `withdraw_on_exit` are withdrawn.
struct Retire {};

/// The answer to AskLeave: may the prefix be withdrawn?
struct LeaveAnswered {
  enum class Answer : std::uint8_t {
    granted,      ///< and no other site counts on this one any longer
    refused,      ///< too few others announce it healthy
    unreachable,  ///< the store has not answered
  };
  std::size_t prefix;  ///< as Policy counts them
  unsigned number;     ///< of the asking
  Answer answer;
  std::string detail;  ///< for people; printable
};

/// The fleet's store can be reached, or cannot any longer.
struct FleetReached {
  bool reached;
  std::string detail;  ///< where, or why not; printable
};

/// Other sites count again where they did not: who was refused leave may ask anew.
struct FleetChanged {
  std::vector<std::size_t> prefixes;  ///< none: it matters to those only who look at all sites
};

/// Another host writes under this site's name as well; or has not for some time.
struct FleetNameContested {
  std::string by;  ///< who: "ns1.example.net/9f3c21aa"; printable; empty: nobody any more
};

using Event = std::variant<CheckAnswered, ProcessDied, BgpdRead, PlanApplied, ConnectionLost,
                           BgpdFound, BgpdStopped, BgpdRestarted, DrainChanged, AskNow, Retire,
                           LeaveAnswered, FleetReached, FleetChanged, FleetNameContested>;

// What the Controller wants done. Each but those that only say something is answered by exactly one
// event, some time later; AskLeave by none where a later SayPlace has made it pointless.

struct AskCheck {
  std::size_t check;
  /// What is answered about an earlier one no longer matters: it was overtaken.
  std::uint64_t asking = 0;
};

struct ReadBgpd {
  std::vector<Lookup> lookups;
  bool who = false;  ///< and who else is on bgpd's vty
};

struct ApplyPlan {
  Plan plan;
  std::vector<Lookup> lookups;  ///< to be made when the configuration has been read back
};

struct FindBgpd {};
struct StopBgpd {};
struct RestartBgpd {};

/// Asks the other sites for leave to withdraw a prefix.
struct AskLeave {
  std::size_t prefix;
  unsigned number;
  std::string place;  ///< the prefix's name among the sites
  FleetFloor floor;
};

/// Tells the other sites where this one stands. What is said last is to be in the store, sooner or
/// later; `up` takes back what was asked or given before.
struct SayPlace {
  std::size_t prefix;
  std::string place;
  Place said;
};

/// What a line is about, for those who sort lines. Of many alike (of one severity, rule, check and
/// topic) some may be counted instead of shown.
struct LogContext {
  std::string rule{};
  std::string prefix{};
  std::string check{};
  std::string topic{};  ///< "withdrawn", "trouble", ...; empty: each line counts
  bool operator==(const LogContext&) const = default;
};

/// One line for the operator.
struct LogLine {
  Severity severity;
  std::string text;
  LogContext about{};
};

/// Many lines alike, of which each is made when its turn comes: ten thousand take tens of
/// milliseconds, in which nothing else would be done.
struct LogBatch {
  std::size_t count;
  std::function<LogLine(std::size_t)>
      make;  ///< of each below `count`; needs nothing that can go away
};

/// What an operator will want to read back tomorrow: kept in the history, and handed to
/// `on_change`.
struct Note {
  enum class Kind : std::uint8_t {
    changed,    ///< a prefix's statement is not what it was: `was` and `is`
    held,       ///< would have been withdrawn, but for min_announced or the fleet
    released,   ///< no longer held
    drained,    ///< an operator wants traffic away from it
    undrained,  ///< and back
    damped,     ///< flapped too often: stays down although its checks are up
    undamped,   ///< may come back
    killed,     ///< bgpd, by the fallback or the hard path
    restarted,  ///< likewise
  };
  Kind kind = Kind::changed;
  std::string rule;              ///< empty: all of bgpd
  std::optional<Prefix> prefix;  ///< none: all of bgpd
  /// For `changed`: "announced", "degraded", "withdrawn"; else empty.
  std::string was, is;
  std::string cause;   ///< one line, printable
  std::string by;      ///< "withdrawd through socket", "somebody else", an operator's name
  bool by_us = false;  ///< for `changed`: by withdrawd
};

/// "changed", "held", "released", ...
std::string_view name(Note::Kind kind);

using Effect = std::variant<AskCheck, ReadBgpd, ApplyPlan, FindBgpd, StopBgpd, RestartBgpd,
                            AskLeave, SayPlace, LogLine, LogBatch, Note>;
using Effects = std::vector<Effect>;

}  // namespace withdrawd::core
