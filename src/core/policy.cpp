#include "core/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace withdrawd::core {
namespace {

LogContext about(const Rule& rule, const Prefix& prefix, std::string topic) {
  return {.rule = rule.name, .prefix = prefix.text(), .topic = std::move(topic)};
}

using Reason = DesiredState::Reason;

/// The penalty stops growing where it takes two half-lives to decay.
double ceiling(const Damping& damping) {
  return std::max(damping.suppress, 4 * damping.reuse);
}

double decayed(const Flaps& flaps, const Damping& damping, Time now) {
  const double half_lives = std::chrono::duration<double>(now - flaps.at) / damping.half_life;
  return flaps.penalty * std::exp2(-std::max(half_lives, 0.0));
}

/// A penalty that has shrunk to this is forgotten.
constexpr double negligible = Damping::penalty / 10;

std::string quoted_reason(const Drain& drain) {
  return drain.why.empty() ? "" : fmt::format(" (\"{}\")", drain.why);
}

bool goes_down(Desired before, Desired after) {
  return before == Desired::announced &&
         (after == Desired::withdrawn || after == Desired::degraded);
}

/// By its group's minimum.
bool is_held(const DesiredState& wanted) {
  return wanted.reason == Reason::minimum && wanted.desired != Desired::as_it_is;
}

std::string list_of(const std::vector<PrefixKey>& prefixes) {
  if (prefixes.empty()) return "nothing";
  std::string text = prefixes.front().second.text();
  if (prefixes.size() > 1) text += fmt::format(" and {} more", prefixes.size() - 1);
  return text;
}

Note note(Note::Kind kind, const Rule& rule, const Prefix& prefix, std::string cause,
          std::string by) {
  Note note;
  note.kind = kind;
  note.rule = rule.name;
  note.prefix = prefix;
  note.cause = std::move(cause);
  note.by = std::move(by);
  return note;
}

}  // namespace

Time reuse_time(const Flaps& flaps, const Damping& damping) {
  if (flaps.penalty <= damping.reuse) return flaps.at;
  const double half_lives = std::log2(flaps.penalty / damping.reuse);
  return flaps.at + std::chrono::duration_cast<Duration>(half_lives * damping.half_life);
}

Policy::Policy(const Settings& settings, const CheckSchedule& checks, const Memory& memory)
    : settings_(settings),
      checks_(checks),
      guard_(settings),
      dependents_(checks.size()),
      members_(settings.groups.size()),
      verdicts_(checks.size(), Health::unknown),
      near_down_(checks.size(), 0),
      dirty_(settings.rules.size(), 1) {
  const auto recall = [](auto& to, const auto& map, const PrefixKey& key) {
    if (auto it = map.find(key); it != map.end()) to = it->second;
  };
  for (std::size_t r = 0; r < settings.rules.size(); ++r) {
    const Rule& rule = settings.rules[r];
    first_item_.push_back(items_.size());
    for (const Prefix& prefix : rule.prefixes) {
      Item item{.rule = r, .prefix = prefix};
      const PrefixKey named = key(rule, item);
      recall(item.drain, memory.drains, named);
      if (!rule.switches.empty()) recall(item.switched, memory.switched, named);
      if (rule.damping.on) recall(item.flaps, memory.flaps, named);
      // The file's may be larger than this configuration allows.
      if (item.flaps) item.flaps->penalty = std::min(item.flaps->penalty, ceiling(rule.damping));
      recall(item.earlier, memory.since, named);
      items_.push_back(std::move(item));
    }
    for (std::size_t check : rule.checks) dependents_[check].push_back(r);
    for (std::size_t check : rule.switches) dependents_[check].push_back(r);
    if (rule.group) members_[*rule.group].push_back(r);
  }
  first_item_.push_back(items_.size());
}

void Policy::answered(std::size_t check) {
  const Health verdict = checks_.verdict(check);
  if (verdict == verdicts_[check]) return;
  verdicts_[check] = verdict;
  for (std::size_t rule : dependents_[check]) dirty_[rule] = 1;
  any_dirty_ = true;
}

void Policy::mark_all() {
  std::ranges::fill(dirty_, 1);
  any_dirty_ = true;
}

void Policy::bgpd_seen() {
  if (guard_.on()) mark_all();
  for (std::size_t group = 0; group < members_.size(); ++group) {
    if (settings_.groups[group].min_announced == 0) continue;
    for (std::size_t rule : members_[group]) dirty_[rule] = 1;
    any_dirty_ = true;
  }
}

void Policy::retire() {
  retired_ = true;
  mark_all();
}

void Policy::on(const LeaveAnswered& answer, Time now) {
  if (!guard_.on() || !guard_.on_event(answer, now)) return;
  dirty_[items_[answer.prefix].rule] = 1;
  any_dirty_ = true;
}

void Policy::on(const FleetReached& reached, Time now, Effects& effects) {
  if (!guard_.on()) return;
  const bool turns = !guard_.reached() || guard_.reached()->reached != reached.reached;
  if (guard_.on_event(reached, now)) mark_all();
  // While it is away each reason is told once: the first may be that it was being restarted.
  if (turns) reasons_told_.clear();
  constexpr std::size_t enough = 10;
  if (reasons_told_.size() >= enough || !reasons_told_.insert(reached.detail).second) return;
  if (reached.reached && !turns) return;
  effects.push_back(
      LogLine{reached.reached ? Severity::info : Severity::error,
              fmt::format("fleet \"{}\": the store {} ({})", settings_.fleet->group,
                          reached.reached ? "answers" : "cannot be reached", reached.detail)});
}

void Policy::on(const FleetChanged& changed) {
  if (guard_.on() && guard_.on_event(changed)) mark_all();
}

void Policy::on(const FleetNameContested& contested, Effects& effects) {
  const bool was = !guard_.name_contested_by().empty();
  if (!guard_.on() || !guard_.on_event(contested)) return;
  const Fleet& fleet = *settings_.fleet;
  if (contested.by.empty()) {
    effects.push_back(LogLine{Severity::info, fmt::format("fleet \"{}\": nobody else uses the site "
                                                          "name \"{}\" any more",
                                                          fleet.group, fleet.site)});
  } else if (!was) {
    effects.push_back(LogLine{
        Severity::critical,
        fmt::format("fleet \"{}\": another host ({}) uses the site name \"{}\", too: the others "
                    "count both as one site; set another site in [fleet] of one of them",
                    fleet.group, contested.by, fleet.site)});
  }
}

void Policy::bgpd_gone(bool gone) {
  if (guard_.on() && guard_.bgpd_gone(gone)) mark_all();
}

void Policy::kill_near(bool near) {
  if (guard_.on() && guard_.kill_near(near)) mark_all();
}

void Policy::look_for_near_down(Time now) {
  for (std::size_t check = 0; check < near_down_.size(); ++check) {
    const char near = checks_.near_down(check, now) ? 1 : 0;
    if (std::exchange(near_down_[check], near) == near) continue;
    for (const std::size_t rule : dependents_[check]) dirty_[rule] = 1;
    any_dirty_ = true;
  }
}

/// Would the rule be down, were each check so that one more bad outcome takes down?
bool Policy::near_down(const Rule& rule) const {
  std::size_t down = 0;
  bool one_is_near = false;
  for (const std::size_t check : rule.checks) {
    one_is_near = one_is_near || near_down_[check];
    down += near_down_[check] || checks_.verdict(check) == Health::down;
  }
  const std::size_t required = rule.required == 0 ? rule.checks.size() : rule.required;
  return one_is_near && !rule.on_down && rule.checks.size() - down < required;
}

void Policy::drain(const DrainChanged& change, Time now, Effects& effects) {
  const std::set<PrefixKey> wanted(change.prefixes.begin(), change.prefixes.end());
  std::vector<PrefixKey> changed;
  for (Item& item : items_) {
    const Rule& rule = settings_.rules[item.rule];
    if (!wanted.contains(key(rule, item)) || item.drain == change.drain) continue;
    // Whoever says it again changes why and how long, not when the grace began.
    const std::optional<Time> since = item.drain ? std::optional(item.drain->since) : std::nullopt;
    item.drain = change.drain;
    if (item.drain && since) item.drain->since = std::min(*since, item.drain->since);
    dirty_[item.rule] = 1;
    any_dirty_ = true;
    changed.push_back(key(rule, item));
    effects.push_back(note(change.drain ? Note::Kind::drained : Note::Kind::undrained, rule,
                           item.prefix, change.drain ? change.drain->why : "", change.who));
  }
  if (changed.empty()) return;
  std::string text;
  if (change.drain) {
    const std::string limit =
        change.drain->until ? " for " + describe(*change.drain->until - now) : "";
    text = fmt::format("{} drained by {}{}{}", list_of(changed), change.who, limit,
                       quoted_reason(*change.drain));
  } else {
    text = fmt::format("{} no longer drained, says {}", list_of(changed), change.who);
  }
  effects.push_back(LogLine{Severity::warning, std::move(text)});
}

Health Policy::health(const Rule& rule) const {
  return health(rule, false);
}

Health Policy::health(const Rule& rule, bool also_earlier) const {
  std::size_t up = 0;
  std::size_t down = 0;
  for (std::size_t check : rule.checks) {
    const Health one = also_earlier ? checks_.health(check) : checks_.verdict(check);
    up += one == Health::up;
    down += one == Health::down;
  }
  const std::size_t required = rule.required == 0 ? rule.checks.size() : rule.required;
  if (up >= required) return Health::up;
  return rule.checks.size() - down < required ? Health::down : Health::unknown;
}

void Policy::look_at_switches(const Rule& rule, Item& item, Time now, Effects& effects) {
  std::optional<std::size_t> on;
  bool known = true;
  for (std::size_t check : rule.switches) {
    const Health one = checks_.verdict(check);
    if (one == Health::down && !on) on = check;
    known = known && one != Health::unknown;
  }
  const bool first = &item == &items_[first_item_[item.rule]];
  if (on && !item.switched) {
    item.switched = now;
    const std::string& name = checks_.check(*on).name;
    if (first) {
      effects.push_back(
          LogLine{Severity::warning,
                  fmt::format("rule \"{}\": drained: {}", rule.name, checks_.story(*on)),
                  {.rule = rule.name, .check = name, .topic = "drained"}});
    }
    effects.push_back(note(Note::Kind::drained, rule, item.prefix, checks_.story(*on),
                           fmt::format("check \"{}\"", name)));
  } else if (!on && known && item.switched) {
    item.switched.reset();
    const std::string& name = checks_.check(rule.switches.front()).name;
    if (first) {
      effects.push_back(
          LogLine{Severity::warning,
                  fmt::format("rule \"{}\": no longer drained, says check \"{}\"", rule.name, name),
                  {.rule = rule.name, .check = name, .topic = "undrained"}});
    }
    effects.push_back(
        note(Note::Kind::undrained, rule, item.prefix, "", fmt::format("check \"{}\"", name)));
  }
}

void Policy::look_at_drain(const Rule& rule, Item& item, Time now, Effects& effects) {
  if (!item.drain || !item.drain->until || now < *item.drain->until) return;
  const std::string text = fmt::format("the drain by {} was for {}", item.drain->who,
                                       describe(*item.drain->until - item.drain->since));
  effects.push_back(LogLine{
      Severity::warning,
      fmt::format("rule \"{}\": {} no longer drained: {}", rule.name, item.prefix.text(), text),
      about(rule, item.prefix, "undrained")});
  effects.push_back(note(Note::Kind::undrained, rule, item.prefix, text, "time"));
  item.drain.reset();
}

void Policy::look_at_flaps(const Rule& rule, Item& item, Time now, Effects& effects) {
  if (!item.flaps) return;
  if (item.flaps->suppressed && now >= reuse_time(*item.flaps, rule.damping)) {
    item.flaps->suppressed = false;
    const std::string text = "it has not flapped for long enough";
    effects.push_back(LogLine{
        Severity::info,
        fmt::format("rule \"{}\": {} is no longer damped: {}", rule.name, item.prefix.text(), text),
        about(rule, item.prefix, "undamped")});
    effects.push_back(note(Note::Kind::undamped, rule, item.prefix, text, "withdrawd"));
  }
  if (!item.flaps->suppressed && decayed(*item.flaps, rule.damping, now) < negligible) {
    item.flaps.reset();
  }
}

void Policy::count_flap(const Rule& rule, Item& item, Time now, Effects& effects) {
  const Damping& damping = rule.damping;
  if (!damping.on) return;
  const double before = item.flaps ? decayed(*item.flaps, damping, now) : 0;
  const bool suppressed = item.flaps && item.flaps->suppressed;
  item.flaps = Flaps{std::min(before + Damping::penalty, ceiling(damping)), now, suppressed};
  if (suppressed || item.flaps->penalty < damping.suppress) return;
  item.flaps->suppressed = true;
  const std::string text = fmt::format(
      "flap damping: down too often, so it stays down for at least {} although its checks may be "
      "up",
      describe(reuse_time(*item.flaps, damping) - now));
  effects.push_back(LogLine{Severity::warning,
                            fmt::format("rule \"{}\": {}: {}", rule.name, item.prefix.text(), text),
                            about(rule, item.prefix, "damped")});
  effects.push_back(note(Note::Kind::damped, rule, item.prefix, text, "withdrawd"));
}

std::optional<Time> Policy::drained_since(const Item& item) const {
  if (item.drain && item.switched) return std::min(item.drain->since, *item.switched);
  return item.drain ? std::optional(item.drain->since) : item.switched;
}

std::optional<Time> Policy::grace_ends(const Rule& rule, const Item& item) const {
  const auto since = drained_since(item);
  if (!since || !rule.on_drain || !rule.drain_grace) return std::nullopt;
  return *since + *rule.drain_grace;
}

DesiredState Policy::compute_desired(const Rule& rule, const Item& item, Time now) const {
  if (retired_ && rule.withdraw_on_exit) return {Desired::withdrawn, Reason::exit};
  const Health now_health = health(rule);
  const bool down = now_health == Health::down;
  DesiredState when_down = rule.on_down
                               ? DesiredState{Desired::degraded, Reason::health, rule.on_down}
                               : DesiredState{Desired::withdrawn, Reason::health};
  if (drained_since(item)) {
    const auto end = grace_ends(rule, item);
    const bool gently = rule.on_drain && (!end || now < *end);
    if (!gently) return {Desired::withdrawn, Reason::drain};
    // The sick are withdrawn, drained or not.
    if (down && !rule.on_down) return when_down;
    return {Desired::degraded, Reason::drain, rule.on_drain};
  }
  if (down) return when_down;
  if (now_health == Health::unknown) {
    if (rule.withdraw_at_start && health(rule, true) == Health::unknown) {
      return {Desired::withdrawn, Reason::start};
    }
    return {Desired::as_it_is, Reason::health};
  }
  if (item.flaps && item.flaps->suppressed) {
    return {when_down.desired, Reason::damping, when_down.route_map};
  }
  // A drain that is about to be known of must not be preceded by an announcement.
  const bool switches_known = std::ranges::all_of(rule.switches, [this](std::size_t check) {
    return checks_.verdict(check) != Health::unknown;
  });
  return {switches_known ? Desired::announced : Desired::as_it_is, Reason::health};
}

// What it is where something keeps it from being withdrawn: a drain still makes it as little
// attractive as it may be.
DesiredState Policy::when_kept(const Rule& rule, const Item& item, Reason by) const {
  if (drained_since(item) && rule.on_drain) return {Desired::degraded, by, rule.on_drain};
  const bool damped = item.flaps && item.flaps->suppressed;
  if (rule.on_down && (damped || health(rule) == Health::down)) {
    return {Desired::degraded, by, rule.on_down};
  }
  return {Desired::announced, by};
}

// Who has to stay, so that the group keeps its minimum. `all_wanted` are those of the group's
// prefixes, in their order. What counts is what bgpd announces, not what it is about to: one goes
// when the other is back, not before.
void Policy::keep_minimum(std::size_t group, std::vector<DesiredState>& all_wanted,
                          const Standings& standings) {
  const std::size_t minimum = settings_.groups[group].min_announced;
  if (minimum == 0) return;
  std::size_t kept = 0;
  bool all_known = true;
  struct Candidate {
    std::size_t item;
    DesiredState* wanted;
    Standing standing;
  };
  // Not one without a statement, which may be on its way out of the table: it counts when it is
  // back.
  const auto counts = [](Standing standing) { return standing == Standing::announced; };
  // In the order in which they are kept: the healthy, those that are kept already, the others,
  // those that were to go and have not gone yet.
  std::vector<Candidate> damped, held, others, going;
  auto wanted = all_wanted.begin();
  for (std::size_t rule : members_[group]) {
    for (std::size_t i = first_item_[rule]; i < first_item_[rule + 1]; ++i, ++wanted) {
      const bool by_operator = wanted->reason == Reason::drain || wanted->reason == Reason::exit;
      if (by_operator && wanted->desired == Desired::withdrawn) continue;
      const DesiredState& before = items_[i].wanted;
      const Candidate candidate{i, &*wanted, standings(i)};
      if (candidate.standing == Standing::unknown) all_known = false;
      if (wanted->desired != Desired::withdrawn) {
        kept += counts(candidate.standing);
      } else if (wanted->reason == Reason::damping) {
        damped.push_back(candidate);
      } else if (is_held(before)) {
        held.push_back(candidate);
      } else if (before.desired != Desired::withdrawn) {
        others.push_back(candidate);
      } else {
        going.push_back(candidate);
      }
    }
  }
  for (const auto* candidates : {&damped, &held, &others, &going}) {
    for (const Candidate& candidate : *candidates) {
      if (kept >= minimum) return;
      const DesiredState& before = items_[candidate.item].wanted;
      if (!all_known) {
        // Bgpd is read first; until then nobody moves, also not by a kill.
        *candidate.wanted = before.reason == Reason::minimum
                                ? before
                                : DesiredState{Desired::as_it_is, Reason::minimum};
        continue;
      }
      // What is sick and not announced is not announced for the minimum's sake.
      const bool healthy = candidate.wanted->reason == Reason::damping;
      const bool stated =
          candidate.standing == Standing::announced || candidate.standing == Standing::stated;
      if (!stated && !healthy) continue;
      const Item& item = items_[candidate.item];
      *candidate.wanted = when_kept(settings_.rules[item.rule], item, Reason::minimum);
      kept += counts(candidate.standing);
    }
  }
}

void Policy::tell_minimum(std::size_t index, const DesiredState& before, Effects& effects) const {
  const Item& item = items_[index];
  if (is_held(before) == is_held(item.wanted)) return;
  const Rule& rule = settings_.rules[item.rule];
  const std::string why = cause(index);
  if (is_held(item.wanted)) {
    effects.push_back(LogLine{
        Severity::critical,
        fmt::format("rule \"{}\": {} stays announced: {}", rule.name, item.prefix.text(), why),
        about(rule, item.prefix, "held")});
    effects.push_back(note(Note::Kind::held, rule, item.prefix, why, "withdrawd"));
  } else {
    effects.push_back(
        LogLine{Severity::warning,
                fmt::format("rule \"{}\": {} is no longer kept by min_announced: {} now: {}",
                            rule.name, item.prefix.text(), name(item.wanted.desired), why),
                about(rule, item.prefix, "released")});
    effects.push_back(note(Note::Kind::released, rule, item.prefix, why, "withdrawd"));
  }
}

DesiredState Policy::guarded(std::size_t index, const DesiredState& wanted,
                             const Standings& standings, Time now, Effects& effects) {
  const Item& item = items_[index];
  const Rule& rule = settings_.rules[item.rule];
  const bool announced = is_wanted(item.wanted.desired);
  return guard_.judge(
      index,
      {.wanted = wanted,
       .before = announced ? when_kept(rule, item, item.wanted.reason) : item.wanted,
       .standing = standings(index),
       .health = health(rule),
       .near_down = near_down(rule),
       .drained = drained_since(item).has_value(),
       .forced = item.drain && item.drain->forced},
      now, effects);
}

void Policy::tell_guard(std::size_t index, FleetGuard::Verdict before, Effects& effects) const {
  using Verdict = FleetGuard::Verdict;
  const Verdict now = guard_.verdict(index);
  const DesiredState& wanted = items_[index].wanted;
  if (now == before) return;
  const Rule& rule = settings_.rules[items_[index].rule];
  const Prefix& prefix = items_[index].prefix;
  const bool held = now == Verdict::held && wanted.reason == Reason::fleet;
  const std::string why = cause(index);
  if (held) {
    effects.push_back(LogLine{Severity::critical, fmt::format("rule \"{}\": {} stays announced: {}",
                                                              rule.name, prefix.text(), why)});
    effects.push_back(note(Note::Kind::held, rule, prefix, why, "withdrawd"));
  } else if (before == Verdict::held) {
    effects.push_back(LogLine{
        Severity::warning, fmt::format("rule \"{}\": {} is no longer kept by the fleet: {} now: {}",
                                       rule.name, prefix.text(), name(wanted.desired), why)});
    effects.push_back(note(Note::Kind::released, rule, prefix, why, "withdrawd"));
  }
  if (now == Verdict::without && wanted.desired == Desired::withdrawn) {
    effects.push_back(
        LogLine{Severity::critical,
                fmt::format("rule \"{}\": {} is withdrawn without leave of the fleet, as "
                            "when_unreachable = \"withdraw\": {}",
                            rule.name, prefix.text(), guard_.detail(index))});
  }
}

std::vector<std::size_t> Policy::decide(Time now, const Standings& standings, Effects& effects) {
  std::vector<std::size_t> changed;
  if (next_change_ && now >= *next_change_) mark_all();
  if (guard_.on()) look_for_near_down(now);
  if (!std::exchange(any_dirty_, false)) return changed;
  ++revision_;
  for (const auto& rules : members_) {
    const bool one_is = std::ranges::any_of(rules, [this](std::size_t r) { return dirty_[r]; });
    if (!one_is) continue;
    for (std::size_t rule : rules) dirty_[rule] = 1;
  }
  std::vector<std::vector<DesiredState>> by_group(members_.size());
  std::vector<std::pair<std::size_t, DesiredState>> all_wanted;
  for (std::size_t r = 0; r < dirty_.size(); ++r) {
    if (!dirty_[r]) continue;
    const Rule& rule = settings_.rules[r];
    for (std::size_t i = first_item_[r]; i < first_item_[r + 1]; ++i) {
      Item& item = items_[i];
      look_at_switches(rule, item, now, effects);
      look_at_drain(rule, item, now, effects);
      look_at_flaps(rule, item, now, effects);
      DesiredState wanted = compute_desired(rule, item, now);
      if (rule.group) {
        by_group[*rule.group].push_back(std::move(wanted));
      } else {
        all_wanted.emplace_back(i, std::move(wanted));
      }
    }
  }
  for (std::size_t group = 0; group < members_.size(); ++group) {
    if (by_group[group].empty()) continue;
    keep_minimum(group, by_group[group], standings);
    auto wanted = by_group[group].begin();
    for (std::size_t rule : members_[group]) {
      for (std::size_t i = first_item_[rule]; i < first_item_[rule + 1]; ++i) {
        all_wanted.emplace_back(i, *wanted++);
      }
    }
  }
  std::ranges::fill(dirty_, 0);
  for (auto& [index, wanted] : all_wanted) {
    Item& item = items_[index];
    FleetGuard::Verdict verdict{};
    if (guard_.on()) {
      verdict = guard_.verdict(index);
      wanted = guarded(index, wanted, standings, now, effects);
    }
    if (wanted == item.wanted) {
      if (guard_.on()) tell_guard(index, verdict, effects);
      continue;
    }
    const Rule& rule = settings_.rules[item.rule];
    const DesiredState before = std::exchange(item.wanted, std::move(wanted));
    if (before.desired != item.wanted.desired) {
      const Desired earlier = before.desired == Desired::as_it_is && item.earlier
                                  ? item.earlier->desired
                                  : before.desired;
      if (item.wanted.reason == Reason::health && goes_down(earlier, item.wanted.desired)) {
        count_flap(rule, item, now, effects);
      }
      const Time since = std::exchange(item.since, now);
      if (item.earlier && item.earlier->desired == item.wanted.desired) {
        item.since = std::min(now, item.earlier->since);
      }
      if (item.wanted.desired != Desired::as_it_is) {
        item.earlier.reset();
      } else if (!item.earlier) {
        // Until bgpd has been read, for a minimum: what it was before still counts.
        item.earlier = Memory::Since{before.desired, since};
      }
    }
    tell_minimum(index, before, effects);
    if (guard_.on()) tell_guard(index, verdict, effects);
    changed.push_back(index);
  }
  find_next_change(now);
  return changed;
}

void Policy::find_next_change(Time now) {
  next_change_.reset();
  const auto sooner = [&](std::optional<Time> at) {
    if (at && *at > now && (!next_change_ || *at < *next_change_)) next_change_ = at;
  };
  for (const Item& item : items_) {
    const Rule& rule = settings_.rules[item.rule];
    if (item.drain) sooner(item.drain->until);
    sooner(grace_ends(rule, item));
    if (item.flaps && item.flaps->suppressed) sooner(reuse_time(*item.flaps, rule.damping));
  }
  if (guard_.on()) sooner(guard_.next_change());
}

/// Of what is drained.
std::string Policy::drain_story(std::size_t index) const {
  if (const auto& drain = items_[index].drain) {
    return fmt::format("drained by {}{}", drain->who, quoted_reason(*drain));
  }
  return fmt::format("drained by {}", switched(index)->check);
}

/// What it would be withdrawn for, and what keeps it.
std::string Policy::fleet_cause(std::size_t index, const std::string& story) const {
  const Item& item = items_[index];
  const Fleet& fleet = *settings_.fleet;
  std::string what = story;
  if (retired_ && settings_.rules[item.rule].withdraw_on_exit) {
    what = "withdrawd ends, and on_exit = \"withdraw\"";
  } else if (drained_since(item)) {
    what = drain_story(index);
  }
  if (guard_.verdict(index) != FleetGuard::Verdict::held) {
    return fmt::format("fleet \"{}\" is being asked for leave, as {}", fleet.group, what);
  }
  return fmt::format("keep_announcing = {} of fleet \"{}\" keeps it: {}; though {}",
                     guard_.floor(index).text(), fleet.group, guard_.detail(index), what);
}

std::string Policy::cause(std::size_t index) const {
  const Item& item = items_[index];
  const Rule& rule = settings_.rules[item.rule];
  const Health all = health(rule);
  std::string story;
  std::size_t more = 0;
  for (std::size_t check : rule.checks) {
    if (checks_.verdict(check) != all) continue;
    if (story.empty()) {
      story = checks_.story(check);
    } else {
      ++more;
    }
  }
  if (more > 0) story += fmt::format(" and {} more", more);
  switch (item.wanted.reason) {
    case Reason::health:
      break;
    case Reason::start:
      return "at_start = \"withdraw\", and nothing is known of its health yet";
    case Reason::damping:
      return fmt::format("flap damping holds it back, though {}", story);
    case Reason::minimum: {
      const Group& group = settings_.groups[*rule.group];
      const std::string drained = item.wanted.desired == Desired::degraded && drained_since(item)
                                      ? drain_story(index) + " and "
                                      : "";
      return fmt::format("min_announced = {} of group \"{}\" keeps it, though {}{}",
                         group.min_announced, group.name, drained, story);
    }
    case Reason::fleet:
      return fleet_cause(index, story);
    case Reason::drain:
      if (drained_since(item)) return drain_story(index);
      break;
    case Reason::exit:
      return "withdrawd ends, and on_exit = \"withdraw\"";
  }
  return story;
}

std::optional<std::string> Policy::kill_hindrance(const Standings& standings) const {
  if (const auto group = minimum_at_stake(standings)) {
    return fmt::format("min_announced of group \"{}\"", *group);
  }
  return guard_.on() ? guard_.kill_hindrance() : std::nullopt;
}

std::optional<std::string> Policy::minimum_at_stake(const Standings& standings) const {
  for (std::size_t group = 0; group < members_.size(); ++group) {
    if (settings_.groups[group].min_announced == 0) continue;
    for (std::size_t rule : members_[group]) {
      for (std::size_t i = first_item_[rule]; i < first_item_[rule + 1]; ++i) {
        const DesiredState& wanted = items_[i].wanted;
        const bool by_operator = wanted.reason == Reason::drain || wanted.reason == Reason::exit;
        if (wanted.desired != Desired::withdrawn) return settings_.groups[group].name;
        if (by_operator) continue;
        // What is redistributed cannot be kept, but is announced as long as bgpd runs; and one that
        // was started again, and does not answer, announces what its file has.
        const Standing standing = standings(i);
        if (standing == Standing::unstated || standing == Standing::unknown) {
          return settings_.groups[group].name;
        }
      }
    }
  }
  return std::nullopt;
}

Policy::Memory Policy::memory() const {
  Memory memory;
  for (const Item& item : items_) {
    const Rule& rule = settings_.rules[item.rule];
    const PrefixKey named = key(rule, item);
    if (item.drain) memory.drains.emplace(named, *item.drain);
    if (item.switched) memory.switched.emplace(named, *item.switched);
    if (item.flaps) memory.flaps.emplace(named, *item.flaps);
    if (item.wanted.desired != Desired::as_it_is) {
      memory.since.emplace(named, Memory::Since{item.wanted.desired, item.since});
    } else if (item.earlier) {
      memory.since.emplace(named, *item.earlier);
    }
  }
  return memory;
}

std::optional<Policy::Switch> Policy::switched(std::size_t index) const {
  const Item& item = items_[index];
  if (!item.switched) return std::nullopt;
  const Rule& rule = settings_.rules[item.rule];
  const auto on = std::ranges::find_if(
      rule.switches, [this](std::size_t check) { return checks_.verdict(check) == Health::down; });
  const std::size_t check = on != rule.switches.end() ? *on : rule.switches.front();
  return Switch{
      fmt::format("check \"{}\" ({})", checks_.check(check).name, checks_.check(check).text()),
      *item.switched};
}

std::optional<Time> Policy::grace_ends(std::size_t index) const {
  return grace_ends(rule(index), items_[index]);
}

std::optional<Policy::Damped> Policy::damped(std::size_t index, Time now) const {
  const Item& item = items_[index];
  if (!item.flaps) return std::nullopt;
  const Damping& damping = rule(index).damping;
  return Damped{decayed(*item.flaps, damping, now), item.flaps->suppressed,
                reuse_time(*item.flaps, damping)};
}

std::vector<Policy::GroupCount> Policy::groups() const {
  std::vector<GroupCount> counts;
  for (std::size_t group = 0; group < members_.size(); ++group) {
    GroupCount count{settings_.groups[group].name, settings_.groups[group].min_announced, 0, 0, 0};
    for (std::size_t rule : members_[group]) {
      for (std::size_t i = first_item_[rule]; i < first_item_[rule + 1]; ++i) {
        const DesiredState& wanted = items_[i].wanted;
        ++count.prefixes;
        count.wanted += wanted.desired != Desired::withdrawn;
        count.held += is_held(wanted);
      }
    }
    counts.push_back(std::move(count));
  }
  return counts;
}

}  // namespace withdrawd::core
