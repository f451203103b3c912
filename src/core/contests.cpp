#include "core/contests.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace withdrawd::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// bgpd is read often for so long after the last time; but it spends no more than a tenth of its
// time on being read.
constexpr Duration often_for = seconds(10);
constexpr Duration often_interval = milliseconds(100);
constexpr int share = 10;
// So many times, with no pause as long as that, and it is no accident; for so long after the last
// time the matter is not over.
constexpr unsigned no_accident = 5;
constexpr Duration pause = seconds(120);
constexpr Duration who_pause = seconds(1);

}  // namespace

bool Contests::undone(std::size_t prefix, Time now) {
  Contest& contest = prefixes_[prefix];
  if (contest.times == 0 || now - contest.last > pause) contest = {.first = now};
  ++contest.times;
  contest.last = now;
  until_ = now + often_for;
  if (contest.times < no_accident) return false;
  any_ = true;
  unsigned step = no_accident;
  while (step < contest.times) step *= 10;
  return !std::exchange(contest.told, true) || step == contest.times;
}

std::vector<Contests::Over> Contests::end(Time now) {
  std::vector<Over> over;
  if (!std::exchange(any_, false)) return over;
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    Contest& contest = prefixes_[i];
    if (!contest.told) continue;
    if (now - contest.last < pause) {
      any_ = true;
      continue;
    }
    over.push_back({i, now - contest.last});
    contest = {};
  }
  if (!any_) on_vty_.clear();
  return over;
}

std::optional<Duration> Contests::reading_interval(Time now, Duration took) const {
  if (!until_ || now >= *until_) return std::nullopt;
  return std::max(often_interval, took * share);
}

bool Contests::asks_who(Time now) {
  if (!until_ || now >= *until_ || (asked_who_ && now - *asked_who_ < who_pause)) return false;
  asked_who_ = now;
  return true;
}

void Contests::answered(Time asked, std::vector<std::string>& on_vty) {
  if (asked_who_ == asked) on_vty_ = std::exchange(on_vty, {});
}

std::string Contests::text(std::size_t prefix, bool wanted, std::string_view via, Time now) const {
  const std::string who =
      on_vty_.empty() && via.starts_with("vtysh")
          ? "vtysh, by which withdrawd talks to bgpd, cannot say who else does"
      : on_vty_.empty()
          ? "bgpd's `who` names nobody: a script through vtysh or its socket?"
          : fmt::format("on bgpd's vty{}: {}",
                        via.starts_with("telnet") ? ", withdrawd itself included" : "",
                        fmt::join(on_vty_, ", "));
  const Contest& contest = prefixes_[prefix];
  return fmt::format(
      "was {} by somebody else {} times in {}, the last time {} ago, and put right "
      "each time ({}): find who does it, and end it",
      wanted ? "withdrawn or changed" : "announced or changed", contest.times,
      describe(contest.last - contest.first), describe(now - contest.last), who);
}

}  // namespace withdrawd::core
