#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/doctor_fleet.hpp"
#include "core/fleet_guard.hpp"
#include "core/listed.hpp"
#include "core/outcome.hpp"

namespace withdrawd::cli {
namespace {

using Verdict = Finding::Verdict;

/// A certificate that ends sooner is worth a word.
constexpr std::int64_t soon = std::int64_t{14} * 86400;

std::string listed(const std::set<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& name : names) all.push_back(core::printable(name, 64));
  return core::listed(all, 5);
}

std::string_view sites(std::size_t count) {
  return count == 1 ? "site" : "sites";
}

class FleetJudge {
 public:
  FleetJudge(const config::Config& config, const FleetFacts& facts, bool acts)
      : config_(config), fleet_(*config.settings.fleet), facts_(facts), acts_(acts) {}

  std::vector<Finding> all() {
    proof();
    if (!facts_.proof) {
      for (const auto& endpoint : facts_.endpoints) judge(endpoint);
    }
    name();
    if (facts_.view) {
      company();
      own_record();
      for (const auto& rule : config_.settings.rules) {
        for (const auto& prefix : rule.prefixes) floor(rule, prefix);
      }
    }
    return std::move(findings_);
  }

 private:
  Finding& add(Verdict verdict, std::string subject, std::string text, std::string cure = "") {
    findings_.push_back(
        {verdict, "fleet", std::move(subject), std::move(text), std::move(cure), false});
    return findings_.back();
  }

  std::string group() const { return "group " + fleet_.group; }

  // This site, and the way to etcd.

  void proof() {
    if (facts_.proof) {
      const bool hidden = !acts_ && facts_.proof->code == core::Error::Code::private_file;
      add(hidden ? Verdict::unseen : Verdict::wrong, group(),
          facts_.proof->tried + ": " + facts_.proof->happened, facts_.proof->advice);
    }
    if (!facts_.certificate) return;
    const auto file = core::printable(config_.fleet.cert.string());
    const auto trouble = facts_.certificate->trouble(facts_.now);
    const std::string renew = "put a new one there, and its key: no reload is needed";
    if (!trouble.empty()) {
      add(Verdict::wrong, file, "this site's certificate " + trouble + ": etcd refuses it", renew);
    } else if (facts_.certificate->until - facts_.now < soon) {
      add(Verdict::note, file, "this site's certificate ends soon, " + ends(*facts_.certificate),
          renew);
    } else {
      add(Verdict::ok, file,
          "this site's certificate is good until " + fleet::date_text(facts_.certificate->until));
    }
  }

  std::string ends(const fleet::Validity& validity) const {
    return fmt::format("on {}: in {}", fleet::date_text(validity.until),
                       core::describe(std::chrono::seconds(validity.until - facts_.now)));
  }

  void judge(const FleetFacts::Endpoint& endpoint) {
    if (const auto& problem = endpoint.problem) {
      auto& finding = add(
          Verdict::wrong, endpoint.text,
          problem->tried.empty() ? problem->happened : problem->tried + ": " + problem->happened,
          problem->advice);
      if (problem->code == core::Error::Code::not_permitted) {
        finding.cure = fmt::format(
            "etcdctl role grant-permission --prefix=true ROLE readwrite /withdrawd/1/{}/ (a role "
            "of "
            "user {})",
            fleet_.group, core::printable(config_.fleet.user, 60));
      }
      return;
    }
    add(Verdict::ok, endpoint.text, "etcd answers, in " + core::describe(endpoint.took));
    if (endpoint.certificate && endpoint.certificate->until - facts_.now < soon) {
      add(Verdict::note, endpoint.text, "its certificate ends soon, " + ends(*endpoint.certificate),
          "renew it there");
    }
  }

  void name() {
    if (facts_.contested_by.empty()) return;
    add(Verdict::wrong, "site " + fleet_.site,
        fmt::format("another host ({}) uses the same name: the others count both as one site",
                    facts_.contested_by),
        "set another site in [fleet] of one of them, and `withdrawd reload` there");
  }

  // The others.

  void company() {
    std::set<std::string> silent = facts_.view->silent();
    std::set<std::string> others = facts_.view->heard();
    others.insert(silent.begin(), silent.end());
    others.erase(fleet_.site);
    silent.erase(fleet_.site);
    if (!silent.empty()) {
      add(Verdict::note, group(),
          fmt::format("{} {} of it {} silent: {}", silent.size(), sites(silent.size()),
                      silent.size() == 1 ? "is" : "are", listed(silent)),
          "who is gone for good: etcdctl del /withdrawd/1/" + fleet_.group + "/site/SITE");
    }
    std::set<std::string> groups(facts_.groups.begin(), facts_.groups.end());
    groups.erase(fleet_.group);
    if (others.empty() && !groups.empty()) {
      add(Verdict::note, group(),
          fmt::format("no other site has ever been in it; the store has others: {}",
                      listed(groups)),
          "unless it is new: correct group in [fleet]");
    }
  }

  bool is_told(const std::string& place) const {
    return std::ranges::any_of(facts_.view->entries, [&](const core::FleetSites::Entry& entry) {
      return entry.place == place && entry.site == fleet_.site;
    });
  }

  void own_record() {
    std::size_t all = 0, told = 0;
    std::string missing;
    for (const auto& rule : config_.settings.rules) {
      for (const auto& prefix : rule.prefixes) {
        const auto place = core::FleetGuard::place_name(rule, prefix);
        ++all;
        if (is_told(place)) {
          ++told;
        } else if (missing.empty()) {
          missing = place;
        }
      }
    }
    const auto subject = "site " + fleet_.site;
    if (told == all) {
      add(Verdict::ok, subject,
          fmt::format("its lease lives; the others know of {} of {} prefixes", told, all));
    } else if (!facts_.running) {
      add(Verdict::note, subject,
          "it does not count: no withdrawd answers here that is in the fleet");
    } else {
      add(Verdict::wrong, subject,
          fmt::format("withdrawd runs, but the others do not know where it stands with {}{}",
                      missing, all - told > 1 ? fmt::format(" and {} more", all - told - 1) : ""),
          "see `withdrawd status` and the lines about the fleet in its log");
    }
  }

  void floor(const core::Rule& rule, const core::Prefix& prefix) {
    const auto floor = rule.keep_announcing.value_or(fleet_.keep_announcing);
    if (floor.least == 0) return;
    const auto place = core::FleetGuard::place_name(rule, prefix);
    std::set<std::string> live, up;
    for (const auto& entry : facts_.view->entries) {
      if (entry.place != place) continue;
      live.insert(entry.site);
      if (entry.said.state == core::PlaceState::up) up.insert(entry.site);
    }
    live.insert(fleet_.site);
    const std::size_t needed = floor.needed(live.size());
    live.erase(fleet_.site);
    up.erase(fleet_.site);
    const auto others =
        fmt::format("{} other {} of it {} live, and keep_announcing = {} wants {}", live.size(),
                    sites(live.size()), live.size() == 1 ? "is" : "are", floor.text(), needed);
    if (live.size() < needed) {
      add(Verdict::wrong, place,
          others + ": no automatic withdrawal of it will ever be given leave",
          "start withdrawd at more sites, or lower keep_announcing");
    } else if (up.size() < needed) {
      add(Verdict::note, place,
          fmt::format("{}, but only {} healthy: it would stay announced now, however sick", others,
                      up.size()));
    } else {
      add(Verdict::ok, place, fmt::format("{}; {} healthy", others, up.size()));
    }
  }

  const config::Config& config_;
  const core::Fleet& fleet_;
  const FleetFacts& facts_;
  bool acts_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge_fleet(const config::Config& config, const FleetFacts& facts, bool acts) {
  return FleetJudge(config, facts, acts).all();
}

}  // namespace withdrawd::cli
