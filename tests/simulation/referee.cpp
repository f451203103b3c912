#include "referee.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace withdrawd::simulation {

using core::Change;
using core::Desired;
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
/// Moments that a state file has kept are a little off.
constexpr Duration blurred = milliseconds(20);

/// A penalty that has shrunk to this is none.
constexpr double forgotten = 100;

double highest_penalty(const core::Damping& damping) {
  // Two half-lives from being reused.
  return std::max(damping.suppress, damping.reuse * 4);
}

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double penalty_at(const Referee::Flaps& flaps, const core::Damping& damping, Time now) {
  return flaps.penalty * std::pow(0.5, in_seconds(now - flaps.at) / in_seconds(damping.half_life));
}

Time end_of_suppression(const Referee::Flaps& flaps, const core::Damping& damping) {
  if (!flaps.suppressed || flaps.penalty <= damping.reuse) return flaps.at;
  return flaps.at + std::chrono::duration_cast<Duration>(
                        std::log(flaps.penalty / damping.reuse) / std::log(2.0) *
                        std::chrono::duration<double>(damping.half_life));
}

}  // namespace

Referee::Referee(const Setting& setting, BgpdModel& bgpd, Time now)
    : setting_(setting),
      configuration_(&setting.configurations.front()),
      bgpd_(bgpd),
      calm_since_(now) {}

void Referee::complain(Time now, std::string text) {
  if (!violation_) violation_ = {now, std::move(text)};
}

std::string Referee::text(std::size_t slot) const {
  const auto& [rule, prefix] = configuration_->key_of(slot);
  return fmt::format("{} of {}", prefix.text(), rule);
}

void Referee::born(const Configuration& configuration, const Knowledge& from, Time now) {
  configuration_ = &configuration;
  born_ = now;
  told_to_end_ = false;
  reload_since_.reset();
  checks_.assign(settings().checks.size(), {});
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    const auto count = from.counts.find(settings().checks[i].name);
    if (count != from.counts.end()) checks_[i].count = count->second;
    checks_[i].asked_at = now;
  }
  groups_.assign(settings().groups.size(), {0, now});
  slots_.assign(configuration.slots.size(), {});
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    SlotState& slot = slots_[i];
    slot.health_since = slot.wanted_since = slot.announced_since = slot.last_unwanted = now;
    const core::Rule& rule = configuration.rule_of(i);
    if (const auto it = from.slots.find(configuration.key_of(i)); it != from.slots.end()) {
      slot.known = it->second;
    }
    if (rule.switches.empty()) slot.known.switched.reset();
    if (!rule.damping.on) slot.known.flaps = {};
    // Where it decayed faster for a while, it may have been forgotten.
    Flaps& flaps = slot.known.flaps;
    if (flaps.penalty > 0 && flaps.half_life != rule.damping.half_life) {
      slot.known.flaps_unsure = true;
    }
    slot.known.flaps.penalty = std::min(slot.known.flaps.penalty, highest_penalty(rule.damping));
    const Slot& where = configuration.slots[i];
    if (const auto it = from.statements.find({where.prefix, where.place});
        it != from.statements.end()) {
      slot.statement = it->second;
    }
    judge(i, now);
  }
  all_ = Health::unknown;
  all_since_ = now;
  seen_changes_.reset();
  has_looked_ = false;
  may_have_missed_ = false;
  told_.clear();
  settles_until_ = now;
  stopped_at_ = restarted_at_ = killed_at_ = Time{};
  vain_.clear();
  blinded(now);
  disturbed(now);
}

void Referee::died(Time now) {
  disturbed(now);
}

void Referee::told_to_reload(Time now) {
  if (!reload_since_) reload_since_ = now;
}

void Referee::reloaded(const Configuration& configuration, Time now) {
  // A new beginning, and nothing is forgotten but what is only about this run.
  const Knowledge all = knowledge();
  born(configuration, all, now);
}

void Referee::told_to_end(Time now) {
  told_to_end_ = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) judge(i, now);
}

Referee::Knowledge Referee::knowledge() const {
  Knowledge all;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    all.counts[settings().checks[i].name] = checks_[i].count;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& where = configuration_->slots[i];
    all.slots[configuration_->key_of(i)] = slots_[i].known;
    all.statements[{where.prefix, where.place}] = slots_[i].statement;
  }
  return all;
}

void Referee::answered(std::size_t index, const core::Outcome& outcome, Time now) {
  CheckState& check = checks_[index];
  check.being_asked = false;
  if (outcome.kind != core::OutcomeKind::unable) {
    check.unable_since.reset();
  } else {
    if (!check.unable_since) check.unable_since = now;
    // That says nothing of the server.
    if (now - *check.unable_since < seconds(10)) return;
  }
  check.asked_in_this_life = true;
  Count& count = check.count;
  const bool good = outcome.kind == core::OutcomeKind::ok;
  if (good != count.good) count.run = 0;
  count.good = good;
  ++count.run;
  const core::HealthPolicy& policy = settings().checks[index].policy;
  if (good && count.run >= policy.rise) count.health = Health::up;
  if (!good && count.run >= policy.fall) count.health = Health::down;

  for (std::size_t i = 0; i < slots_.size(); ++i) judge(i, now);
  if (const Health all = verdict_on_all(); all != all_) {
    all_ = all;
    all_since_ = now;
  }
}

void Referee::drained(std::size_t index, const std::optional<Drained>& drain, Time now) {
  auto& known = slots_[index].known.drain;
  const auto before = std::exchange(known, drain);
  // Whoever says it again does not begin it anew.
  if (known && before) known->since = std::min(known->since, before->since);
  judge(index, now);
}

// What time alone, a drain and a verdict do to a prefix.
void Referee::judge(std::size_t index, Time now) {
  SlotState& slot = slots_[index];
  const core::Rule& rule = configuration_->rule_of(index);
  if (const Health health = verdict(rule); health != slot.health) {
    slot.health = health;
    slot.health_since = now;
  }
  SlotKnowledge& known = slot.known;
  if (known.drain && known.drain->until && now >= *known.drain->until) known.drain.reset();
  look_at_switches(index, now);
  if (now >= end_of_suppression(known.flaps, rule.damping)) known.flaps.suppressed = false;

  known.flaps_unsure = known.flaps_unsure || guard(index);
  const Wanted wanted = want(index, now);
  const bool goes_down = wanted.by_health && known.desired == Desired::announced;
  if (goes_down && rule.damping.on) count_flap(index, now);
  if (wanted.desired != Desired::as_it_is) known.desired = wanted.desired;
  // No minimum keeps what an operator wants away, and it may have let back what is damped.
  const bool same = wanted.is_same_as(slot.wanted) &&
                    (!known.flaps_unsure || wanted.damped == slot.wanted.damped) &&
                    (!guard(index) || wanted.by_operator == slot.wanted.by_operator);
  slot.wanted = wanted;
  if (same) return;
  slot.wanted_since = now;
  slot.wrong = false;
}

void Referee::look_at_switches(std::size_t index, Time now) {
  bool known = true;
  for (const std::size_t check : configuration_->rule_of(index).switches) {
    const bool asked = checks_[check].asked_in_this_life;
    const Health health = asked ? checks_[check].count.health : Health::unknown;
    auto& switched = slots_[index].known.switched;
    if (health == Health::down) {
      if (!switched) switched = now;
      return;
    }
    known = known && health != Health::unknown;
  }
  if (known) slots_[index].known.switched.reset();
}

void Referee::count_flap(std::size_t index, Time now) {
  Flaps& flaps = slots_[index].known.flaps;
  const core::Damping& damping = configuration_->rule_of(index).damping;
  double penalty = penalty_at(flaps, damping, now);
  if (penalty < forgotten) penalty = 0;
  flaps.penalty = std::min(penalty + core::Damping::penalty, highest_penalty(damping));
  flaps.half_life = damping.half_life;
  flaps.at = now;
  if (flaps.penalty >= damping.suppress) flaps.suppressed = true;
}

// Who wins: the end, a drain, health, damping. What a group's minimum does to it is not in here.
Referee::Wanted Referee::want(std::size_t index, Time now) const {
  const SlotState& slot = slots_[index];
  const core::Rule& rule = configuration_->rule_of(index);
  const Health health = verdict(rule);
  const Wanted operators{.desired = Desired::withdrawn, .by_operator = true};
  Wanted sick{.desired = Desired::withdrawn, .by_health = true};
  if (rule.on_down) sick = {Desired::degraded, rule.on_down, false, true};

  if (told_to_end_ && rule.withdraw_on_exit) return operators;
  auto drained_since = slot.known.switched;
  if (const auto& drain = slot.known.drain; drain && (!drain->until || now < *drain->until)) {
    drained_since = std::min(drain->since, drained_since.value_or(drain->since));
  }
  if (drained_since) {
    const bool gently =
        rule.on_drain && (!rule.drain_grace || now < *drained_since + *rule.drain_grace);
    if (!gently) return operators;
    if (health == Health::down && !rule.on_down) {
      sick.kept_with = rule.on_drain;
      return sick;
    }
    return {Desired::degraded, rule.on_drain, true};
  }
  if (health == Health::down) return sick;
  if (health == Health::unknown) {
    const bool never_known = verdict(rule, true) == Health::unknown;
    return {rule.withdraw_at_start && never_known ? Desired::withdrawn : Desired::as_it_is};
  }
  if (slot.known.flaps.suppressed && now < end_of_suppression(slot.known.flaps, rule.damping)) {
    sick.by_health = false;
    sick.damped = true;
    return sick;
  }
  const bool switches_known = std::ranges::all_of(rule.switches, [this](std::size_t check) {
    return checks_[check].asked_in_this_life && checks_[check].count.health != Health::unknown;
  });
  return {switches_known ? Desired::announced : Desired::as_it_is};
}

Health Referee::verdict(const core::Rule& rule, bool also_earlier) const {
  std::size_t up = 0;
  std::size_t may_come_up = 0;
  for (const std::size_t index : rule.checks) {
    const CheckState& check = checks_[index];
    const bool known = check.asked_in_this_life || also_earlier;
    const Health health = known ? check.count.health : Health::unknown;
    up += health == Health::up;
    may_come_up += health != Health::down;
  }
  const std::size_t needed = rule.required > 0 ? rule.required : rule.checks.size();
  if (up >= needed) return Health::up;
  return may_come_up < needed ? Health::down : Health::unknown;
}

Health Referee::verdict_on_all() const {
  core::Rule every{.name = {},
                   .prefixes = {},
                   .checks = {},
                   .instance = {},
                   .route_map = {},
                   .on_down = {},
                   .on_drain = {},
                   .drain_grace = {},
                   .damping = {},
                   .group = {}};
  for (std::size_t i = 0; i < checks_.size(); ++i) every.checks.push_back(i);
  return verdict(every);
}

const core::Group* Referee::guard(std::size_t slot) const {
  const auto& group = configuration_->rule_of(slot).group;
  return group && settings().groups[*group].min_announced > 0 ? &settings().groups[*group]
                                                              : nullptr;
}

bool Referee::unsure_of_damping(std::size_t slot) const {
  return configuration_->rule_of(slot).damping.on && !slots_[slot].wanted.by_operator &&
         slots_[slot].health == Health::up && slots_[slot].known.flaps_unsure;
}

bool Referee::must_go(std::size_t slot) const {
  return slots_[slot].wanted.desired == Desired::withdrawn && slots_[slot].health == Health::down;
}

// Would its group fall below its minimum without it?
bool Referee::is_spared(std::size_t slot) const {
  const core::Group* group = guard(slot);
  if (!group || slots_[slot].wanted.by_operator) return false;
  return groups_[*configuration_->rule_of(slot).group].announced <= group->min_announced;
}

// Are fewer announced than its group's minimum?
bool Referee::falls_short(std::size_t slot) const {
  const core::Group* group = guard(slot);
  return group && groups_[*configuration_->rule_of(slot).group].announced < group->min_announced;
}

bool Referee::any_wanted() const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].wanted.states() && !unsure_of_damping(i)) return true;
  }
  return false;
}

bool Referee::any_may_be_wanted(Time now) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (wants_now(i, Desired::announced, now) || wants_now(i, Desired::degraded, now)) return true;
    if (unsure_of_damping(i)) return true;
    if (guard(i) && (!slots_[i].wanted.by_operator || turns(i, now))) return true;
  }
  return false;
}

void Referee::has_seen(const core::RunningConfig& config, unsigned foreign_changes, Time then) {
  seen_changes_ = foreign_changes;
  seen_at_ = then;
  has_looked_ = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& where = configuration_->slots[i];
    const core::Rule& rule = configuration_->rule_of(i);
    Statement& statement = slots_[i].statement;
    const auto& networks = config.instances[where.place].networks;
    const auto there = networks.find(where.prefix);
    if (there == networks.end()) {
      statement.stand_in.reset();
      continue;
    }
    core::NetworkOptions options = there->second;
    const auto& map = options.route_map;
    const bool degrades =
        map && map != rule.route_map &&
        (map == rule.on_down || map == rule.on_drain || map == statement.stand_in);
    statement.stand_in = degrades ? map : std::nullopt;
    if (degrades) {
      options.route_map = statement.options ? statement.options->route_map : std::nullopt;
    }
    statement.options = std::move(options);
    slots_[i].options_uncertain = may_have_missed_;
  }
  may_have_missed_ = false;
}

std::optional<core::NetworkOptions> Referee::wanted_options(std::size_t slot) const {
  if (slots_[slot].options_uncertain) return std::nullopt;
  auto options = slots_[slot].statement.options.value_or(core::NetworkOptions{});
  const core::Rule& rule = configuration_->rule_of(slot);
  if (rule.route_map) {
    options.route_map = rule.route_map;
  } else if (options.route_map == rule.on_down || options.route_map == rule.on_drain) {
    options.route_map.reset();  // since a reload it stands for a withdrawal
  }
  if (slots_[slot].wanted.desired == Desired::degraded) {
    options.route_map = slots_[slot].wanted.degraded_by;
  } else if (const auto& kept_with = slots_[slot].wanted.kept_with) {
    options.route_map = kept_with;
  }
  return options;
}

void Referee::asks(std::size_t index, Time now) {
  CheckState& check = checks_[index];
  if (check.being_asked) complain(now, "a check is asked while it is being asked");
  check.being_asked = true;
  check.asked_at = now;
  if (settings().mode == core::Mode::hard && now < settles_until_) {
    complain(now, "DNS is asked while bgpd settles");
  }
}

// Also a moment before or after: what a state file has kept is a little off.
bool Referee::wants_now(std::size_t slot, Desired desired, Time now) const {
  return slots_[slot].wanted.desired == desired || want(slot, now - blurred).desired == desired ||
         want(slot, now + blurred).desired == desired;
}

// Is it another thing that is wanted a moment before or after, or somebody else who wants it?
bool Referee::turns(std::size_t slot, Time now) const {
  const Wanted& at_once = slots_[slot].wanted;
  return std::ranges::any_of(std::array{now - blurred, now + blurred}, [&](Time at) {
    const Wanted then = want(slot, at);
    return !then.is_same_as(at_once) || then.kept_with != at_once.kept_with ||
           then.by_operator != at_once.by_operator;
  });
}

void Referee::sends(const core::Plan& plan, Time now) {
  if (plan.empty()) complain(now, "an empty plan is sent");
  for (const Change& change : plan.changes) {
    bool ours = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& where = configuration_->slots[i];
      const core::Instance& instance = setting_.file.instances[where.place];
      if (where.prefix != change.prefix || instance.key != change.instance) continue;
      ours = true;
      if (!may_send(change, i, now)) {
        complain(now, fmt::format("\"{}\" is sent although {} is to be {}", change.statement(),
                                  text(i), core::name(slots_[i].wanted.desired)));
      }
      if (change.verb == Change::Verb::announce) check_options(change, i, now);
      // At the turn of a drain it may be the operator's already.
      slots_[i].sent_automatically = !slots_[i].wanted.by_operator && !turns(i, now);
    }
    if (!ours) {
      complain(now, fmt::format("\"{}\" is sent, which no rule is about", change.statement()));
    }
  }
}

bool Referee::may_send(const Change& change, std::size_t slot, Time now) const {
  const SlotState& state = slots_[slot];
  // Damped, but let back for a while by its group's minimum.
  if (unsure_of_damping(slot)) return true;
  if (change.verb == Change::Verb::withdraw) return wants_now(slot, Desired::withdrawn, now);
  if (wants_now(slot, Desired::announced, now) || wants_now(slot, Desired::degraded, now)) {
    return true;
  }
  // Held by it, and put right.
  const Slot& where = configuration_->slots[slot];
  return guard(slot) && (!state.wanted.by_operator || turns(slot, now)) &&
         (bgpd_.config().instances[where.place].networks.contains(where.prefix) ||
          seen_changes_ != bgpd_.foreign_changes());
}

void Referee::check_options(const Change& change, std::size_t slot, Time now) {
  // At the turn of a drain either is right.
  if (turns(slot, now) || unsure_of_damping(slot)) return;
  const auto wanted = wanted_options(slot);
  if (!wanted || change.options == *wanted) return;
  complain(now, fmt::format("{} is stated as \"network ...{}\", to be \"network ...{}\"",
                            text(slot), change.options.text(), wanted->text()));
}

void Referee::typed(const std::vector<BgpdModel::Session::Statement>& statements, bool late,
                    Time now) {
  if (late || seen_changes_ != bgpd_.foreign_changes()) return;
  for (const BgpdModel::Session::Statement& statement : statements) {
    if (!statement.taken) continue;
    // What nobody else has changed since it was read needs no statement to stay as it is.
    if (statement.wanted == statement.before) {
      complain(now, fmt::format("a statement about {} is sent that changes nothing",
                                statement.prefix.text()));
    }
    if (!statement.wanted) continue;
    const auto& route_map = statement.wanted->route_map;
    if (route_map && !bgpd_.config().route_maps.contains(route_map->text())) {
      complain(now, fmt::format("{} is stated with a route-map that bgpd does not have",
                                statement.prefix.text()));
    }
  }
  check_minimum(statements, now);
}

// What nobody has asked to go must not leave too few of its group.
void Referee::check_minimum(const std::vector<BgpdModel::Session::Statement>& statements,
                            Time now) {
  if (sees_since_ == now) return;  // and cannot know what is announced
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    bool took_one = false;
    std::size_t left = 0;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (configuration_->rule_of(i).group != g) continue;
      const Slot& where = configuration_->slots[i];
      const bool announced = bgpd_.announces(where.place, where.prefix, now);
      const bool stays = bgpd_.wants_to_announce(where.place, where.prefix);
      left += announced && stays;
      took_one = took_one || (announced && !stays && slots_[i].sent_automatically &&
                              std::ranges::any_of(statements, [&](const auto& statement) {
                                return statement.taken && !statement.wanted && statement.before &&
                                       statement.prefix == where.prefix &&
                                       statement.place == where.place;
                              }));
    }
    if (took_one && left < settings().groups[g].min_announced) {
      complain(now,
               fmt::format("{} of group {} are announced after an automatic withdrawal, and "
                           "{} must stay",
                           left, settings().groups[g].name, settings().groups[g].min_announced));
    }
  }
}

void Referee::stops(Time now) {
  if (settings().mode == core::Mode::hard) {
    if (all_ != Health::down) complain(now, "bgpd is killed although DNS does not fail");
    return;
  }
  const Duration after = settings().fallback.after;
  bool long_sick = false;
  bool announced = false;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const SlotState& slot = slots_[i];
    if (!must_go(i)) continue;
    long_sick =
        long_sick || (configuration_->rule_of(i).may_fall_back && now - slot.health_since >= after);
    // In somebody's configuration mode, say: what he withdraws by hand needs no kill.
    announced = announced || slot.announced || now - slot.announced_since < quick;
  }
  if (!long_sick) {
    complain(now, "bgpd is killed although no prefix that allows it was sick for fallback.after");
  }
  if (now - calm_since_ > quick) {
    complain(now, "bgpd is killed although the soft path works");
  }
  if (!announced && now - sees_since_ > quick) {
    complain(now, "bgpd is killed although no sick prefix is announced, as can be seen");
  }
  if (now - stopped_at_ < milliseconds(900)) {
    complain(now, "bgpd is killed again and again");
  }
  check_kill_against_minimum(now);
  check_kill_against_vain_ones(now);
  stopped_at_ = now;
}

void Referee::kills(Time now) {
  killed_at_ = now;
  if (kill_under_way_) vain_.push_back(*std::exchange(kill_under_way_, {}));
}

// Nothing in the world is other than at the two kills before it, which have not helped.
void Referee::check_kill_against_vain_ones(Time now) {
  Kill kill{now, {}, bgpd_.frozen()};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!must_go(i) || !configuration_->rule_of(i).may_fall_back) continue;
    kill.sick.push_back(i);
    if (!vain_.empty() && slots_[i].health_since > vain_.front().at) vain_.clear();
  }
  const std::size_t before = vain_.size();
  // Which of several sick ones it is that cannot be withdrawn may change from kill to kill.
  if (before >= 2 && kill.sick.size() == 1 && kill.is_as(vain_[before - 1]) &&
      kill.is_as(vain_[before - 2]) &&
      now - vain_[before - 1].at < settings().fallback.restart_delay_max) {
    complain(now, "bgpd is killed a third time for what two kills have not helped against");
  }
  kill_under_way_ = std::move(kill);
}

void Referee::check_kill_against_minimum(Time now) {
  // Somebody may have brought back what was gone, a moment before bgpd froze.
  const bool unseen = seen_changes_ != bgpd_.foreign_changes();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const SlotState& slot = slots_[i];
    if (!guard(i)) continue;
    const bool sick_and_gone = slot.wanted.desired == Desired::withdrawn &&
                               (slot.wanted.by_operator || !slot.announced || unseen ||
                                now - slot.announced_since < quick || !is_spared(i));
    if (sick_and_gone || turns(i, now)) continue;
    // What others announce without a statement only the table tells.
    const Slot& where = configuration_->slots[i];
    const auto& networks = bgpd_.config().instances[where.place].networks;
    if (!networks.contains(where.prefix) && now - sees_since_ < quick) continue;
    complain(now,
             fmt::format("bgpd is killed, and {} is to stay for its group's minimum", text(i)));
  }
}

void Referee::owes_restart(bool owes, Time now) {
  if (!owes || !any_wanted()) {
    owes_since_ = now;
  } else if (now - owes_since_ > settings().fallback.restart_delay_max + seconds(40)) {
    complain(now, "bgpd is wanted, and is not started again after the kill");
  }
}

void Referee::finds(Time now) {
  has_looked_ = true;
  if (settings().mode == core::Mode::hard && now < settles_until_) {
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
  if (settings().mode == core::Mode::hard) {
    if (all_ != Health::up) complain(now, "bgpd is restarted although DNS fails");
    return;
  }
  if (now - restarted_at_ < seconds(1)) complain(now, "bgpd is restarted again and again");
  restarted_at_ = now;
  if (now - killed_at_ < settings().fallback.restart_delay) {
    complain(now, "bgpd is restarted too soon after it was killed");
  }
  if (!has_looked_) complain(now, "bgpd is restarted without a look whether it runs");
  // Who has stood still learns what time has done in the same moment.
  if (now != unknowable_until_ && !any_may_be_wanted(now))
    complain(now, "bgpd is restarted although no prefix is wanted");
  // Whoever starts it in the same moment has won a race; later than that it must be noticed.
  look(now);
  if (runs_ && now - std::max(runs_since_, calm_since_) > quick) {
    complain(now, "a bgpd that runs is restarted");
  }
}

void Referee::tells(const core::LogLine& line, Time now) {
  if (settings().mode == core::Mode::hard || line.severity < core::Severity::error) return;
  // A kill is news each time, and what a rule has to say is told once a verdict.
  if (line.text.starts_with("bgpd (pid") || line.text.starts_with("rule ")) return;
  const auto [told, first] = told_.emplace(line.text, now);
  if (first) return;
  if (now - told->second < seconds(60)) {
    complain(now, fmt::format("within a minute it says again \"{}\"", line.text));
  }
  told->second = now;
}

void Referee::notes(const core::Note& note, Time now) {
  using Kind = core::Note::Kind;
  if (note.kind != Kind::held && note.kind != Kind::released) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (core::PrefixKey{note.rule, *note.prefix} != configuration_->key_of(i)) continue;
    slots_[i].told_held = note.kind == Kind::held;
    slots_[i].held_until = now;
  }
}

void Referee::look(Time now) {
  if (now > unknowable_until_) gets_time(now);
  if (bgpd_.foreign_changes() != edits_) {
    edits_ = bgpd_.foreign_changes();
    edited_at_ = now;
  }
  if (bgpd_.running() != runs_) {
    runs_ = bgpd_.running();
    runs_since_ = now;
    if (runs_) stopped_at_ = killed_at_ = Time{};
  }
  for (GroupState& group : groups_) group.announced = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) look_at(i, now);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].announced <= settings().groups[g].min_announced) groups_[g].no_surplus = now;
  }
}

void Referee::look_at(std::size_t index, Time now) {
  SlotState& slot = slots_[index];
  const Slot& where = configuration_->slots[index];
  const core::Rule& rule = configuration_->rule_of(index);
  const bool announced = bgpd_.announces(where.place, where.prefix, now);
  if (announced != slot.announced) {
    slot.announced = announced;
    slot.announced_since = now;
  }
  const bool goes = !bgpd_.running() || !bgpd_.wants_to_announce(where.place, where.prefix);
  if (goes) slot.last_unwanted = now;
  if (rule.group) groups_[*rule.group].announced += announced && !goes;
  if (!slot.wanted.states()) return;
  bool wrong = runs_ && !announced;
  if (announced && runs_) {
    const auto& networks = bgpd_.config().instances[where.place].networks;
    const auto there = networks.find(where.prefix);
    wrong = there == networks.end() || !is_stated_right(index, there->second);
  }
  if (wrong != slot.wrong) {
    slot.wrong = wrong;
    slot.wrong_since = now;
  }
}

void Referee::gets_time(Time now) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const SlotKnowledge& known = slots_[i].known;
    if (known.drain || known.switched || known.flaps.suppressed) judge(i, now);
  }
}

bool Referee::is_stated_right(std::size_t slot, const core::NetworkOptions& options) const {
  const core::Rule& rule = configuration_->rule_of(slot);
  const Wanted& wanted = slots_[slot].wanted;
  if (wanted.desired == Desired::degraded) return options.route_map == wanted.degraded_by;
  if (rule.route_map) return options.route_map == rule.route_map;
  return !options.route_map ||
         (options.route_map != rule.on_down && options.route_map != rule.on_drain);
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
  const bool hard = settings().mode == core::Mode::hard;

  // No check starves.
  for (std::size_t i = 0; i < checks_.size() && !hard; ++i) {
    const core::Check& check = settings().checks[i];
    const Time from = std::max(checks_[i].asked_at, calm_since_);
    if (now - from > check.policy.interval + std::get<core::DnsQuestion>(check.probe).timeout +
                         milliseconds(100)) {
      complain(now, fmt::format("{} is not asked any longer", check.name));
    }
  }
  if (reload_since_ && now - std::max(*reload_since_, calm_since_) > slow) {
    complain(now, "the new configuration is not in force yet");
  }
  if (hard) {
    const Time from = std::max({all_since_, runs_since_, calm_since_, settles_until_});
    const bool wrong = (all_ == Health::down && runs_) || (all_ == Health::up && !runs_);
    if (wrong && now - from > slow) {
      complain(now, runs_ ? "DNS fails and bgpd runs on" : "DNS is ok and nobody starts bgpd");
    }
    return;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) check_slot(i, controller, now);
}

void Referee::check_slot(std::size_t index, const core::Controller& controller, Time now) {
  SlotState& slot = slots_[index];
  const Slot& where = configuration_->slots[index];
  // Whoever lets it back for a minimum may have to, and may keep one that is as sick.
  const bool guarded = guard(index) && !slot.wanted.by_operator;
  const Time choice = guarded ? groups_[*configuration_->rule_of(index).group].no_surplus : Time{};
  const bool let_back =
      slot.wanted.damped && unsure_of_damping(index) && !is_damped(index, controller, now);
  if (slot.wanted.desired == Desired::withdrawn && slot.announced && !is_spared(index) &&
      !let_back) {
    const Time exposed = std::max({slot.wanted_since, slot.announced_since, choice});
    // Whether there was trouble or not: in the end it is gone, or somebody has been told.
    const Duration patience = settings().fallback.after + watchful + 2 * setting_.patience + slow;
    // Nobody can know what came back a moment before bgpd froze.
    const bool unseen = seen_changes_ != bgpd_.foreign_changes() || slot.announced_since > seen_at_;
    if (bgpd_.frozen() && unseen) deprived(now);
    if (must_go(index) &&
        now - std::max({exposed, slot.health_since, slot.held_until, slot.last_unwanted, born_,
                        unknowable_until_}) >
            patience &&
        !slot.told_held && !controller.busy() &&
        bgpd_.wants_to_announce(where.place, where.prefix) && !controller.report(now).failing) {
      complain(now, fmt::format("{} is sick and still announced, and nobody has been told",
                                text(index)));
    }
    // Without trouble it is gone at once, or when bgpd is read the next time, which is soon.
    const bool came_back = std::max(slot.announced_since, edited_at_) > slot.wanted_since;
    // What a minimum keeps is looked at as seldom as what is healthy.
    const Duration limit = guarded     ? 2 * settings().reconcile_interval + quick
                           : came_back ? watchful + quick
                                       : quick;
    if (now - std::max({exposed, calm_since_, came_back ? edited_at_ : exposed}) > limit) {
      complain(now, fmt::format("{} is {} and still announced, and nothing stands in the way",
                                text(index),
                                slot.wanted.by_operator ? "drained"
                                : slot.wanted.damped    ? "damped"
                                                        : "sick"));
    }
  }
  if (slot.wanted.states() && slot.wrong && !let_back) {
    if (unsure_of_damping(index) && is_damped(index, controller, now)) slot.last_damped = now;
    const Time from =
        std::max({slot.wrong_since, slot.wanted_since, calm_since_, slot.last_damped});
    const bool degraded = slot.wanted.desired == Desired::degraded;
    if (now - from > (degraded ? watchful : 2 * settings().reconcile_interval) + quick) {
      complain(now, fmt::format("{} is to be {}, and is not stated as it should be", text(index),
                                core::name(slot.wanted.desired)));
    }
  }
}

// Where the minimum decides when a withdrawal counts as a flap, the one who counts is asked.
bool Referee::is_damped(std::size_t slot, const core::Controller& controller, Time now) const {
  const auto damping = controller.report(now).prefixes[slot].damping;
  return damping && damping->suppressed;
}

bool Referee::settled(const core::Controller& controller, Time now, std::string* why) {
  look(now);
  std::string reason;
  if (!controller.at_rest()) reason = "withdrawd is not at rest";
  if (reload_since_) reason = "the new configuration is not in force";
  if (settings().mode == core::Mode::hard) {
    if (runs_ != (all_ == Health::up)) reason = "bgpd runs or not, against DNS";
  } else {
    if (!runs_ && any_wanted()) reason = "bgpd does not run, and is wanted";
    for (std::size_t i = 0; i < slots_.size() && runs_ && reason.empty(); ++i) {
      reason = unsettled(i, controller, now);
    }
  }
  if (why) *why = reason;
  return reason.empty();
}

std::string Referee::unsettled(std::size_t index, const core::Controller& controller,
                               Time now) const {
  const SlotState& slot = slots_[index];
  const Slot& where = configuration_->slots[index];
  const auto& networks = bgpd_.config().instances[where.place].networks;
  const auto there = networks.find(where.prefix);
  const bool stated = there != networks.end();
  bool right = stated == slot.announced;
  if (slot.wanted.states()) {
    right = right && stated;
    if (!stated && !slot.announced && unsure_of_damping(index) && !falls_short(index)) {
      right = is_damped(index, controller, now);
    }
  } else if (slot.wanted.desired == Desired::withdrawn) {
    const bool guarded = guard(index) && !slot.wanted.by_operator;
    const bool let_back =
        slot.wanted.damped && unsure_of_damping(index) && !is_damped(index, controller, now);
    right = right && (!stated || let_back || (guarded && is_spared(index)));
    // A healthy one is let back before the group falls short.
    if (slot.wanted.damped && !stated && falls_short(index)) right = false;
  } else {
    right = false;  // in the quiet, everything gets known
  }
  if (!right) {
    return fmt::format("{} is to be {} and is {}, {}", text(index), core::name(slot.wanted.desired),
                       stated ? "configured" : "not configured",
                       slot.announced ? "announced" : "not announced");
  }
  const auto wanted = wanted_options(index);
  if (slot.wanted.states() && stated && wanted && there->second != *wanted) {
    return fmt::format("{} has the wrong options", text(index));
  }
  return "";
}

}  // namespace withdrawd::simulation
