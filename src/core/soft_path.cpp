#include "core/soft_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/four_cases.hpp"

namespace withdrawd::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Until the table agrees it is read again, soon at first: FRR lists a withdrawn path, marked
// `removed`, for up to 50 ms.
constexpr Duration first_confirm_pause = milliseconds(25);
constexpr Duration longest_confirm_pause = milliseconds(500);
// How soon to try again what failed, and, doubled each time, how late: a lock in configuration mode
// is held by a person or by a script, either may leave any moment; and after a restart of bgpd a
// sick prefix must be gone before a session can carry it, which needs a second or more.
constexpr Duration retry_pause = milliseconds(100);
constexpr Duration longest_retry_pause = milliseconds(500);
// A connection that ends is often followed by a bgpd that starts.
constexpr Duration reconnect_pause = milliseconds(20);
constexpr Duration process_pause = seconds(1);
// While a prefix is sick: what frr-reload or a restart announces again is gone within a second.
constexpr Duration watchful_interval = milliseconds(800);
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
    const Health one = checks_.verdict(check);
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
    if (checks_.verdict(check) != all) continue;
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

bool SoftPath::statement_agrees(const Slot& slot, const View& view) const {
  switch (slot.desired) {
    case Desired::as_it_is:
      return true;
    case Desired::withdrawn:
      return !view.configured;
    case Desired::announced:
      break;
  }
  return view.configured &&
         (!slot.rule->route_map || view.configured->route_map == slot.rule->route_map);
}

bool SoftPath::agrees(const Slot& slot, const View& view) const {
  if (slot.desired == Desired::as_it_is) return true;
  const Presence wanted = slot.desired == Desired::announced ? Presence::present : Presence::absent;
  return statement_agrees(slot, view) && view.presence == wanted;
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
      // Also again: the one check that was known to be down is up, another was not asked yet.
      case Health::unknown:
        break;
    }
    if (desired == slot.desired) continue;
    slot.desired = desired;
    slot.desired_since = now;
    slot.reached = false;
    slot.trouble.reset();
    slot.table_differs_since.reset();
    const View seen = view(slot);
    judge_exposure(slot, seen, now);
    if (desired != Desired::as_it_is && agrees(slot, seen)) {
      effects.push_back(
          Tell{Severity::info, fmt::format("rule \"{}\": {} is {} already: {}", slot.rule->name,
                                           slot.prefix.text(), name(desired), cause(*slot.rule))});
    }
    last_verdict_ = now;
    dirty_ = true;
    confirm_pause_ = first_confirm_pause;
    // News is not kept waiting for old failures.
    failure_pause_ = Duration::zero();
    next_try_ = now;
    // What was read last may be as old as the reconcile interval.
    next_read_ = stale_ ? now : std::min(next_read_, now + confirm_pause_);
  }
}

void SoftPath::judge_exposure(Slot& slot, const View& view, Time now) {
  // A statement may have reached the table since; who can read bgpd would see it there.
  const bool may_be_announced = view.presence != Presence::absent || (view.configured && !reached_);
  if (slot.desired != Desired::withdrawn || !may_be_announced) {
    slot.exposed_since.reset();
  } else if (!slot.exposed_since) {
    slot.exposed_since = now;
  }
}

bool SoftPath::any_exposed() const {
  return std::ranges::any_of(slots_,
                             [](const Slot& slot) { return slot.exposed_since.has_value(); });
}

void SoftPath::observe(const Observed& observed, Time now, Effects& effects) {
  if (seen_) {
    seen_->config = observed.config;
    // What bgpd was asked and did not answer is not known any longer.
    for (const Lookup& lookup : busy_lookups_) seen_->in_table.erase(lookup);
    for (const auto& [lookup, present] : observed.in_table) seen_->in_table[lookup] = present;
  } else {
    seen_ = observed;
  }
  seen_from_ = busy_since_;
  if (!unanswered_.empty()) {
    if (told_unanswered_) effects.push_back(Tell{Severity::info, "bgpd answers again"});
    unanswered_.clear();
    told_unanswered_ = false;
    // What it refused before it was away, it may take now.
    failure_pause_ = Duration::zero();
    next_try_ = now;
  }
  reached_ = true;
  gone_ = false;
  stale_ = false;

  for (Slot& slot : slots_) {
    const View seen = view(slot);
    if (seen.configured) slot.options = *seen.configured;
    judge_exposure(slot, seen, now);
    if (agrees(slot, seen)) {
      slot.reached = true;
      slot.trouble.reset();
      slot.table_differs_since.reset();
    }
  }
  if (withdrew_at_ && now - *withdrew_at_ >= table_patience) {
    if (!any_exposed()) ++obeyed_;
    withdrew_at_.reset();
  }
  const auto before = std::move(plan_.changes);
  make_plan(now, effects);
  if (plan_.changes != before) {
    // It is not kept waiting for what became of another one.
    failure_pause_ = Duration::zero();
    next_try_ = now;
  }
  if (plan_.empty()) refusal_.clear();
  // What is out of our hands needs no haste; what is sick does.
  const bool nothing_to_await =
      !plan_.empty() || std::ranges::all_of(slots_, [this](const Slot& slot) {
        return agrees(slot, view(slot)) || (slot.desired == Desired::announced && slot.trouble);
      });
  if (nothing_to_await && seen_from_ >= last_verdict_) {
    confirm_pause_ = first_confirm_pause;
    next_read_ = now + reading_interval();
  } else {
    next_read_ = now + confirm_pause_;
    confirm_pause_ = std::min(confirm_pause_ * 2, longest_confirm_pause);
  }
}

void SoftPath::failed(const Failure& failure, Time now, Effects& effects) {
  std::string text = failure.error.text();
  const bool first = told_.is_news(text, now);
  if (first) effects.push_back(Tell{Severity::error, text});

  // Whether it had an effect is not known. Somebody else may put things right as well: the one who
  // sits in configuration mode, for instance. So bgpd is read before anything is sent again.
  stale_ = true;
  Duration longest = longest_retry_pause;
  switch (failure.trouble) {
    case Trouble::unreachable:
      seen_.reset();
      [[fallthrough]];
    case Trouble::silent:
      reached_ = false;
      unanswered_ = std::move(text);
      told_unanswered_ = told_unanswered_ || first;
      break;
    case Trouble::refused:
      // bgpd is not going to think better of it soon; only a withdrawal is worth hurrying.
      if (std::ranges::all_of(plan_.changes, [](const Change& change) {
            return change.verb == Change::Verb::announce;
          })) {
        longest = std::max(longest, settings_.reconcile_interval);
      }
      [[fallthrough]];
    case Trouble::locked:
      reached_ = true;
      gone_ = false;
      unanswered_.clear();
      told_unanswered_ = false;
      refusal_ = std::move(text);
      break;
  }
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
  failure_pause_ = failure_pause_ == Duration::zero()
                       ? retry_pause
                       : std::min<Duration>(failure_pause_ * 2, longest);
  next_try_ = now + failure_pause_;
  next_read_ = now + std::min(failure_pause_, reading_interval());
}

Duration SoftPath::reading_interval() const {
  const bool sick = std::ranges::any_of(
      slots_, [](const Slot& slot) { return slot.desired == Desired::withdrawn; });
  return sick ? std::min<Duration>(settings_.reconcile_interval, watchful_interval)
              : settings_.reconcile_interval;
}

void SoftPath::connection_lost(Time now) {
  // Once: a bgpd that hangs up on everybody is not asked any faster for it.
  if (reached_) next_read_ = std::min(next_read_, now + reconnect_pause);
  reached_ = false;
  stale_ = true;
  seen_.reset();
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

void SoftPath::bgpd_replaced(bool running, Time now) {
  void_ = busy_;
  process_found(running, now);
  if (running) looked_for_process_.reset();  // it should run; nobody has seen it yet
  reached_ = true;                           // so that it is read soon
  connection_lost(now);
  failure_pause_ = Duration::zero();
  next_try_ = now;
}

void SoftPath::process_found(bool running, Time now) {
  looked_for_process_ = now;
  if (gone_ == !running) return;
  gone_ = !running;
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

bool SoftPath::wants_process(Time now) const {
  return !reached_ && !unanswered_.empty() &&
         (!looked_for_process_ || now - *looked_for_process_ >= process_pause);
}

bool SoftPath::ended() {
  busy_ = false;
  return !std::exchange(void_, false);
}

void SoftPath::on(const BgpdRead& event, Time now, Effects& effects) {
  if (!ended()) return;
  if (event.observed) {
    observe(*event.observed, now, effects);
  } else {
    failed(event.observed.error(), now, effects);
  }
}

void SoftPath::on(const PlanApplied& event, Time now, Effects& effects) {
  if (!ended()) return;
  if (!event.observed) {
    failed(event.observed.error(), now, effects);
    return;
  }
  for (std::size_t i = 0; i < plan_.changes.size(); ++i) {
    if (plan_.changes[i].verb == Change::Verb::withdraw) withdrew_at_ = now;
    std::string line = tell_change(i, event.via, now);
    if (i == 0 && !event.answered.empty()) {
      line += fmt::format("; bgpd answered \"{}\"", fmt::join(event.answered, "; "));
    }
    effects.push_back(Tell{Severity::warning, std::move(line)});
  }
  refusal_.clear();
  confirm_pause_ = first_confirm_pause;
  failure_pause_ = Duration::zero();
  observe(*event.observed, now, effects);
}

std::string SoftPath::tell_change(std::size_t index, std::string_view via, Time now) const {
  const Change& change = plan_.changes[index];
  const Slot& slot = slots_[plan_slots_[index]];
  const bool withdrawn = change.verb == Change::Verb::withdraw;
  // The verdict is old: somebody else, or a restart of bgpd, changed what had been put right.
  const std::string_view again =
      slot.reached ? (withdrawn ? " again (it had come back)" : " again (it had gone or changed)")
                   : "";
  return fmt::format("rule \"{}\": {} {}{} in {} through {}: {}; sent \"{}\"", slot.rule->name,
                     slot.prefix.text(), withdrawn ? "withdrawn" : "announced", again,
                     describe(now - busy_since_), via, plan_causes_[index], statements_of(change));
}

void SoftPath::trouble(Slot& slot, std::string text, Effects& effects) {
  if (slot.trouble == text) return;
  effects.push_back(Tell{Severity::error, fmt::format("rule \"{}\": {} {}", slot.rule->name,
                                                      slot.prefix.text(), text)});
  slot.trouble = std::move(text);
}

// The statement is as it should be; whether the table follows is up to bgpd.
void SoftPath::await_table(Slot& slot, const View& view, Time now, Effects& effects) {
  if (agrees(slot, view)) return;
  if (!slot.table_differs_since) slot.table_differs_since = now;
  if (now - *slot.table_differs_since < table_patience) return;
  if (view.presence == Presence::unknown) {
    trouble(slot, "cannot be looked up: bgpd does not say whether it is in the table", effects);
  } else if (slot.desired == Desired::announced) {
    trouble(slot,
            "is configured, but bgpd does not announce it (not in the RIB while `bgp network "
            "import-check` is on, or denied by its route-map)",
            effects);
  } else {
    trouble(slot,
            "has no network statement, yet is in the table (redistribute or aggregate-address?)",
            effects);
  }
}

std::optional<Change> SoftPath::change_for(Slot& slot, const View& view, Effects& effects) {
  if (!view.instance) {
    const auto chosen = choose_instance(seen_->config, slot.lookup.instance);
    if (!chosen && (slot.desired == Desired::announced || view.presence != Presence::absent)) {
      trouble(slot, fmt::format("cannot be {}: {}", name(slot.desired), chosen.error().text()),
              effects);
    }
    return std::nullopt;
  }
  const bool healthy = slot.desired == Desired::announced;
  const Action action = four_cases(healthy, view.configured != nullptr);
  if (action == Action::take_down) {
    return Change{Change::Verb::withdraw, view.instance->asn, view.instance->key, slot.prefix, {}};
  }
  if (!healthy) return std::nullopt;
  NetworkOptions options = slot.options.value_or(NetworkOptions{});
  if (slot.rule->route_map) {
    options.route_map = slot.rule->route_map;
    options.untypable = false;
  }
  if (action == Action::nothing && *view.configured == options) return std::nullopt;
  if (options.untypable) {
    trouble(slot,
            "cannot be announced: the statement had a route-map whose name has other characters "
            "than letters, digits and -_.:@+/=~ (announce it by hand, or set route_map)",
            effects);
    return std::nullopt;
  }
  // bgpd takes a route-map that it does not have without a word, and then withdraws the prefix.
  if (options.route_map && !seen_->config.route_maps.contains(options.route_map->text())) {
    trouble(slot,
            fmt::format("cannot be announced with route-map {}: bgpd has no such route-map, and "
                        "would withdraw the prefix (define it in bgpd, or correct route_map)",
                        options.route_map->text()),
            effects);
    return std::nullopt;
  }
  return Change{Change::Verb::announce, view.instance->asn, view.instance->key, slot.prefix,
                options};
}

void SoftPath::make_plan(Time now, Effects& effects) {
  std::vector<std::pair<Change, std::size_t>> wanted;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.desired == Desired::as_it_is) continue;
    const View seen = view(slot);
    if (auto change = change_for(slot, seen, effects)) {
      slot.table_differs_since.reset();
      wanted.emplace_back(std::move(*change), i);
    } else if (seen.instance && statement_agrees(slot, seen)) {
      await_table(slot, seen, now, effects);
    }
  }
  // Withdrawals first: they are what users wait for. Then by instance and family, so that each is
  // entered once for each of the two.
  std::ranges::sort(wanted, {}, [](const auto& entry) {
    const Change& change = entry.first;
    return std::tuple(change.verb == Change::Verb::announce, change.asn, change.instance,
                      change.prefix.family(), change.prefix);
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

void SoftPath::begin(Time now, std::vector<Lookup> lookups) {
  busy_ = true;
  busy_since_ = now;
  busy_lookups_ = std::move(lookups);
}

void SoftPath::advance(Time now, Effects& effects) {
  if (busy_ || slots_.empty()) return;
  if (seen_ && !stale_) {
    if (dirty_) make_plan(now, effects);
    if (!plan_.empty() && now >= next_try_) {
      std::vector<Lookup> lookups;
      plan_causes_.clear();
      for (std::size_t slot : plan_slots_) {
        lookups.push_back(slots_[slot].lookup);
        plan_causes_.push_back(cause(*slots_[slot].rule));
      }
      effects.push_back(ApplyPlan{plan_, lookups});
      begin(now, std::move(lookups));
      return;
    }
  }
  if (now < next_read_) return;
  effects.push_back(ReadBgpd{all_lookups()});
  begin(now, all_lookups());
}

std::optional<Time> SoftPath::next_wake() const {
  if (busy_ || slots_.empty()) return std::nullopt;
  // Also while a refused plan has to wait: what is seen meanwhile may call for another one.
  if (seen_ && !stale_ && !plan_.empty()) return std::min(next_try_, next_read_);
  return next_read_;
}

std::optional<SoftPath::Exposed> SoftPath::longest_exposed(bool may_fall_back) const {
  const Slot* longest = nullptr;
  for (const Slot& slot : slots_) {
    if (!slot.exposed_since || slot.rule->may_fall_back != may_fall_back) continue;
    if (!longest || *slot.exposed_since < *longest->exposed_since) longest = &slot;
  }
  if (!longest) return std::nullopt;
  std::string obstacle = !unanswered_.empty() ? unanswered_
                         : !refusal_.empty()  ? refusal_
                         : longest->trouble   ? "it " + *longest->trouble
                         : busy_              ? "bgpd has not answered yet"
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
  if (!seen_ || stale_ || busy_ || seen_from_ < last_verdict_) return false;
  return std::ranges::all_of(slots_, [this](const Slot& slot) { return agrees(slot, view(slot)); });
}

bool SoftPath::obstructed() const {
  if (!unanswered_.empty() || !refusal_.empty()) return true;
  if (!seen_ || stale_ || busy_ || dirty_ || !plan_.empty()) return false;
  if (seen_from_ < last_verdict_) return false;  // it is read again before that is known
  return std::ranges::all_of(
      slots_, [this](const Slot& slot) { return slot.trouble || agrees(slot, view(slot)); });
}

SoftPath::Options SoftPath::options() const {
  Options options;
  for (const Slot& slot : slots_) {
    if (!slot.options || *slot.options == NetworkOptions{}) continue;
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
