#include "planted.hpp"

#include <algorithm>

namespace withdrawd::simulation {

using namespace core;

bool GoBetween::hides(Trouble trouble) const {
  return (planted_ == Planted::trusts_silence && trouble == Trouble::silent) ||
         (planted_ == Planted::drops_read_back && trouble == Trouble::refused) ||
         (planted_ == Planted::ignores_lock && trouble == Trouble::locked);
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

}  // namespace withdrawd::simulation
