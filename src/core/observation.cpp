#include "core/observation.hpp"

#include <algorithm>
#include <utility>

namespace withdrawd::core {

const Observation::View& Observation::view(std::size_t prefix) const {
  const Prefix& one = prefixes_[prefix];
  if (std::exchange(one.viewed, revision_) != revision_) one.view = find(one.lookup);
  return one.view;
}

Observation::View Observation::find(const Lookup& lookup) const {
  View view;
  if (gone_) {
    view.presence = Presence::absent;
    return view;
  }
  if (!seen_) return view;
  const auto chosen = choose_instance(seen_->config, lookup.instance);
  if (!chosen) {
    // No instance fits, or several do. Where none has a statement for it, nothing announces it.
    const bool somewhere =
        std::ranges::any_of(seen_->config.instances, [&](const Instance& instance) {
          const InstanceChoice& choice = lookup.instance;
          return (!choice.asn || *choice.asn == instance.asn) &&
                 (!choice.key || *choice.key == instance.key) &&
                 instance.networks.contains(lookup.prefix);
        });
    view.presence = somewhere ? Presence::unknown : Presence::absent;
    return view;
  }
  view.instance = *chosen;
  if (auto it = view.instance->networks.find(lookup.prefix); it != view.instance->networks.end()) {
    view.configured = &it->second;
  }
  if (auto it = seen_->in_table.find(lookup); it != seen_->in_table.end()) {
    view.presence = it->second ? Presence::present : Presence::absent;
  }
  return view;
}

Standing Observation::standing(std::size_t prefix) const {
  if (gone_ || !seen_) return Standing::unknown;
  const View& seen = view(prefix);
  if (seen.configured) {
    return seen.presence == Presence::absent ? Standing::stated : Standing::announced;
  }
  // Without a statement, and without bgpd's word for it, there is nothing to be kept.
  return seen.presence == Presence::present ? Standing::unstated : Standing::absent;
}

bool Observation::is_same(const Observed& observed, const std::vector<Lookup>& asked,
                          bool all) const {
  if (!seen_) return false;
  const auto same = [&](const auto& now_seen, const auto& before) {
    if (all) return now_seen == before;
    return std::ranges::all_of(asked, [&](const Lookup& lookup) {
      const auto one = now_seen.find(lookup), other = before.find(lookup);
      if (one == now_seen.end() || other == before.end()) {
        return one == now_seen.end() && other == before.end();
      }
      return one->second == other->second;
    });
  };
  return same(observed.in_table, seen_->in_table) &&
         same(observed.advertised_to, seen_->advertised_to) &&
         same(observed.other_paths, seen_->other_paths) &&
         observed.config.route_maps == seen_->config.route_maps &&
         observed.config.instances == seen_->config.instances;
}

void Observation::take_in(Observed observed, const std::vector<Lookup>& asked) {
  runs();
  if (!seen_ || asked.size() == prefixes_.size()) {
    seen_ = std::move(observed);
    return;
  }
  seen_->config = std::move(observed.config);
  // What bgpd was asked and did not answer is not known any longer.
  for (const Lookup& lookup : asked) {
    seen_->in_table.erase(lookup);
    seen_->advertised_to.erase(lookup);
    seen_->other_paths.erase(lookup);
  }
  seen_->other_paths.merge(observed.other_paths);
  seen_->in_table.merge(observed.in_table);
  seen_->advertised_to.merge(observed.advertised_to);
}

void Observation::runs() {
  gone_ = false;
  ++revision_;
}

void Observation::lose() {
  seen_.reset();
  ++revision_;
}

bool Observation::found(bool running) {
  if (gone_ == !running) return false;
  gone_ = !running;
  ++revision_;
  return true;
}

}  // namespace withdrawd::core
