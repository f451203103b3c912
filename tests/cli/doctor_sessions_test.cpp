#include "cli/doctor_sessions.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace withdrawd;
using namespace std::chrono_literals;
using cli::Finding;
using cli::judge_sessions;
using Verdict = Finding::Verdict;

namespace {

const core::KnownGracefulRestart two_minutes = core::GracefulRestart{120s, 0s};
const core::KnownGracefulRestart off = std::optional<core::GracefulRestart>();

Finding judged(const core::KnownGracefulRestart& known, const cli::SessionFacts& facts,
               bool acts = true, const std::vector<vty::Neighbor>& neighbors = {}) {
  return judge_sessions(known, neighbors, facts, acts);
}

bool says(const Finding& finding, std::string_view part) {
  return finding.text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("without graceful restart a kill ends the sessions, whoever may or may not trace") {
  CHECK(judged(off, {.problem = "Operation not permitted"}).verdict == Verdict::ok);
}

TEST_CASE("with graceful restart the sessions have to be ended, and it is said beforehand") {
  const auto fine = judged(two_minutes, {.count = 2});
  CHECK(fine.verdict == Verdict::ok);
  CHECK(says(fine, "2 now"));
  const auto wrong = judged(two_minutes, {.problem = "Operation not permitted"});
  CHECK(wrong.verdict == Verdict::wrong);
  CHECK(says(wrong, "for up to 2 min"));
  CHECK(says(wrong, "starts bgpd again at once"));
  CHECK(wrong.cure.find("CAP_SYS_PTRACE") != std::string::npos);
  const auto hard = judged({}, {.problem = "no"});
  CHECK(hard.verdict == Verdict::note);
  CHECK(says(hard, "they stay announced"));
  CHECK(says(judged(two_minutes, {.problem = "no"}, true,
                    {{"10.0.0.1", true, false}, {"10.0.0.2", true, true}}),
             "10.0.0.2 keeps a killed"));
  CHECK(says(judged(two_minutes, {.problem = "no"}, true,
                    {{"10.0.0.1", true, true}, {"10.0.0.2", true, true}}),
             "10.0.0.1 and 1 more keep a killed"));
  CHECK(judged(two_minutes, {.problem = "no"}, false).verdict == Verdict::unseen);
}
