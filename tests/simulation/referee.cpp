#include "referee.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::simulation {

using core::Change;
using core::Duration;
using core::Health;
using core::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// With nobody in the way: from the verdict to the withdrawal, or from the end of a trouble to the
/// next try and its success.
constexpr Duration quick = milliseconds(1500);
/// How long what comes back is not noticed.
constexpr Duration watchful = milliseconds(800);
/// The longest that killing, finding, restarting and one more reading take together.
constexpr Duration slow = seconds(6);

}  // namespace

Referee::Referee(const Setting& setting, BgpdModel& bgpd, Time now)
    : setting_(setting),
      bgpd_(bgpd),
      checks_(setting.settings.checks.size()),
      slots_(setting.slots.size()),
      calm_since_(now) {}

void Referee::complain(Time now, std::string text) {
  if (!violation_) violation_ = {now, std::move(text)};
}

std::string Referee::text(std::size_t slot) const {
  return fmt::format("{} of {}", setting_.slots[slot].prefix.text(),
                     setting_.settings.rules[setting_.slots[slot].rule].name);
}

void Referee::born(const std::optional<Knowledge>& from, Time now) {
  alive_ = true;
  born_ = now;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    checks_[i] = {.count = from ? from->counts[i] : Count{}};
    checks_[i].asked_at = now;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].health = slots_[i].verdict = Health::unknown;
    slots_[i].health_since = slots_[i].verdict_since = now;
    slots_[i].drain = from ? from->drains[i] : std::nullopt;
    judge(i, now);
    slots_[i].options = from ? from->options[i] : std::nullopt;
    slots_[i].options_uncertain = false;
  }
  all_ = Health::unknown;
  seen_changes_.reset();
  has_looked_ = false;
  may_have_missed_ = false;
  told_.clear();
  settles_until_ = now;
  stopped_at_ = restarted_at_ = killed_at_ = Time{};
  blinded(now);
  disturbed(now);
}

void Referee::died(Time now) {
  alive_ = false;
  disturbed(now);
}

Referee::Knowledge Referee::knowledge() const {
  Knowledge knowledge;
  for (const CheckState& check : checks_) knowledge.counts.push_back(check.count);
  for (const SlotState& slot : slots_) {
    // Options that are none need not be remembered.
    knowledge.options.push_back(slot.options);
    knowledge.drains.push_back(slot.drain);
  }
  return knowledge;
}

void Referee::answered(std::size_t index, const core::Outcome& outcome, Time now) {
  CheckState& check = checks_[index];
  check.being_asked = false;
  check.asked_in_this_life = true;
  Count& count = check.count;
  const bool good = outcome.kind == core::OutcomeKind::ok;
  if (good != count.good) count.run = 0;
  count.good = good;
  ++count.run;
  const core::HealthPolicy& policy = setting_.settings.checks[index].policy;
  if (good && count.run >= policy.rise) count.health = Health::up;
  if (!good && count.run >= policy.fall) count.health = Health::down;

  for (std::size_t i = 0; i < slots_.size(); ++i) judge(i, now);
  if (const Health all = verdict_on_all(); all != all_) {
    all_ = all;
    all_since_ = now;
  }
}

void Referee::drained(std::size_t slot, const std::optional<Drained>& drain, Time now) {
  slots_[slot].drain = drain;
  judge(slot, now);
}

void Referee::judge(std::size_t index, Time now) {
  SlotState& slot = slots_[index];
  const Health health = verdict(setting_.settings.rules[setting_.slots[index].rule]);
  if (health != slot.health) {
    slot.health = health;
    slot.health_since = now;
  }
  if (slot.drain && slot.drain->until && now >= *slot.drain->until) slot.drain.reset();
  const Health verdict_now = slot.drain ? Health::down : health;
  if (verdict_now == slot.verdict) return;
  slot.verdict = verdict_now;
  slot.verdict_since = now;
  slot.wrong = false;
}

Health Referee::verdict(const core::Rule& rule) const {
  bool unknown = false;
  for (const std::size_t index : rule.checks) {
    const CheckState& check = checks_[index];
    if (!check.asked_in_this_life || check.count.health == Health::unknown) {
      unknown = true;
    } else if (check.count.health == Health::down) {
      return Health::down;
    }
  }
  return unknown ? Health::unknown : Health::up;
}

Health Referee::verdict_on_all() const {
  core::Rule every{.name = {}, .prefixes = {}, .checks = {}, .instance = {}, .route_map = {}};
  for (std::size_t i = 0; i < checks_.size(); ++i) every.checks.push_back(i);
  return verdict(every);
}

bool Referee::any_wanted() const {
  return std::ranges::any_of(slots_,
                             [](const SlotState& slot) { return slot.verdict == Health::up; });
}

void Referee::has_seen(const core::RunningConfig& config, unsigned foreign_changes) {
  seen_changes_ = foreign_changes;
  has_looked_ = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto& networks = config.instances[setting_.slots[i].place].networks;
    if (const auto there = networks.find(setting_.slots[i].prefix); there != networks.end()) {
      slots_[i].options = there->second;
      slots_[i].options_uncertain = may_have_missed_;
    }
  }
  may_have_missed_ = false;
}

std::optional<core::NetworkOptions> Referee::wanted_options(std::size_t slot) const {
  if (slots_[slot].options_uncertain) return std::nullopt;
  auto options = slots_[slot].options.value_or(core::NetworkOptions{});
  const core::Rule& rule = setting_.settings.rules[setting_.slots[slot].rule];
  if (rule.route_map) options.route_map = rule.route_map;
  return options;
}

void Referee::asks(std::size_t index, Time now) {
  CheckState& check = checks_[index];
  if (check.being_asked) complain(now, "a check is asked while it is being asked");
  check.being_asked = true;
  check.asked_at = now;
  if (setting_.settings.mode == core::Mode::hard && now < settles_until_) {
    complain(now, "DNS is asked while bgpd settles");
  }
}

void Referee::sends(const core::Plan& plan, Time now) {
  if (plan.empty()) complain(now, "an empty plan is sent");
  for (const Change& change : plan.changes) {
    bool ours = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& slot = setting_.slots[i];
      const core::Instance& instance = setting_.file.instances[slot.place];
      if (slot.prefix != change.prefix || instance.key != change.instance) continue;
      ours = true;
      const Health needed = change.verb == Change::Verb::withdraw ? Health::down : Health::up;
      if (slots_[i].verdict != needed) {
        complain(now, fmt::format("\"{}\" is sent although {} is {}", change.statement(), text(i),
                                  core::name(slots_[i].verdict)));
      }
    }
    if (!ours) {
      complain(now, fmt::format("\"{}\" is sent, which no rule is about", change.statement()));
    }
  }
}

void Referee::typed(const BgpdModel::Session::Statement& statement, bool late, Time now) {
  if (late || !statement.taken) return;
  // What nobody else has changed since it was read needs no statement to stay as it is.
  const bool no_op = statement.wanted == statement.before;
  if (no_op && seen_changes_ == bgpd_.foreign_changes()) {
    complain(now, fmt::format("a statement about {} is sent that changes nothing",
                              statement.prefix.text()));
  }
  if (!statement.wanted) return;
  const auto& route_map = statement.wanted->route_map;
  if (route_map && !bgpd_.config().route_maps.contains(route_map->text()) &&
      seen_changes_ == bgpd_.foreign_changes()) {
    complain(now, fmt::format("{} is announced with a route-map that bgpd does not have",
                              statement.prefix.text()));
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = setting_.slots[i];
    if (slot.prefix != statement.prefix || slot.place != statement.place) continue;
    if (const auto wanted = wanted_options(i); wanted && *statement.wanted != *wanted) {
      complain(now, fmt::format("{} comes back as \"network ...{}\" and had \"network ...{}\"",
                                text(i), statement.wanted->text(), wanted->text()));
    }
  }
}

void Referee::stops(Time now) {
  if (setting_.settings.mode == core::Mode::hard) {
    if (all_ != Health::down) complain(now, "bgpd is killed although DNS does not fail");
    return;
  }
  const Duration after = setting_.settings.fallback.after;
  const bool long_sick = std::ranges::any_of(slots_, [&](const SlotState& slot) {
    const auto index = static_cast<std::size_t>(&slot - slots_.data());
    return setting_.settings.rules[setting_.slots[index].rule].may_fall_back &&
           slot.health == Health::down && now - slot.health_since >= after;
  });
  if (!long_sick) {
    complain(now, "bgpd is killed although no prefix that allows it was sick for fallback.after");
  }
  if (now - calm_since_ > quick) {
    complain(now, "bgpd is killed although the soft path works");
  }
  // In somebody's configuration mode, say: what he withdraws by hand needs no kill.
  const bool announced = std::ranges::any_of(slots_, [&](const SlotState& slot) {
    return slot.health == Health::down && (slot.announced || now - slot.announced_since < quick);
  });
  if (!announced && now - sees_since_ > quick) {
    complain(now, "bgpd is killed although no sick prefix is announced, as can be seen");
  }
  if (now - stopped_at_ < milliseconds(900)) {
    complain(now, "bgpd is killed again and again");
  }
  stopped_at_ = now;
}

void Referee::owes_restart(bool owes, Time now) {
  if (!owes || !any_wanted()) {
    owes_since_ = now;
  } else if (now - owes_since_ > setting_.settings.fallback.restart_delay_max + seconds(40)) {
    complain(now, "bgpd is wanted, and is not started again after the kill");
  }
}

void Referee::finds(Time now) {
  has_looked_ = true;
  if (setting_.settings.mode == core::Mode::hard && now < settles_until_) {
    complain(now, "bgpd is looked for while it settles");
  }
}

void Referee::operates(Time now) {
  if (now - operations_from_ > seconds(10)) {
    operations_from_ = now;
    operations_ = 0;
  }
  if (++operations_ > 150) complain(now, "bgpd is asked without end");
}

void Referee::restarts(Time now) {
  if (setting_.settings.mode == core::Mode::hard) {
    if (all_ != Health::up) complain(now, "bgpd is restarted although DNS fails");
    return;
  }
  if (now - restarted_at_ < seconds(1)) complain(now, "bgpd is restarted again and again");
  restarted_at_ = now;
  if (now - killed_at_ < setting_.settings.fallback.restart_delay) {
    complain(now, "bgpd is restarted too soon after it was killed");
  }
  if (!has_looked_) complain(now, "bgpd is restarted without a look whether it runs");
  if (!any_wanted()) complain(now, "bgpd is restarted although no prefix is wanted");
  // Whoever starts it in the same moment has won a race; later than that it must be noticed.
  look(now);
  if (runs_ && now - std::max(runs_since_, calm_since_) > quick) {
    complain(now, "a bgpd that runs is restarted");
  }
}

void Referee::tells(const core::Tell& line, Time now) {
  if (setting_.settings.mode == core::Mode::hard || line.severity < core::Severity::error) return;
  // A kill is news each time, and what a rule has to say is told once a verdict.
  if (line.text.starts_with("bgpd (pid") || line.text.starts_with("rule ")) return;
  const auto [told, first] = told_.emplace(line.text, now);
  if (first) return;
  if (now - told->second < seconds(60)) {
    complain(now, fmt::format("within a minute it says again \"{}\"", line.text));
  }
  told->second = now;
}

void Referee::look(Time now) {
  if (bgpd_.foreign_changes() != edits_) {
    edits_ = bgpd_.foreign_changes();
    edited_at_ = now;
  }
  if (bgpd_.running() != runs_) {
    runs_ = bgpd_.running();
    runs_since_ = now;
    if (runs_) stopped_at_ = killed_at_ = Time{};
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    SlotState& slot = slots_[i];
    const Slot& where = setting_.slots[i];
    if (slot.drain && alive_) judge(i, now);
    const bool announced = bgpd_.announces(where.place, where.prefix, now);
    if (announced != slot.announced) {
      slot.announced = announced;
      slot.announced_since = now;
    }
    if (!bgpd_.running() || !bgpd_.wants_to_announce(where.place, where.prefix)) {
      slot.last_unwanted = now;
    }
    if (slot.verdict != Health::up) continue;
    bool wrong = runs_ && !announced;
    if (announced && runs_) {
      const auto& networks = bgpd_.config().instances[where.place].networks;
      const auto there = networks.find(where.prefix);
      const core::Rule& of = setting_.settings.rules[where.rule];
      wrong = there == networks.end() || (of.route_map && there->second.route_map != of.route_map);
    }
    if (wrong != slot.wrong) {
      slot.wrong = wrong;
      slot.wrong_since = now;
    }
  }
}

void Referee::check_clock(Time now) {
  if (now != last_now_) {
    last_now_ = now;
    steps_now_ = 0;
  } else if (++steps_now_ > 200) {
    complain(now, "it runs in circles: two hundred steps without time passing");
  }
}

void Referee::check(const core::Controller& controller, Time now) {
  look(now);
  const core::Settings& settings = setting_.settings;
  const bool hard = settings.mode == core::Mode::hard;

  // No check starves.
  for (std::size_t i = 0; i < checks_.size() && !hard; ++i) {
    const core::Check& check = settings.checks[i];
    const Time from = std::max(checks_[i].asked_at, calm_since_);
    if (now - from > check.policy.interval + std::get<core::DnsQuestion>(check.probe).timeout +
                         milliseconds(100)) {
      complain(now, fmt::format("{} is not asked any longer", check.name));
    }
  }
  if (hard) {
    const Time from = std::max({all_since_, runs_since_, calm_since_, settles_until_});
    const bool wrong = (all_ == Health::down && runs_) || (all_ == Health::up && !runs_);
    if (wrong && now - from > slow) {
      complain(now, runs_ ? "DNS fails and bgpd runs on" : "DNS is ok and nobody starts bgpd");
    }
    return;
  }

  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const SlotState& slot = slots_[i];
    if (slot.verdict == Health::down && slot.announced) {
      const Time exposed = std::max(slot.verdict_since, slot.announced_since);
      // Whether there was trouble or not: in the end it is gone, or somebody has been told.
      const Duration patience = settings.fallback.after + watchful + 2 * setting_.patience + slow;
      const Slot& where = setting_.slots[i];
      // Nobody can know what came back a moment before bgpd froze.
      if (bgpd_.frozen() && seen_changes_ != bgpd_.foreign_changes()) deprived(now);
      if (slot.health == Health::down &&
          now - std::max(
                    {exposed, slot.health_since, slot.last_unwanted, born_, unknowable_until_}) >
              patience &&
          !controller.busy() && bgpd_.wants_to_announce(where.place, where.prefix) &&
          !controller.report(now).failing) {
        complain(now,
                 fmt::format("{} is sick and still announced, and nobody has been told", text(i)));
      }
      // Without trouble it is gone at once, or when bgpd is read the next time, which is soon.
      const bool came_back = std::max(slot.announced_since, edited_at_) > slot.verdict_since;
      const Duration limit = came_back ? watchful + quick : quick;
      if (now - std::max({exposed, calm_since_, came_back ? edited_at_ : exposed}) > limit) {
        complain(now, fmt::format("{} is {} and still announced, and nothing stands in the way",
                                  text(i), slot.drain ? "drained" : "sick"));
      }
    }
    if (slot.verdict == Health::up && slot.wrong) {
      const Time from = std::max({slot.wrong_since, slot.verdict_since, calm_since_});
      if (now - from > 2 * settings.reconcile_interval + quick) {
        complain(now, fmt::format("{} is healthy, and not announced as it should be", text(i)));
      }
    }
  }
}

bool Referee::settled(const core::Controller& controller, Time now, std::string* why) {
  look(now);
  std::string reason;
  if (!controller.at_rest()) reason = "withdrawd is not at rest";
  if (setting_.settings.mode == core::Mode::hard) {
    if (runs_ != (all_ == Health::up)) reason = "bgpd runs or not, against DNS";
  } else {
    if (!runs_ && any_wanted()) reason = "bgpd does not run, and is wanted";
    for (std::size_t i = 0; i < slots_.size() && runs_; ++i) {
      const Slot& where = setting_.slots[i];
      const auto& networks = bgpd_.config().instances[where.place].networks;
      const auto there = networks.find(where.prefix);
      const bool up = slots_[i].verdict == Health::up;
      if (up != (there != networks.end()) || up != slots_[i].announced) {
        reason = fmt::format("{} is {} and {}, {}", text(i), core::name(slots_[i].verdict),
                             there != networks.end() ? "configured" : "not configured",
                             slots_[i].announced ? "announced" : "not announced");
      } else if (up) {
        const auto wanted = wanted_options(i);
        if (wanted && there->second != *wanted) {
          reason = fmt::format("{} has the wrong options", text(i));
        }
      }
    }
  }
  if (why) *why = reason;
  return reason.empty();
}

}  // namespace withdrawd::simulation
