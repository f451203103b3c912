#include "core/soft_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

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
// When peers have heard of a change, and how many have is worth reading.
constexpr Duration peers_pause = milliseconds(500);
// A connection that ends is often followed by a bgpd that starts.
constexpr Duration reconnect_pause = milliseconds(20);
constexpr Duration process_pause = seconds(1);
// A bgpd that was frozen reads what it was sent before in the same moment as whatever it is asked
// then; by now it has dealt with both.
constexpr Duration late_statement = seconds(1);
// While a prefix is sick: what frr-reload or a restart announces again is gone within a second.
constexpr Duration watchful_interval = milliseconds(800);
// A statement whose prefix has not reached the table by then is not going to.
constexpr Duration table_patience = seconds(1);
// With an integrated frr.conf bgpd starts empty, and `vtysh -b` types its configuration afterwards.
constexpr Duration empty_patience = seconds(5);

/// Has the statement the route-map that takes the place of a withdrawal?
bool degrades(const Rule& rule, const NetworkOptions& options) {
  return options.route_map && options.route_map != rule.route_map &&
         (options.route_map == rule.on_down || options.route_map == rule.on_drain);
}

/// What was remembered of a prefix; also if it was in another rule, as long as it was in one only:
/// a rule may have been renamed, or the prefix moved.
template <class T>
class Recollection {
 public:
  explicit Recollection(const std::map<PrefixKey, T>& remembered) : remembered_(remembered) {
    for (const auto& [key, value] : remembered) by_prefix_.emplace(key.second, &value);
  }
  std::optional<T> of(const PrefixKey& key) const {
    if (auto it = remembered_.find(key); it != remembered_.end()) return it->second;
    const auto [first, end] = by_prefix_.equal_range(key.second);
    if (first == end || std::next(first) != end) return std::nullopt;
    return *first->second;
  }

 private:
  const std::map<PrefixKey, T>& remembered_;
  std::multimap<Prefix, const T*> by_prefix_;
};

/// What everybody knows goes without saying: "configure terminal", "exit-address-family", "end".
std::string statements_of(const Change& change) {
  return fmt::format("{}; address-family {} unicast; {}",
                     Instance{change.asn, change.instance, {}}.text(),
                     change.prefix.family() == Family::ipv4 ? "ipv4" : "ipv6", change.statement());
}

}  // namespace

SoftPath::SoftPath(const Settings& settings, const CheckSchedule& checks, const Options& remembered,
                   const StandIns& stand_ins, const Kills& kills, const Policy::Memory& policy)
    : settings_(settings),
      policy_(settings, checks, policy),
      contests_(policy_.size()),
      reach_(policy_.size()),
      confirm_pause_(first_confirm_pause) {
  const Recollection recalled_options(remembered);
  const Recollection recalled_stand_ins(stand_ins);
  const Recollection recalled_kills(kills);
  for (std::size_t i = 0; i < policy_.size(); ++i) {
    const Rule& rule = policy_.rule(i);
    const Prefix& prefix = policy_.prefix(i);
    Slot slot{.rule = &rule, .prefix = prefix, .lookup = {prefix, rule.instance}, .index = i};
    slot.options = recalled_options.of({rule.name, prefix});
    slot.stand_in = recalled_stand_ins.of({rule.name, prefix});
    observation_.add(slot.lookup);
    exposure_.add(rule.may_fall_back, recalled_kills.of({rule.name, prefix}).value_or(0));
    slots_.push_back(std::move(slot));
    by_prefix_.emplace(prefix, i);
  }
}

bool SoftPath::statement_agrees(const Slot& slot, const View& view) const {
  switch (slot.desired) {
    case Desired::as_it_is:
      return true;
    case Desired::withdrawn:
      return !view.configured;
    case Desired::degraded:
      return view.configured && view.configured->route_map == slot.degraded_by;
    case Desired::announced:
      break;
  }
  if (!view.configured) return false;
  if (slot.rule->route_map) return view.configured->route_map == slot.rule->route_map;
  return !degrades(*slot.rule, *view.configured) &&
         !(slot.stand_in && view.configured->route_map == slot.stand_in);
}

bool SoftPath::agrees(const Slot& slot, const View& view) const {
  if (slot.desired == Desired::as_it_is) return true;
  const Presence wanted = is_wanted(slot.desired) ? Presence::present : Presence::absent;
  return statement_agrees(slot, view) && view.presence == wanted;
}

void SoftPath::answered(std::size_t check, Time now, Effects& effects) {
  policy_.answered(check);
  decide(now, effects);
}

void SoftPath::on(const DrainChanged& event, Time now, Effects& effects) {
  policy_.drain(event, now, effects);
  decide(now, effects);
}

void SoftPath::on(const LeaveAnswered& event, Time now, Effects& effects) {
  policy_.on(event, now);
  decide(now, effects);
}

void SoftPath::on(const FleetReached& event, Time now, Effects& effects) {
  policy_.on(event, now, effects);
  decide(now, effects);
}

void SoftPath::on(const FleetChanged& event, Time now, Effects& effects) {
  policy_.on(event);
  decide(now, effects);
}

/// When leave is asked for what a kill would take along: early enough to have the answer by then.
std::optional<Time> SoftPath::kill_nears_at() const {
  return exposure_.first().transform(
      [this](Time first) { return first + settings_.fallback.after / 2; });
}

void SoftPath::retire(Time now, Effects& effects) {
  policy_.retire();
  decide(now, effects);
}

void SoftPath::decide(Time now, Effects& effects) {
  const std::uint64_t before = policy_.revision();
  const auto changed = policy_.decide(
      now, [this](std::size_t index) { return observation_.standing(index); }, effects);
  if (policy_.revision() == before) return;
  // Also of those for which the same is desired: what stays drained may have become sick, or well.
  for (Slot& slot : slots_) {
    if (must_go(slot) != exposure_.since(slot.index).has_value())
      judge_exposure(slot, view(slot), now);
  }
  for (const std::size_t index : changed) {
    Slot& slot = slots_[index];
    const DesiredState& wanted = policy_.desired_state(index);
    if (wanted.desired == slot.desired && wanted.route_map == slot.degraded_by) continue;
    slot.desired = wanted.desired;
    slot.degraded_by = wanted.route_map;
    slot.reached = false;
    slot.trouble.reset();
    slot.table_differs_since.reset();
    reach_.forget(index);
    const View seen = view(slot);
    judge_exposure(slot, seen, now);
    if (slot.desired != Desired::as_it_is && agrees(slot, seen)) {
      effects.push_back(
          LogLine{Severity::info,
                  fmt::format("rule \"{}\": {} is {} already: {}", slot.rule->name,
                              slot.prefix.text(), name(slot.desired), policy_.cause(index)),
                  {.rule = slot.rule->name, .prefix = slot.prefix.text(), .topic = "already"}});
    }
    last_verdict_ = now;
    dirty_ = true;
    calm_ = false;
    confirm_pause_ = first_confirm_pause;
    // News is not kept waiting for old failures.
    failure_pause_ = Duration::zero();
    next_try_ = now;
    // What was read last may be as old as the reconcile interval. If there is something to be typed
    // that goes first.
    next_read_ = now;
  }
}

// What is withdrawn for maintenance, or to be on the safe side, is worth no kill.
// What would have to go, if only bgpd said whether its group's minimum allows it, is exposed as
// well: bgpd is not killed for it, but somebody is told.
bool SoftPath::must_go(const Slot& slot) const {
  const DesiredState& wanted = policy_.desired_state(slot.index);
  const bool undecided =
      wanted.desired == Desired::as_it_is && wanted.reason == DesiredState::Reason::minimum;
  return (slot.desired == Desired::withdrawn || undecided) &&
         policy_.health(*slot.rule) == Health::down;
}

void SoftPath::judge_exposure(Slot& slot, const View& view, Time now) {
  // A statement may have reached the table since; who can read bgpd would see it there.
  const bool may_be_announced = view.presence != Presence::absent || (view.configured && !reached_);
  exposure_.set(slot.index, must_go(slot) && may_be_announced, now);
}

void SoftPath::stood_still(Duration lost) {
  exposure_.delay(lost);
}

void SoftPath::learn(Slot& slot, const View& view, Time now, Effects& effects) {
  if (!view.instance) return;
  Desired stated = Desired::withdrawn;
  if (view.configured) {
    stated = Desired::announced;
    NetworkOptions options = *view.configured;
    const bool stands_in = degrades(*slot.rule, options) ||
                           // Of a configuration that has been replaced since.
                           (slot.stand_in && options.route_map == slot.stand_in &&
                            options.route_map != slot.rule->route_map);
    const auto map = stands_in ? options.route_map : std::nullopt;
    if (std::exchange(slot.stand_in, map) != map) ++revision_;
    if (stands_in) {
      stated = Desired::degraded;
      const NetworkOptions before = slot.options.value_or(NetworkOptions{});
      options.route_map = before.route_map;
      options.untypable = before.untypable;
    }
    if (slot.options != options) ++revision_;
    slot.options = std::move(options);
  } else if (slot.stand_in) {
    slot.stand_in.reset();
    ++revision_;
  }
  const auto before = std::exchange(slot.stated, stated);
  if (!before || *before == stated) return;
  Note note;
  note.kind = Note::Kind::changed;
  note.rule = slot.rule->name;
  note.prefix = slot.prefix;
  note.was = name(*before);
  note.is = name(stated);
  note.by = "not withdrawd";
  if (slot.applied) {
    note.cause = *slot.applied;
    note.by = "withdrawd through " + via_;
    note.by_us = true;
  } else if (const auto late = unsure_.find(slot.index); late != unsure_.end()) {
    note.cause = late->second;
    note.by = "withdrawd";
    note.by_us = true;
    effects.push_back(
        LogLine{Severity::warning,
                fmt::format("rule \"{}\": {} {}: what bgpd was sent and did not answer has had its "
                            "effect: {}",
                            slot.rule->name, slot.prefix.text(), name(stated), late->second)});
  } else if (continuous_ && slot.reached && !statement_agrees(slot, view)) {
    undone_by_others(slot, now, effects);
  }
  effects.push_back(std::move(note));
}

// Read again, with nothing new in it, while all is as it should be: the ordinary case, ten thousand
// times a day, and with ten thousand prefixes the only one that has to be cheap.
bool SoftPath::changes_nothing(const Observed& observed) const {
  if (!calm_ || stale_ || dirty_ || observation_.gone() || !reached_ || withdrew_at_ ||
      !unanswered_.empty() || !refusal_.empty() || !unsure_.empty()) {
    return false;
  }
  return observation_.is_same(observed, busy_lookups_, looks_up_all_);
}

void SoftPath::observe(Observed observed, bool applied, Time now, Effects& effects) {
  if (looks_up_all_) all_due_ = now + settings_.reconcile_interval;
  graceful_restart_ = observed.config.graceful_restart;
  end_contests(now, effects);
  contests_.answered(busy_since_, observed.on_vty);
  if (!reach_.has_untold(now) && changes_nothing(observed)) {
    if (looks_up_all_) seen_from_ = busy_since_;
    next_read_ = now + reading_interval(now);
    return;
  }
  continuous_ = observation_.seen().has_value() && !observation_.gone();
  calm_ = false;
  observation_.take_in(std::move(observed), busy_lookups_);
  if (looks_up_all_) seen_from_ = busy_since_;
  if (!unanswered_.empty()) {
    if (told_unanswered_) effects.push_back(LogLine{Severity::info, "bgpd answers again"});
    unanswered_.clear();
    told_unanswered_ = false;
    // What it refused before it was away, it may take now.
    failure_pause_ = Duration::zero();
    next_try_ = now;
  }
  reached_ = true;
  silent_ = false;
  policy_.bgpd_gone(false);
  stale_ = false;
  if (!observation_.seen()->config.instances.empty()) {
    empty_since_.reset();
  } else if (!empty_since_) {
    empty_since_ = now;
  }

  for (Slot& slot : slots_) learn(slot, view(slot), now, effects);
  if (!unsure_.empty() && !unsure_until_) unsure_until_ = now + late_statement;
  policy_.bgpd_seen();
  decide(now, effects);
  for (Slot& slot : slots_) {
    const View seen = view(slot);
    judge_exposure(slot, seen, now);
    if (agrees(slot, seen)) {
      slot.reached = true;
      slot.trouble.reset();
      slot.table_differs_since.reset();
    }
    if (!applied) watch_reach(slot, seen, now, effects);
  }
  if (withdrew_at_ && now - *withdrew_at_ >= table_patience) {
    if (!exposure_.any()) ++obeyed_;
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
        return agrees(slot, view(slot)) || (is_wanted(slot.desired) && slot.trouble);
      });
  if (nothing_to_await && seen_from_ >= last_verdict_) {
    calm_ = plan_.empty() && std::ranges::all_of(slots_, [this](const Slot& slot) {
              return agrees(slot, view(slot));
            });
    confirm_pause_ = first_confirm_pause;
    next_read_ = now + reading_interval(now);
  } else if (nothing_to_await) {
    next_read_ = now;  // it was read before there was a verdict
  } else {
    next_read_ = now + confirm_pause_;
    confirm_pause_ = std::min(confirm_pause_ * 2, longest_confirm_pause);
  }
  watch_unsure(now);
}

// What was sent may still take effect after the first read, and may no longer be wanted then.
void SoftPath::watch_unsure(Time now) {
  if (!unsure_until_) return;
  if (now < *unsure_until_) {
    next_read_ = std::min(next_read_, *unsure_until_);
    return;
  }
  unsure_.clear();
  unsure_until_.reset();
}

void SoftPath::failed(const Failure& failure, Time now, Effects& effects) {
  std::string text = failure.error.text();
  const auto news = told_.news(text, now);
  const bool first = news.has_value();
  if (news) effects.push_back(LogLine{Severity::error, *news});

  // Whether it had an effect is not known. Somebody else may put things right as well: the one who
  // sits in configuration mode, for instance. So bgpd is read before anything is sent again.
  stale_ = true;
  silent_ = failure.trouble == Trouble::silent;
  Duration longest = longest_retry_pause;
  switch (failure.trouble) {
    case Trouble::unreachable:
      lose_sight();
      [[fallthrough]];
    case Trouble::silent:
      reached_ = false;
      unanswered_ = std::move(text);
      told_unanswered_ = told_unanswered_ || first;
      break;
    case Trouble::refused:
      // bgpd is not going to think better of it soon; only what is sick or drained is worth
      // hurrying.
      if (std::ranges::all_of(plan_slots_, [this](std::size_t slot) {
            return slots_[slot].desired == Desired::announced;
          })) {
        longest = std::max(longest, settings_.reconcile_interval);
      }
      [[fallthrough]];
    case Trouble::locked:
      reached_ = true;
      observation_.runs();
      policy_.bgpd_gone(false);
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
  next_read_ = now + std::min(failure_pause_, reading_interval(now));
}

Duration SoftPath::reading_interval(Time now) const {
  const bool odd = std::ranges::any_of(slots_, [this](const Slot& slot) {
    return slot.desired == Desired::withdrawn || slot.desired == Desired::degraded ||
           reach_.is_unheard(slot.index);
  });
  const auto usual = odd ? std::min<Duration>(settings_.reconcile_interval, watchful_interval)
                         : settings_.reconcile_interval;
  return std::min<Duration>(usual, contests_.reading_interval(now, took_).value_or(usual));
}

std::vector<Reach> SoftPath::find_reach(const Slot& slot, const View& view) const {
  const bool there = view.presence == Presence::present;
  // What is in the table and should not be, or should and is not, is told as such.
  if (!view.instance || slot.desired == Desired::as_it_is || there != is_wanted(slot.desired) ||
      view.presence == Presence::unknown) {
    return {};
  }
  ReachFacts facts{.config = observation_.seen()->config,
                   .instance = *view.instance,
                   .prefix = slot.prefix,
                   .in_table = there,
                   .peers = {},
                   .other = nullptr,
                   .looked_after = {}};
  if (there) {
    const auto peers = observation_.seen()->advertised_to.find(slot.lookup);
    if (peers != observation_.seen()->advertised_to.end()) facts.peers = peers->second;
    return judge_reach(facts);
  }
  const auto other = observation_.seen()->other_paths.find(slot.lookup);
  if (other != observation_.seen()->other_paths.end()) facts.other = &other->second;
  const auto [first, end] = by_prefix_.equal_range(slot.prefix);
  for (auto it = first; it != end; ++it) {
    const Instance* instance = this->view(slots_[it->second]).instance;
    if (instance) facts.looked_after.push_back(instance->key);
  }
  return judge_reach(facts);
}

void SoftPath::watch_reach(const Slot& slot, const View& view, Time now, Effects& effects) {
  for (const auto& [severity, text] :
       reach_.see(slot.index, find_reach(slot, view), name(slot.desired), now)) {
    effects.push_back(
        LogLine{severity,
                fmt::format("rule \"{}\": {} {}", slot.rule->name, slot.prefix.text(), text),
                {.rule = slot.rule->name, .prefix = slot.prefix.text(), .topic = "reach"}});
  }
}

// It is put right again at once, each time; but that is a fault that only a human can end.
void SoftPath::undone_by_others(Slot& slot, Time now, Effects& effects) {
  if (!contests_.undone(slot.index, now)) return;
  effects.push_back(LogLine{Severity::critical,
                            fmt::format("rule \"{}\": {} {}", slot.rule->name, slot.prefix.text(),
                                        contest_text(slot, now)),
                            {.rule = slot.rule->name, .prefix = slot.prefix.text()}});
}

std::string SoftPath::contest_text(const Slot& slot, Time now) const {
  return contests_.text(slot.index, is_wanted(slot.desired), via_, now);
}

void SoftPath::end_contests(Time now, Effects& effects) {
  for (const auto& [index, quiet_for] : contests_.end(now)) {
    const Slot& slot = slots_[index];
    effects.push_back(LogLine{
        Severity::warning,
        fmt::format("rule \"{}\": {} is left alone again: nobody else has changed it for {}",
                    slot.rule->name, slot.prefix.text(), describe(quiet_for)),
        {.rule = slot.rule->name, .prefix = slot.prefix.text()}});
  }
}

// It may be another bgpd next time: what this one was told says nothing of that one.
void SoftPath::lose_sight() {
  observation_.lose();
  withdrew_at_.reset();
}

void SoftPath::connection_lost(Time now) {
  // Once: a bgpd that hangs up on everybody is not asked any faster for it.
  if (reached_) next_read_ = std::min(next_read_, now + reconnect_pause);
  reached_ = false;
  stale_ = true;
  lose_sight();
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

void SoftPath::bgpd_replaced(bool running, Time now) {
  void_ = busy_;
  silent_ = false;
  process_found(running, now);
  if (running) looked_for_process_.reset();  // it should run; nobody has seen it yet
  reached_ = true;                           // so that it is read soon
  connection_lost(now);
  failure_pause_ = Duration::zero();
  next_try_ = now;
}

void SoftPath::process_found(bool running, Time now) {
  looked_for_process_ = now;
  if (!observation_.found(running)) return;
  policy_.bgpd_gone(!running);
  for (Slot& slot : slots_) judge_exposure(slot, view(slot), now);
}

bool SoftPath::wants_process(Time now) const {
  return !reached_ && (observation_.gone() || !unanswered_.empty()) &&
         (!looked_for_process_ || now - *looked_for_process_ >= process_pause);
}

bool SoftPath::ended() {
  busy_ = false;
  return !std::exchange(void_, false);
}

void SoftPath::on(BgpdRead event, Time now, Effects& effects) {
  if (!ended()) return;
  if (event.observed) {
    via_ = event.via;
    took_ = now - busy_since_;
    effects.push_back(
        LogLine{Severity::debug,
                fmt::format("bgpd read in {} through {}, {} look-ups", describe(now - busy_since_),
                            event.via, busy_lookups_.size())});
    observe(std::move(*event.observed), false, now, effects);
  } else {
    failed(event.observed.error(), now, effects);
  }
}

void SoftPath::on(PlanApplied event, Time now, Effects& effects) {
  if (!ended()) return;
  if (!event.observed) {
    const Trouble trouble = event.observed.error().trouble;
    if (trouble == Trouble::silent || trouble == Trouble::unreachable) {
      for (std::size_t i = 0; i < plan_slots_.size(); ++i) {
        unsure_.insert_or_assign(plan_slots_[i], plan_causes_[i]);
      }
      unsure_until_.reset();
    }
    failed(event.observed.error(), now, effects);
    return;
  }
  for (const Change& change : plan_.changes) {
    if (change.verb == Change::Verb::withdraw) withdrew_at_ = now;
  }
  effects.push_back(tell_changes(event, now));
  refusal_.clear();
  confirm_pause_ = first_confirm_pause;
  failure_pause_ = Duration::zero();
  via_ = event.via;
  calm_ = false;
  // What is observed leads to another plan.
  const auto applied = std::exchange(plan_slots_, {});
  const auto causes = std::exchange(plan_causes_, {});
  for (std::size_t i = 0; i < applied.size(); ++i) slots_[applied[i]].applied = &causes[i];
  looks_up_all_ = true;  // all that can have changed
  // Peers hear of a change a moment later than it is made.
  event.observed->advertised_to.clear();
  event.observed->other_paths.clear();
  observe(std::move(*event.observed), true, now, effects);
  for (const std::size_t slot : applied) slots_[slot].applied = nullptr;
  next_read_ = std::min(next_read_, now + peers_pause);
  all_due_ = now + peers_pause;
}

LogBatch SoftPath::tell_changes(const PlanApplied& event, Time now) const {
  struct Line {
    Change change;
    std::string rule, cause;
    std::string_view becomes;
    bool again;
  };
  std::vector<Line> lines;
  lines.reserve(plan_.changes.size());
  for (std::size_t i = 0; i < plan_.changes.size(); ++i) {
    const Change& change = plan_.changes[i];
    const Slot& slot = slots_[plan_slots_[i]];
    const std::string_view becomes = change.verb == Change::Verb::withdraw  ? "withdrawn"
                                     : degrades(*slot.rule, change.options) ? "degraded"
                                                                            : "announced";
    lines.push_back({change, slot.rule->name, plan_causes_[i], becomes, slot.reached});
  }
  std::string answered;
  if (!event.answered.empty()) {
    answered = fmt::format("; bgpd answered \"{}\"", fmt::join(event.answered, "; "));
  }
  return {lines.size(), [lines = std::move(lines), taken = describe(now - busy_since_),
                         via = event.via, answered = std::move(answered)](std::size_t i) {
            const auto& [change, rule, cause, becomes, again] = lines[i];
            // The verdict is old: somebody else, or a restart of bgpd, changed what had been put
            // right.
            const bool withdrawn = change.verb == Change::Verb::withdraw;
            const std::string_view once_more = !again      ? ""
                                               : withdrawn ? " again (it had come back)"
                                                           : " again (it had gone or changed)";
            const std::string prefix = change.prefix.text();
            return LogLine{Severity::warning,
                           fmt::format("rule \"{}\": {} {}{} in {} through {}: {}; sent \"{}\"{}",
                                       rule, prefix, becomes, once_more, taken, via, cause,
                                       statements_of(change), i == 0 ? answered : ""),
                           {.rule = rule, .prefix = prefix, .topic = std::string(becomes)}};
          }};
}

void SoftPath::trouble(Slot& slot, std::string text, Effects& effects) {
  if (slot.trouble == text) return;
  effects.push_back(
      LogLine{Severity::error,
              fmt::format("rule \"{}\": {} {}", slot.rule->name, slot.prefix.text(), text),
              {.rule = slot.rule->name, .prefix = slot.prefix.text(), .topic = "trouble"}});
  slot.trouble = std::move(text);
}

// The statement is as it should be; whether the table follows is up to bgpd.
void SoftPath::await_table(Slot& slot, const View& view, Time now, Effects& effects) {
  if (agrees(slot, view)) return;
  if (!slot.table_differs_since) slot.table_differs_since = now;
  if (now - *slot.table_differs_since < table_patience) return;
  if (view.presence == Presence::unknown) {
    trouble(slot, "cannot be looked up: bgpd does not say whether it is in the table", effects);
  } else if (is_wanted(slot.desired)) {
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

std::optional<Change> SoftPath::change_for(Slot& slot, const View& view, Time now,
                                           Effects& effects) {
  if (!view.instance) {
    const auto chosen = choose_instance(observation_.seen()->config, slot.lookup.instance);
    const bool starts = empty_since_ && now - *empty_since_ < empty_patience;
    if (!chosen && !starts && (is_wanted(slot.desired) || view.presence != Presence::absent)) {
      trouble(slot, fmt::format("cannot be {}: {}", name(slot.desired), chosen.error().text()),
              effects);
    }
    return std::nullopt;
  }
  const bool healthy = is_wanted(slot.desired);
  const Action action = four_cases(healthy, view.configured != nullptr);
  if (action == Action::take_down) {
    return Change{Change::Verb::withdraw, view.instance->asn, view.instance->key, slot.prefix, {}};
  }
  if (!healthy) return std::nullopt;
  NetworkOptions options = slot.options.value_or(NetworkOptions{});
  const bool degraded = slot.desired == Desired::degraded;
  const auto& named = degraded ? slot.degraded_by : slot.rule->route_map;
  if (named) {
    options.route_map = named;
    options.untypable = false;
  } else if (degrades(*slot.rule, options)) {
    // It was its own until a reload gave it to `on_down`.
    options.route_map.reset();
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
  if (options.route_map &&
      !observation_.seen()->config.route_maps.contains(options.route_map->text())) {
    trouble(slot,
            fmt::format("cannot be {} with route-map {}: bgpd has no such route-map, and would "
                        "withdraw the prefix (define it in bgpd, or correct {})",
                        name(slot.desired), options.route_map->text(),
                        degraded ? "on_down or on_drain" : "route_map"),
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
    if (auto change = change_for(slot, seen, now, effects)) {
      slot.table_differs_since.reset();
      wanted.emplace_back(std::move(*change), i);
    } else if (seen.instance && statement_agrees(slot, seen)) {
      await_table(slot, seen, now, effects);
    }
  }
  // Withdrawals first: they are what users wait for. Then by instance and family, so that each is
  // entered once for each of the two. A change is large, and many of them mostly are in order: so
  // what is sorted are their places.
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&wanted](std::size_t one, std::size_t other) {
    const auto rank = [](const Change& change) {
      using Rank = std::tuple<bool, Asn, const InstanceKey&, Family, const Prefix&>;
      return Rank(change.verb == Change::Verb::announce, change.asn, change.instance,
                  change.prefix.family(), change.prefix);
    };
    return rank(wanted[one].first) < rank(wanted[other].first);
  };
  if (!std::ranges::is_sorted(order, before)) std::ranges::sort(order, before);
  plan_ = {};
  plan_slots_.clear();
  plan_.changes.reserve(wanted.size());
  for (const std::size_t place : order) {
    plan_.changes.push_back(std::move(wanted[place].first));
    plan_slots_.push_back(wanted[place].second);
  }
  dirty_ = false;
}

std::vector<Lookup> SoftPath::all_lookups() const {
  std::vector<Lookup> lookups;
  lookups.reserve(slots_.size());
  for (const Slot& slot : slots_) lookups.push_back(slot.lookup);
  return lookups;
}

std::vector<Lookup> SoftPath::lookups_of_plan() const {
  // Nearly all may as well be all: then what is seen takes the place of what was seen, and nothing
  // has to be sorted in.
  if (plan_slots_.size() * 10 >= slots_.size() * 9) return all_lookups();
  std::vector<Lookup> lookups;
  lookups.reserve(plan_slots_.size());
  for (const std::size_t slot : plan_slots_) lookups.push_back(slots_[slot].lookup);
  return lookups;
}

// What is put back by hand shows in the configuration. That a sick prefix has come into the table
// by another way is found out here: at the next read, where there are not more of them than this.
std::vector<Lookup> SoftPath::some_sick_lookups() {
  constexpr std::size_t enough = 64;
  std::vector<Lookup> lookups;
  for (std::size_t i = 0; i < slots_.size() && lookups.size() < enough; ++i) {
    const Slot& slot = slots_[next_sick_];
    next_sick_ = (next_sick_ + 1) % slots_.size();
    if (slot.desired == Desired::withdrawn || slot.desired == Desired::degraded ||
        reach_.is_unheard(slot.index)) {
      lookups.push_back(slot.lookup);
    }
  }
  return lookups;
}

void SoftPath::begin(Time now, std::vector<Lookup> lookups) {
  busy_ = true;
  busy_since_ = now;
  busy_lookups_ = std::move(lookups);
}

void SoftPath::decide_by_time(Time now, Effects& effects) {
  if (policy_.guard().on()) {
    const auto near = kill_nears_at();
    policy_.kill_near(near && now >= *near);
  }
  decide(now, effects);
}

void SoftPath::advance(Time now, Effects& effects) {
  if (busy_ || slots_.empty()) return;
  if (observation_.seen() && !stale_) {
    if (dirty_) make_plan(now, effects);
    if (!plan_.empty() && now >= next_try_) {
      plan_causes_.clear();
      for (std::size_t i = 0; i < plan_slots_.size(); ++i) {
        const std::size_t slot = plan_slots_[i];
        // What a rule's health has brought about has the same cause for each of its prefixes.
        const bool same = i > 0 && slots_[plan_slots_[i - 1]].rule == slots_[slot].rule &&
                          policy_.desired_state(slot).reason == DesiredState::Reason::health &&
                          policy_.desired_state(slot) == policy_.desired_state(plan_slots_[i - 1]);
        plan_causes_.push_back(same ? plan_causes_.back() : policy_.cause(slot));
      }
      auto lookups = lookups_of_plan();
      effects.push_back(ApplyPlan{plan_, lookups});
      begin(now, std::move(lookups));
      return;
    }
  }
  if (now < next_read_) return;
  looks_up_all_ = !calm_ || stale_ || !observation_.seen() || now >= all_due_;
  auto lookups = looks_up_all_ ? all_lookups() : some_sick_lookups();
  effects.push_back(ReadBgpd{lookups, contests_.asks_who(now)});
  begin(now, std::move(lookups));
}

std::optional<Time> SoftPath::next_wake() const {
  std::optional<Time> policy = policy_.next_wake();
  if (policy_.guard().on()) {
    const auto near = kill_nears_at();
    if (near && !policy_.guard().is_kill_near() && (!policy || *near < *policy)) policy = near;
  }
  if (busy_ || slots_.empty()) return policy;
  // Also while a refused plan has to wait: what is seen meanwhile may call for another one.
  const Time operation = observation_.seen() && !stale_ && !plan_.empty()
                             ? std::min(next_try_, next_read_)
                             : next_read_;
  return policy ? std::min(*policy, operation) : operation;
}

const SoftPath::Longest& SoftPath::longest() const {
  Longest now{policy_.revision(), observation_.revision(), exposure_.revision()};
  if (longest_ && longest_->policy == now.policy && longest_->sights == now.sights &&
      longest_->exposure == now.exposure) {
    return *longest_;
  }
  now.at_stake =
      policy_.kill_hindrance([this](std::size_t index) { return observation_.standing(index); });
  now.of = exposure_.longest(now.at_stake.has_value());
  return longest_.emplace(std::move(now));
}

std::vector<SoftPath::Exposed> SoftPath::longest_exposed() const {
  if (!exposure_.any()) return {};
  std::vector<Exposed> all;
  for (const auto& [kills, index] : longest().of.may_fall_back) all.push_back(exposed(index));
  return all;
}

std::optional<SoftPath::Exposed> SoftPath::longest_forbidden() const {
  if (!exposure_.any()) return std::nullopt;
  const auto& index = longest().of.may_not;
  return index ? std::optional(exposed(*index)) : std::nullopt;
}

SoftPath::Exposed SoftPath::exposed(std::size_t index) const {
  const Slot& slot = slots_[index];
  const std::string obstacle = !unanswered_.empty() ? unanswered_
                               : !refusal_.empty()  ? refusal_
                               : slot.trouble       ? "it " + *slot.trouble
                               : busy_              ? "bgpd has not answered yet"
                                                    : "bgpd has not withdrawn it yet";
  return Exposed{*exposure_.since(index),
                 fmt::format("rule \"{}\": {} could not be withdrawn: {}; {}", slot.rule->name,
                             slot.prefix.text(), obstacle, policy_.cause(index)),
                 !slot.rule->may_fall_back ? std::string("fallback = \"never\"")
                                           : longest().at_stake.value_or(""),
                 exposure_.kills(index)};
}

void SoftPath::forget_kills_for_gone() {
  for (const Slot& slot : slots_) {
    if (must_go(slot) && !exposure_.since(slot.index)) exposure_.set_kills(slot.index, 0);
  }
}

void SoftPath::forget_kills_for_well(unsigned below) {
  if (!exposure_.any_kills()) return;
  for (const Slot& slot : slots_) {
    if (exposure_.kills(slot.index) < below && !must_go(slot)) exposure_.set_kills(slot.index, 0);
  }
}

bool SoftPath::any_wanted() const {
  return std::ranges::any_of(slots_, [](const Slot& slot) { return is_wanted(slot.desired); });
}

bool SoftPath::agrees() const {
  if (observation_.gone()) {
    return std::ranges::none_of(slots_, [](const Slot& slot) { return is_wanted(slot.desired); });
  }
  if (!observation_.seen() || stale_ || busy_ || seen_from_ < last_verdict_ ||
      policy_.guard().waits()) {
    return false;
  }
  return std::ranges::all_of(slots_, [this](const Slot& slot) { return agrees(slot, view(slot)); });
}

bool SoftPath::obstructed() const {
  if (policy_.guard().waits()) return false;
  if (!unanswered_.empty() || !refusal_.empty()) return true;
  if (!observation_.seen() || stale_ || busy_ || dirty_ || !plan_.empty()) return false;
  if (seen_from_ < last_verdict_) return false;  // it is read again before that is known
  return std::ranges::all_of(
      slots_, [this](const Slot& slot) { return slot.trouble || agrees(slot, view(slot)); });
}

SoftPath::Options SoftPath::options() const {
  Options options;
  for (const Slot& slot : slots_) {
    if (!slot.options || *slot.options == NetworkOptions{}) continue;
    options.emplace(key(slot), *slot.options);
  }
  return options;
}

SoftPath::Kills SoftPath::kills() const {
  Kills kills;
  if (!exposure_.any_kills()) return kills;
  for (const Slot& slot : slots_) {
    if (const unsigned count = exposure_.kills(slot.index)) kills.emplace(key(slot), count);
  }
  return kills;
}

SoftPath::StandIns SoftPath::stand_ins() const {
  StandIns stand_ins;
  for (const Slot& slot : slots_) {
    if (slot.stand_in) stand_ins.emplace(key(slot), *slot.stand_in);
  }
  return stand_ins;
}

std::optional<DrainReport> SoftPath::drain_report(const Slot& slot, Time now) const {
  const auto& drain = policy_.drain(slot.index);
  const auto switched = policy_.switched(slot.index);
  if (!drain && !switched) return std::nullopt;
  DrainReport report = drain ? DrainReport{drain->who, drain->why, now - drain->since, {}, {}}
                             : DrainReport{switched->check, "", now - switched->since, {}, {}};
  if (drain && drain->until && !switched) report.left = *drain->until - now;
  if (const auto end = policy_.grace_ends(slot.index); end && *end > now) {
    report.grace_left = *end - now;
  }
  return report;
}

std::vector<PrefixReport> SoftPath::report(Time now) const {
  std::vector<PrefixReport> reports;
  for (const Slot& slot : slots_) {
    const View seen = view(slot);
    std::string instance = "unknown";
    if (seen.instance) {
      instance = seen.instance->text();
    } else if (observation_.seen()) {
      const auto chosen = choose_instance(observation_.seen()->config, slot.lookup.instance);
      if (!chosen) instance = chosen.error().text();
    }
    PrefixReport report{.rule = slot.rule->name,
                        .prefix = slot.prefix,
                        .instance = std::move(instance),
                        .health = policy_.health(*slot.rule),
                        .desired = slot.desired,
                        .desired_for = {},
                        .reason = policy_.desired_state(slot.index).reason,
                        .why = policy_.cause(slot.index),
                        .configured = {},
                        .options = slot.options,
                        .in_table = {},
                        .peers = {},
                        .trouble = slot.trouble,
                        .agrees = agrees(slot, seen),
                        .drain = drain_report(slot, now),
                        .damping = {},
                        .fleet = {}};
    if (slot.desired != Desired::as_it_is) report.desired_for = now - policy_.since(slot.index);
    if (const auto damped = policy_.damped(slot.index, now)) {
      report.damping = DampingReport{damped->penalty, damped->suppressed,
                                     damped->suppressed ? damped->reuse_at - now : Duration{}};
    }
    if (const FleetGuard& guard = policy_.guard(); guard.on()) {
      report.fleet = PrefixReport::Fleet{guard.verdict(slot.index), guard.floor(slot.index),
                                         guard.detail(slot.index), guard.place(slot.index)};
    }
    if (observation_.seen()) report.configured = seen.configured != nullptr;
    if (observation_.gone()) report.configured = false;
    if (seen.presence != Presence::unknown) report.in_table = seen.presence == Presence::present;
    if (seen.configured) report.options = *seen.configured;
    if (observation_.seen() && !observation_.gone()) {
      const auto peers = observation_.seen()->advertised_to.find(slot.lookup);
      if (peers != observation_.seen()->advertised_to.end()) report.peers = peers->second;
    }
    if (observation_.seen() && !observation_.gone()) report.reach = reach_.of(slot.index);
    if (contests_.told(slot.index)) {
      report.reach.push_back({Reach::Kind::contested, contest_text(slot, now)});
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace withdrawd::core
