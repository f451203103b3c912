#include "planted.hpp"

#include <algorithm>

namespace withdrawd::simulation {

using namespace core;

bool GoBetween::hides(Trouble trouble) const {
  return (planted_ == Planted::trusts_silence && trouble == Trouble::silent) ||
         (planted_ == Planted::drops_read_back && trouble == Trouble::refused) ||
         (planted_ == Planted::ignores_lock && trouble == Trouble::locked);
}

Settings GoBetween::pass(Settings settings) {
  for (Rule& rule : settings.rules) {
    if (planted_ == Planted::ignores_damping) rule.damping.on = false;
    if (planted_ == Planted::damps_too_long) rule.damping.half_life *= 3;
    if (planted_ == Planted::ignores_never) rule.may_fall_back = true;
    if (planted_ == Planted::ignores_grace) rule.drain_grace.reset();
    if (planted_ == Planted::requires_all) rule.required = 0;
    if (planted_ == Planted::ignores_switches) rule.switches.clear();
  }
  if (planted_ == Planted::ignores_minimum) {
    for (Group& group : settings.groups) group.min_announced = 0;
  }
  settings_ = settings;
  // Too short to hold anything back.
  if (planted_ == Planted::kills_in_vain) {
    settings.fallback.restart_delay_max = settings.fallback.restart_delay;
  }
  return settings;
}

const Rule* GoBetween::rule_of(const Change& change) const {
  for (const Rule& rule : settings_.rules) {
    if (std::ranges::count(rule.prefixes, change.prefix) > 0) return &rule;
  }
  return nullptr;
}

bool GoBetween::pass(Effect& effect) {
  if (planted_ == Planted::never_restarts && std::holds_alternative<RestartBgpd>(effect)) {
    return false;
  }
  auto* apply = std::get_if<ApplyPlan>(&effect);
  if (!apply) return true;
  std::vector<Change>& changes = apply->plan.changes;
  switch (planted_) {
    case Planted::forgets_options:
      for (Change& change : changes) change.options = {};
      break;
    case Planted::sends_twice: {
      const auto again = changes;
      changes.insert(changes.end(), again.begin(), again.end());
      break;
    }
    case Planted::withdraws_neighbour:
      if (changes.front().verb == Change::Verb::withdraw) {
        for (const Rule& rule : settings_.rules) {
          if (rule.prefixes[0] == changes.front().prefix) continue;
          Change neighbour = changes.front();
          neighbour.prefix = rule.prefixes[0];
          changes.push_back(std::move(neighbour));
          break;
        }
      }
      break;
    case Planted::withdraws_degraded:
      for (Change& change : changes) {
        const Rule* rule = rule_of(change);
        const auto& map = change.options.route_map;
        if (!rule || !map || (map != rule->on_down && map != rule->on_drain)) continue;
        change.verb = Change::Verb::withdraw;
        change.options = {};
      }
      break;
    case Planted::stays_degraded:
      for (Change& change : changes) {
        const Rule* rule = rule_of(change);
        if (change.verb != Change::Verb::announce || !rule || !rule->on_down) continue;
        change.options.route_map = rule->on_down;
      }
      break;
    default:
      break;
  }
  under_way_ = *apply;
  return true;
}

void GoBetween::pass(Event& event) {
  if (auto* answer = std::get_if<CheckAnswered>(&event)) {
    if (planted_ == Planted::believes_nxdomain && answer->outcome.kind == OutcomeKind::nxdomain) {
      answer->outcome.kind = OutcomeKind::ok;
    }
    if (planted_ == Planted::blames_the_server && answer->outcome.kind == OutcomeKind::unable) {
      answer->outcome.kind = OutcomeKind::error;
    }
  } else if (auto* drain = std::get_if<DrainChanged>(&event)) {
    if (planted_ == Planted::ignores_undrain && !drain->drain) drain->prefixes.clear();
  } else if (auto* read = std::get_if<BgpdRead>(&event)) {
    if (read->observed) last_seen_ = *read->observed;
  } else if (auto* applied = std::get_if<PlanApplied>(&event)) {
    if (!applied->observed && hides(applied->observed.error().trouble)) {
      // As the plan would have it.
      for (const Change& change : under_way_.plan.changes) {
        for (Instance& instance : last_seen_.config.instances) {
          if (instance.asn != change.asn || instance.key != change.instance) continue;
          if (change.verb == Change::Verb::withdraw) {
            instance.networks.erase(change.prefix);
          } else {
            instance.networks.insert_or_assign(change.prefix, change.options);
          }
        }
        for (const Lookup& lookup : under_way_.lookups) {
          if (lookup.prefix == change.prefix) {
            last_seen_.in_table[lookup] = change.verb == Change::Verb::announce;
          }
        }
      }
      applied->observed = last_seen_;
    } else if (applied->observed) {
      last_seen_.config = applied->observed->config;
      for (const auto& [lookup, present] : applied->observed->in_table) {
        last_seen_.in_table[lookup] = present;
      }
    }
  }
}

void GoBetween::pass(Memory& memory) const {
  if (planted_ == Planted::loses_memory) memory = {};
  if (planted_ == Planted::forgets_drains) memory.policy.drains.clear();
}

void GoBetween::pass_on(Memory& memory) const {
  if (planted_ == Planted::reload_forgets) memory = {};
}

}  // namespace withdrawd::simulation
