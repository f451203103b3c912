#include "core/soft_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace withdrawd::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Until the table agrees it is read again, soon at first: FRR lists a withdrawn path, marked
// `removed`, for up to 50 ms.
constexpr Duration first_confirm_pause = milliseconds(25);
constexpr Duration longest_confirm_pause = milliseconds(500);
// A lock in configuration mode is held by a person or by a script; either may leave any moment.
constexpr Duration retry_pause = milliseconds(100);
// How soon to look again for a bgpd that does not answer: after a restart a sick prefix must be
// gone before a session can carry it, and a session needs a second or more.
constexpr Duration reconnect_pause = milliseconds(100);
constexpr Duration process_pause = seconds(1);
constexpr Duration repeat_failure_after = seconds(60);
// A statement whose prefix has not reached the table by then is not going to.
constexpr Duration table_patience = seconds(1);

std::string statements_of(const Change& change) {
  const Plan alone{{change}};
  std::vector<std::string> lines = alone.vty_lines();
  // What everybody knows goes without saying: "configure terminal", "exit-address-family", "end".
  std::erase_if(lines, [](const std::string& line) {
    return line == "configure terminal" || line == "exit-address-family" || line == "end";
  });
  return fmt::format("{}", fmt::join(lines, "; "));
}

}  // namespace

SoftPath::SoftPath(const Settings& settings, const CheckSchedule& checks, const Options& remembered)
    : settings_(settings), checks_(checks), confirm_pause_(first_confirm_pause) {
  for (const Rule& rule : settings.rules) {
    for (const Prefix& prefix : rule.prefixes) {
      Slot slot{.rule = &rule, .prefix = prefix, .lookup = {prefix, rule.instance}};
      if (auto it = remembered.find({rule.name, prefix}); it != remembered.end()) {
        slot.options = it->second;
      }
      slots_.push_back(std::move(slot));
    }
  }
}

Health SoftPath::health(const Rule& rule) const {
  Health all = Health::up;
  for (std::size_t check : rule.checks) {
    const Health one = checks_.health(check);
    if (one == Health::down) return Health::down;
    if (one == Health::unknown) all = Health::unknown;
  }
  return all;
}

std::string SoftPath::cause(const Rule& rule) const {
  const Health all = health(rule);
  std::string story;
  std::size_t more = 0;
  for (std::size_t check : rule.checks) {
    if (checks_.health(check) != all) continue;
    if (story.empty()) {
      story = checks_.story(check);
    } else {
      ++more;
    }
  }
  return more == 0 ? story : fmt::format("{} and {} more", story, more);
}

SoftPath::View SoftPath::view(const Slot& slot) const {
  View view;
  if (gone_) {
    view.presence = Presence::absent;
    return view;
  }
  if (!seen_) return view;
  const auto chosen = choose_instance(seen_->config, slot.lookup.instance);
  if (!chosen) {
    // No instance fits, or several do. Where none has a statement for it, nothing announces it.
    const bool somewhere =
        std::ranges::any_of(seen_->config.instances, [&](const Instance& instance) {
          const InstanceChoice& choice = slot.lookup.instance;
          return (!choice.asn || *choice.asn == instance.asn) &&
                 (!choice.key || *choice.key == instance.key) &&
                 instance.networks.contains(slot.prefix);
        });
    view.presence = somewhere ? Presence::unknown : Presence::absent;
    return view;
  }
  view.instance = *chosen;
  if (auto it = view.instance->networks.find(slot.prefix); it != view.instance->networks.end()) {
    view.configured = &it->second;
  }
  if (auto it = seen_->in_table.find(slot.lookup); it != seen_->in_table.end()) {
    view.presence = it->second ? Presence::present : Presence::absent;
  }
  return view;
}

bool SoftPath::agrees(const Slot& slot, const View& view) const {
  switch (slot.desired) {
    case Desired::as_it_is:
      return true;
    case Desired::withdrawn:
      return !view.configured && view.presence == Presence::absent;
    case Desired::announced:
      break;
  }
  return view.configured && view.presence == Presence::present &&
         (!slot.rule->route_map || view.configured->route_map == slot.rule->route_map);
}

void SoftPath::verdict(Time now, Effects& effects) {
  for (Slot& slot : slots_) {
    Desired desired = Desired::as_it_is;
    switch (health(*slot.rule)) {
      case Health::up:
        desired = Desired::announced;
        break;
      case Health::down:
        desired = Desired::withdrawn;
        break;
      // Once there has been a verdict, health never is unknown again.
      case Health::unknown:
        continue;
    }
    if (desired == slot.desired) continue;
    slot.desired = desired;
    slot.desired_since = now;
    slot.reached = false;
    slot.trouble.reset();
    const View seen = view(slot);
    judge_exposure(slot, seen, now);
    if (agrees(slot, seen)) {
      effects.push_back(
          Tell{Severity::info, fmt::format("rule \"{}\": {} is {} already: {}", slot.rule->name,
                                           slot.prefix.text(), name(desired), cause(*slot.rule))});
    }
    dirty_ = true;
    confirm_pause_ = first_confirm_pause;
    // What was read last may be as old as the reconcile interval.
    next_read_ = std::min(next_read_, now + confirm_pause_);
  }
}

void SoftPath::judge_exposure(Slot& slot, const View& view, Time now) {
  if (slot.desired != Desired::withdrawn || view.presence == Presence::absent) {
    slot.exposed_since.reset();
  } else if (!slot.exposed_since) {
    slot.exposed_since = now;
  }
}

void SoftPath::observe(const Observed& observed, Time now, Effects& effects) {
  if (seen_) {
    seen_->config = observed.config;
    for (const auto& [lookup, present] : observed.in_table) seen_->in_table[lookup] = present;
  } else {
    seen_ = observed;
  }
  if (!reached_ && !last_failure_.empty()) {
    effects.push_back(Tell{Severity::info, "bgpd answers again"});
  }
  last_failure_.clear();
  reached_ = true;
  gone_ = false;
  stale_ = false;
  dirty_ = true;

  bool settled = true;
  for (Slot& slot : slots_) {
    const View seen = view(slot);
    if (seen.configured) slot.options = *seen.configured;
    judge_exposure(slot, seen, now);
    if (agrees(slot, seen)) {
      slot.reached = true;
      slot.trouble.reset();
    } else if (slot.desired == Desired::announced && seen.configured &&
               seen.presence == Presence::absent && now - slot.desired_since >= table_patience) {
      trouble(slot,
              "is configured, but bgpd does not announce it (not in the RIB while `bgp network "
              "import-check` is on, or denied by its route-map)",
              Severity::error, effects);
    } else if (slot.desired == Desired::withdrawn && !seen.configured &&
               seen.presence == Presence::present && now - slot.desired_since >= table_patience) {
      trouble(slot,
              "has no network statement, yet is in the table (redistribute or aggregate-address?)",
              Severity::error, effects);
      settled = false;
    } else {
      settled = false;
    }
  }
  if (settled) {
    confirm_pause_ = first_confirm_pause;
    next_read_ = now + settings_.reconcile_interval;
  } else {
    next_read_ = now + confirm_pause_;
    confirm_pause_ = std::min(confirm_pause_ * 2, longest_confirm_pause);
  }
}

void SoftPath::failed(const Failure& failure, Time now, Effects& effects) {
  const std::string text = failure.error.text();
  if (text != last_failure_ || now - last_failure_told_ >= repeat_failure_after) {
    effects.push_back(Tell{Severity::error, text});
    last_failure_ = text;
    last_failure_told_ = now;
  }
  switch (failure.trouble) {
    case Trouble::unreachable:
      connection_lost(now);
      next_read_ = now + reconnect_pause;
      break;
    case Trouble::silent:
      reached_ = false;
      next_read_ = now + reconnect_pause;
      break;
    case Trouble::locked:
    case Trouble::refused:
      reached_ = true;
      next_read_ = std::min(next_read_, now + longest_confirm_pause);
      break;
  }
  next_try_ = now + retry_pause;
}

void SoftPath::connection_lost(Time now) {
  reached_ = false;
  stale_ = true;
  seen_.reset();
  next_read_ = std::min(next_read_, now + milliseconds(20));
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

void SoftPath::process_found(bool running, Time now) {
  looked_for_process_ = now;
  if (gone_ == !running) return;
  gone_ = !running;
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

bool SoftPath::wants_process(Time now) const {
  return !reached_ && !last_failure_.empty() &&
         (!looked_for_process_ || now - *looked_for_process_ >= process_pause);
}

void SoftPath::on(const BgpdRead& event, Time now, Effects& effects) {
  busy_ = false;
  if (event.observed) {
    observe(*event.observed, now, effects);
  } else {
    failed(event.observed.error(), now, effects);
  }
}

void SoftPath::on(const PlanApplied& event, Time now, Effects& effects) {
  busy_ = false;
  if (!event.observed) {
    failed(event.observed.error(), now, effects);
    return;
  }
  for (std::size_t i = 0; i < plan_.changes.size(); ++i) {
    const Change& change = plan_.changes[i];
    std::string line = tell_change(slots_[plan_slots_[i]], change, event.via, now);
    if (i == 0 && !event.answered.empty()) {
      line += fmt::format("; bgpd answered \"{}\"", fmt::join(event.answered, "; "));
    }
    effects.push_back(Tell{Severity::warning, std::move(line)});
  }
  confirm_pause_ = first_confirm_pause;
  observe(*event.observed, now, effects);
}

std::string SoftPath::tell_change(const Slot& slot, const Change& change, std::string_view via,
                                  Time now) const {
  const bool withdrawn = change.verb == Change::Verb::withdraw;
  // The verdict is old: somebody else, or a restart of bgpd, changed what had been put right.
  const std::string_view again =
      slot.reached ? (withdrawn ? " again (it had come back)" : " again (it had gone or changed)")
                   : "";
  return fmt::format("rule \"{}\": {} {}{} in {} through {}: {}; sent \"{}\"", slot.rule->name,
                     slot.prefix.text(), withdrawn ? "withdrawn" : "announced", again,
                     describe(now - busy_since_), via, cause(*slot.rule), statements_of(change));
}

void SoftPath::trouble(Slot& slot, std::string text, Severity severity, Effects& effects) {
  if (slot.trouble == text) return;
  effects.push_back(
      Tell{severity, fmt::format("rule \"{}\": {} {}", slot.rule->name, slot.prefix.text(), text)});
  slot.trouble = std::move(text);
}

std::optional<Change> SoftPath::change_for(Slot& slot, const View& view, Effects& effects) {
  if (slot.desired == Desired::as_it_is) return std::nullopt;
  if (!view.instance) {
    const auto chosen = choose_instance(seen_->config, slot.lookup.instance);
    if (slot.desired == Desired::announced || view.presence != Presence::absent) {
      trouble(slot, fmt::format("cannot be {}: {}", name(slot.desired), chosen.error().text()),
              Severity::error, effects);
    }
    return std::nullopt;
  }
  if (slot.desired == Desired::withdrawn) {
    if (!view.configured) return std::nullopt;
    return Change{Change::Verb::withdraw, view.instance->asn, view.instance->key, slot.prefix, {}};
  }
  NetworkOptions options = slot.options.value_or(NetworkOptions{});
  if (slot.rule->route_map) options.route_map = slot.rule->route_map;
  if (view.configured && *view.configured == options) return std::nullopt;
  // bgpd takes a route-map that it does not have without a word, and then withdraws the prefix.
  if (options.route_map && !seen_->config.route_maps.contains(options.route_map->text())) {
    trouble(slot,
            fmt::format("cannot be announced with route-map {}: bgpd has no such route-map, and "
                        "would withdraw the prefix (define it in bgpd, or correct route_map)",
                        options.route_map->text()),
            Severity::error, effects);
    return std::nullopt;
  }
  return Change{Change::Verb::announce, view.instance->asn, view.instance->key, slot.prefix,
                options};
}

void SoftPath::make_plan(Effects& effects) {
  std::vector<std::pair<Change, std::size_t>> wanted;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (auto change = change_for(slots_[i], view(slots_[i]), effects))
      wanted.emplace_back(*change, i);
  }
  // Withdrawals first: they are what users wait for. Then by instance and family, so that each is
  // entered once.
  std::ranges::sort(wanted, {}, [](const auto& entry) {
    const Change& change = entry.first;
    return std::tuple(change.asn, change.instance, change.prefix.family(),
                      change.verb == Change::Verb::announce, change.prefix);
  });
  plan_ = {};
  plan_slots_.clear();
  for (auto& [change, slot] : wanted) {
    plan_.changes.push_back(std::move(change));
    plan_slots_.push_back(slot);
  }
  dirty_ = false;
}

std::vector<Lookup> SoftPath::all_lookups() const {
  std::vector<Lookup> lookups;
  lookups.reserve(slots_.size());
  for (const Slot& slot : slots_) lookups.push_back(slot.lookup);
  return lookups;
}

void SoftPath::advance(Time now, Effects& effects) {
  if (busy_ || slots_.empty()) return;
  if (seen_ && !stale_) {
    if (dirty_) make_plan(effects);
    if (!plan_.empty()) {
      if (now < next_try_) return;
      std::vector<Lookup> lookups;
      for (std::size_t slot : plan_slots_) lookups.push_back(slots_[slot].lookup);
      effects.push_back(ApplyPlan{plan_, std::move(lookups)});
      busy_ = true;
      busy_since_ = now;
      return;
    }
  }
  if (now < next_read_) return;
  effects.push_back(ReadBgpd{all_lookups()});
  busy_ = true;
  busy_since_ = now;
}

std::optional<Time> SoftPath::next_wake() const {
  if (busy_ || slots_.empty()) return std::nullopt;
  if (seen_ && !stale_ && !plan_.empty()) return next_try_;
  return next_read_;
}

std::optional<SoftPath::Exposed> SoftPath::longest_exposed(bool may_fall_back) const {
  const Slot* longest = nullptr;
  for (const Slot& slot : slots_) {
    if (!slot.exposed_since || slot.rule->may_fall_back != may_fall_back) continue;
    if (!longest || *slot.exposed_since < *longest->exposed_since) longest = &slot;
  }
  if (!longest) return std::nullopt;
  std::string obstacle = !last_failure_.empty() ? last_failure_
                         : longest->trouble     ? "it " + *longest->trouble
                                                : "bgpd has not withdrawn it yet";
  return Exposed{*longest->exposed_since,
                 fmt::format("rule \"{}\": {} could not be withdrawn: {}; {}", longest->rule->name,
                             longest->prefix.text(), obstacle, cause(*longest->rule))};
}

bool SoftPath::any_wanted() const {
  return std::ranges::any_of(slots_,
                             [](const Slot& slot) { return slot.desired == Desired::announced; });
}

bool SoftPath::agrees() const {
  if (gone_) {
    return std::ranges::none_of(slots_,
                                [](const Slot& s) { return s.desired == Desired::announced; });
  }
  if (!seen_ || busy_) return false;
  return std::ranges::all_of(slots_, [this](const Slot& slot) { return agrees(slot, view(slot)); });
}

SoftPath::Options SoftPath::options() const {
  Options options;
  for (const Slot& slot : slots_) {
    if (!slot.options || *slot.options == NetworkOptions{}) continue;
    if (seen_ && view(slot).configured) continue;
    options.emplace(Key{slot.rule->name, slot.prefix}, *slot.options);
  }
  return options;
}

std::vector<PrefixReport> SoftPath::report() const {
  std::vector<PrefixReport> reports;
  for (const Slot& slot : slots_) {
    const View seen = view(slot);
    std::string instance = "unknown";
    if (seen.instance) {
      instance = seen.instance->text();
    } else if (seen_) {
      const auto chosen = choose_instance(seen_->config, slot.lookup.instance);
      if (!chosen) instance = chosen.error().text();
    }
    PrefixReport report{.rule = slot.rule->name,
                        .prefix = slot.prefix,
                        .instance = std::move(instance),
                        .health = health(*slot.rule),
                        .desired = slot.desired,
                        .why = cause(*slot.rule),
                        .configured = {},
                        .options = slot.options,
                        .in_table = {},
                        .trouble = slot.trouble,
                        .agrees = agrees(slot, seen)};
    if (seen_) report.configured = seen.configured != nullptr;
    if (gone_) report.configured = false;
    if (seen.presence != Presence::unknown) report.in_table = seen.presence == Presence::present;
    if (seen.configured) report.options = *seen.configured;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace withdrawd::core
