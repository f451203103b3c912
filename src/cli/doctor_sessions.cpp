#include "cli/doctor_sessions.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>

#include "core/listed.hpp"
#include "core/time.hpp"
#include "process/bgp_sessions.hpp"
#include "process/pidfd.hpp"

namespace withdrawd::cli {
namespace {

using Verdict = Finding::Verdict;

/// "10.0.0.2 and 3 more"; empty: none of them keeps anything.
std::string keepers(const std::vector<vty::Neighbor>& neighbors) {
  std::vector<std::string> names;
  for (const auto& neighbor : neighbors) {
    if (neighbor.keeps) names.push_back(neighbor.name);
  }
  return core::listed(names, 1);
}

}  // namespace

SessionFacts gather_sessions(pid_t bgpd) {
  const auto pidfd = process::open_pidfd(bgpd);
  if (!pidfd) return {};
  boost::asio::io_context nothing_to_wait_for;
  const process::BgpSessions sessions(nothing_to_wait_for.get_executor(), bgpd, pidfd);
  return {sessions.count(), sessions.problem()};
}

Finding judge_sessions(const core::KnownGracefulRestart& known,
                       const std::vector<vty::Neighbor>& neighbors, const SessionFacts& facts,
                       bool acts) {
  const auto finding = [](Verdict verdict, std::string text, std::string cure = "") {
    return Finding{verdict,         "graceful-restart", "BGP sessions",
                   std::move(text), std::move(cure),    false};
  };
  if (known && !*known) return finding(Verdict::ok, "no graceful restart: a kill ends them");
  const auto kept = known ? core::describe((*known)->kept()) : "";
  const auto who = keepers(neighbors);
  const std::string has =
      known
          ? fmt::format(
                "bgpd has graceful restart: {} keep{} a killed bgpd's prefixes for up to {}",
                who.empty() ? "peers" : who, who.empty() || who.contains(" and ") ? "" : "s", kept)
          : "if bgpd has graceful restart, peers keep a killed bgpd's prefixes for as long as it "
            "says (hard mode does not read that)";
  if (!facts.problem.empty() && acts) {
    return finding(
        known ? Verdict::wrong : Verdict::note,
        fmt::format("{}, and withdrawd may not end the sessions: {}", has,
                    known ? "a fallback starts bgpd again at once to withdraw them, which takes "
                            "seconds"
                          : "they stay announced for so long"),
        "run withdrawd as root, or with CAP_SYS_PTRACE and the system call pidfd_getfd (the last "
        "lines of examples/hard.conf); or \"no bgp graceful-restart\" in bgpd");
  }
  if (!facts.problem.empty()) {
    return finding(
        Verdict::unseen,
        has + "; whether withdrawd's own user may end the sessions, this user cannot see");
  }
  return finding(Verdict::ok,
                 fmt::format("before a kill withdrawd ends each by a NOTIFICATION, {} now, so that "
                             "peers let go at once{}",
                             facts.count, known ? " (else after up to " + kept + ")" : ""));
}

}  // namespace withdrawd::cli
