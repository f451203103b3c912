#include "daemon/verdict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/listed.hpp"
#include "daemon/day_strips.hpp"

namespace withdrawd::daemon {
namespace {

using core::Desired;
using core::Health;
using Reason = core::DesiredState::Reason;
using Grade = Verdict::Grade;

std::string_view are(std::size_t count) {
  return count == 1 ? "is" : "are";
}

/// `Check "a" is down.`, `Checks "a", "b" and 3 more are down.`
std::string down_checks(const core::Report& report) {
  std::vector<std::string> names;
  for (const core::CheckReport& check : report.checks) {
    if (check.health == Health::down) names.push_back(fmt::format("\"{}\"", check.name));
  }
  if (names.empty()) return "";
  return fmt::format("Check{} {} {} down.", names.size() == 1 ? "" : "s", core::listed(names, 3),
                     are(names.size()));
}

Verdict hard_verdict(const core::Report& report) {
  const auto with = [&report](Health health) {
    return static_cast<std::size_t>(
        std::ranges::count(report.checks, health, &core::CheckReport::health));
  };
  Verdict verdict;
  if (with(Health::down) > 0) {
    verdict = {
        Grade::bad,
        report.bgpd_gone ? "Hard mode: bgpd is stopped." : "Hard mode: bgpd is to be stopped.",
        down_checks(report)};
  } else if (const auto unknown = with(Health::unknown); unknown > 0) {
    verdict = {Grade::notable,
               fmt::format("Hard mode: {} of {} checks {} not known yet.", unknown,
                           report.checks.size(), are(unknown)),
               ""};
  } else {
    verdict = {Grade::fine, "Hard mode: bgpd is to run.",
               report.checks.size() == 1 ? "The check is up." : "All checks are up."};
    if (report.bgpd_gone) {
      verdict.grade = Grade::bad;
      verdict.say("bgpd does not run.");
    }
  }
  if (!report.bgpd_reachable) {
    verdict.grade = Grade::bad;
    verdict.say("bgpd's process cannot be looked for.");
  }
  return verdict;
}

/// What is wrong with bgpd as a whole; no text: nothing.
Verdict bgpd_verdict(const core::Report& report) {
  if (report.bgpd_killed) {
    return {Grade::bad, "bgpd was killed by the fallback and does not run: nothing is announced.",
            down_checks(report)};
  }
  if (report.bgpd_gone) return {Grade::bad, "bgpd does not run: nothing is announced.", ""};
  if (report.bgpd_reachable) return {};
  if (report.via.empty()) return {Grade::notable, "bgpd has not answered yet.", ""};
  return {Grade::bad, "bgpd does not answer: what is announced is not known.", down_checks(report)};
}

/// Withdrawn, and users come all the same.
bool is_reaching(const core::Reach& reach) {
  using Kind = core::Reach::Kind;
  return reach.fault() && reach.kind != Kind::unheard && reach.kind != Kind::contested;
}

/// Prefixes by what is remarkable about them.
struct PrefixCounts {
  std::size_t exposed = 0, differing = 0, unknown = 0;
  std::size_t sick = 0, drained = 0, damped = 0;  ///< withdrawn
  std::size_t other = 0;                          ///< likewise: at_start, on_exit
  std::size_t degraded = 0, held = 0, held_by_fleet = 0;
  std::size_t reaching = 0, unheard = 0, contested = 0;
  std::string first_exposed, first_contested;

  explicit PrefixCounts(const core::Report& report) {
    for (const core::PrefixReport& prefix : report.prefixes) count(prefix, report);
  }

  std::size_t withdrawn() const { return sick + drained + damped + other; }

  std::string reasons() const {
    const std::array<std::pair<std::size_t, std::string_view>, 4> all{
        {{sick, "down"}, {drained, "drained"}, {damped, "damped"}, {other, "waiting"}}};
    std::vector<std::string> parts;
    for (const auto& [count, what] : all) {
      if (count > 0) parts.push_back(fmt::format("{} {}", count, what));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }

 private:
  void count(const core::PrefixReport& prefix, const core::Report& report) {
    const Concern concern = concern_about(prefix, report);
    for (const core::Reach& one : prefix.reach) {
      using Kind = core::Reach::Kind;
      if (one.kind == Kind::contested && ++contested == 1) first_contested = prefix.prefix.text();
      if (one.kind == Kind::unheard) ++unheard;
    }
    reaching += std::ranges::any_of(prefix.reach, is_reaching);
    if (concern == Concern::exposed) {
      ++exposed;
      if (first_exposed.empty()) first_exposed = prefix.prefix.text();
    } else if (concern == Concern::differs && (!prefix.agrees || prefix.trouble)) {
      ++differing;
    } else if (concern == Concern::unknown) {
      ++unknown;
    } else if (prefix.desired == Desired::degraded) {
      ++degraded;
    } else if (prefix.desired == Desired::withdrawn) {
      ++(prefix.reason == Reason::health    ? sick
         : prefix.reason == Reason::drain   ? drained
         : prefix.reason == Reason::damping ? damped
                                            : other);
    }
    held += prefix.reason == Reason::minimum;
    held_by_fleet += prefix.reason == Reason::fleet;
  }
};

}  // namespace

Concern concern_about(const core::PrefixReport& prefix, const core::Report& report) {
  if (prefix.desired == Desired::withdrawn && prefix.in_table.value_or(false)) {
    return Concern::exposed;
  }
  if (prefix.desired == Desired::as_it_is || (!prefix.in_table && !report.bgpd_gone)) {
    return Concern::unknown;
  }
  if (!prefix.fine() || prefix.trouble) return Concern::differs;
  switch (prefix.reason) {
    case Reason::drain:
      return Concern::drained;
    case Reason::damping:
      return Concern::damped;
    case Reason::minimum:
    case Reason::fleet:
      return Concern::sick;
    case Reason::start:
    case Reason::exit:
      return Concern::unknown;
    case Reason::health:
      break;
  }
  return prefix.desired == Desired::announced ? Concern::none : Concern::sick;
}

std::optional<std::string> obstacle_of(const core::PrefixReport& prefix) {
  if (prefix.agrees && !prefix.reach.empty()) {
    const auto fault = std::ranges::find_if(prefix.reach, &core::Reach::fault);
    return "it " + (fault == prefix.reach.end() ? prefix.reach.front() : *fault).text;
  }
  if (prefix.trouble) return "it " + *prefix.trouble;
  if (prefix.configured == false && prefix.in_table == true) {
    return "it is in the table without a network statement (redistribute, aggregate-address?)";
  }
  if (prefix.configured == true && prefix.in_table == false) {
    return "it has a network statement, but is not in the table (not in the RIB while `bgp network "
           "import-check` is on, or denied by its route-map)";
  }
  return std::nullopt;
}

std::string_view name(Grade grade) {
  switch (grade) {
    case Grade::fine:
      return "fine";
    case Grade::notable:
      return "notable";
    case Grade::bad:
      break;
  }
  return "bad";
}

void Verdict::say(const std::string& sentence) {
  if (text.empty()) {
    text = sentence;
  } else if (!sentence.empty()) {
    more += (more.empty() ? "" : " ") + sentence;
  }
}

Verdict verdict_on(const core::Report& report) {
  if (report.mode == core::Mode::hard) return hard_verdict(report);
  const PrefixCounts counts(report);
  if (report.failing) {
    Verdict verdict{.grade = Grade::bad, .text = "", .more = ""};
    if (!report.failing_why.empty() || counts.contested == 0) {
      verdict.say("A sick prefix is still announced, and withdrawd may do no more about it" +
                  (counts.first_exposed.empty() ? "." : ": " + counts.first_exposed + "."));
    }
    if (counts.contested > 0) {
      verdict.say(
          fmt::format("Somebody else changes {}{} back again and again: see who, and end "
                      "it.",
                      counts.first_contested, counts.contested > 1 ? " and others" : ""));
    }
    verdict.say(down_checks(report));
    return verdict;
  }
  if (Verdict bgpd = bgpd_verdict(report); !bgpd.text.empty()) return bgpd;

  const std::size_t all = report.prefixes.size();
  Verdict verdict;
  if (counts.exposed > 0) {
    verdict.say(fmt::format("{} prefix{} {} announced and should not be: {}{}.", counts.exposed,
                            counts.exposed == 1 ? "" : "es", are(counts.exposed),
                            counts.first_exposed, counts.exposed > 1 ? " and others" : ""));
  }
  if (const auto withdrawn = counts.withdrawn(); withdrawn > 0) {
    verdict.say(fmt::format("{} of {} prefix{} {} withdrawn: {}.", withdrawn, all,
                            all == 1 ? "" : "es", are(withdrawn), counts.reasons()));
  }
  const auto say_count = [&verdict](std::size_t count, std::string_view what) {
    if (count > 0) verdict.say(fmt::format("{} {} {}.", count, are(count), what));
  };
  say_count(counts.differing, "not as wanted");
  say_count(counts.reaching, "withdrawn, and reached through this host all the same");
  say_count(counts.unheard, "advertised to no peer");
  say_count(counts.degraded, "degraded");
  say_count(counts.held, "kept only by min_announced");
  say_count(counts.held_by_fleet, "kept only by the fleet");
  say_count(counts.unknown, "not known yet");
  if (verdict.text.empty()) {
    verdict.say(all == 0   ? "There are no prefixes."
                : all == 1 ? "The one prefix is announced."
                           : fmt::format("All {} prefixes are announced.", all));
  } else {
    const bool bad = counts.held > 0 || counts.held_by_fleet > 0 ||
                     std::ranges::any_of(report.prefixes, [&](const core::PrefixReport& prefix) {
                       return concern_about(prefix, report) <= Concern::sick;
                     });
    verdict.grade = bad ? Grade::bad : Grade::notable;
  }
  if (report.fleet && !report.fleet->name_contested_by.empty()) {
    verdict.grade = Grade::bad;
    verdict.say(fmt::format("Another host ({}) uses the site name {}, too.",
                            report.fleet->name_contested_by, report.fleet->site));
  }
  verdict.say(down_checks(report));
  return verdict;
}

}  // namespace withdrawd::daemon
