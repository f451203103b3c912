#include "core/fleet_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace withdrawd::core {
namespace {

/// Whoever was refused hears of changes; this is for those that went past unheard.
constexpr Duration refused_pause = std::chrono::seconds(5);
/// A store that comes back says so; this is for one that is back and has not.
constexpr Duration unreachable_pause = std::chrono::seconds(1);

bool is_in_table(Standing standing) {
  return standing == Standing::announced || standing == Standing::unstated;
}

bool is_withdrawn(const DesiredState& wanted) {
  return wanted.desired == Desired::withdrawn;
}

}  // namespace

FleetGuard::FleetGuard(const Settings& settings)
    : fleet_(settings.fleet ? &*settings.fleet : nullptr) {
  if (!fleet_) return;
  for (const Rule& rule : settings.rules) {
    for (const Prefix& prefix : rule.prefixes) {
      items_.push_back({.place = place_name(rule, prefix),
                        .floor = rule.keep_announcing.value_or(fleet_->keep_announcing)});
    }
  }
}

std::string FleetGuard::place_name(const Rule& rule, const Prefix& prefix) {
  std::string name = prefix.text();
  if (rule.instance.key && *rule.instance.key != InstanceKey{}) {
    name += "@" + rule.instance.key->text();
  }
  return name;
}

bool FleetGuard::on_event(const LeaveAnswered& answer, Time now) {
  Item& item = items_[answer.prefix];
  // An answer that is late for the clock still tells where this site stands.
  if (answer.number != item.number || item.leave == Leave::none) return false;
  item.said.reset();
  item.detail = answer.detail;
  switch (answer.answer) {
    case LeaveAnswered::Answer::granted:
      item.left = Left::given;
      forget(item);
      break;
    case LeaveAnswered::Answer::refused:
      item.leave = Leave::refused;
      item.retry_at = now + refused_pause;
      break;
    case LeaveAnswered::Answer::unreachable:
      item.leave = Leave::unreachable;
      item.retry_at = now + unreachable_pause;
      break;
  }
  return true;
}

bool FleetGuard::on_event(const FleetReached& reached, Time now) {
  const bool news = !reached_ || reached_->reached != reached.reached;
  reached_ = reached;
  if (news) reached_since_ = now;
  if (!news || !reached.reached) return false;
  for (Item& item : items_) {
    if (item.leave == Leave::unreachable) forget(item);
  }
  return true;
}

bool FleetGuard::on_event(const FleetChanged& changed) {
  bool again = false;
  for (const std::size_t index : changed.prefixes) {
    if (items_[index].leave != Leave::refused) continue;
    items_[index].retry_at = Time{};
    again = true;
  }
  return again;
}

bool FleetGuard::on_event(const FleetNameContested& contested) {
  return std::exchange(name_contested_by_, contested.by) != contested.by;
}

bool FleetGuard::bgpd_gone(bool gone) {
  return std::exchange(gone_, gone) != gone;
}

bool FleetGuard::kill_near(bool near) {
  return std::exchange(kill_near_, near) != near;
}

void FleetGuard::ask(std::size_t index, Time now, Effects& effects) {
  Item& item = items_[index];
  item.leave = Leave::asked;
  item.asked_at = now;
  effects.push_back(AskLeave{index, ++item.number, item.place, item.floor});
}

/// Whatever is answered from now on comes too late.
void FleetGuard::forget(Item& item) {
  if (item.leave == Leave::none) return;
  ++item.number;
  item.leave = Leave::none;
  // Said again, so that an answer which is under way is not what stays in the store.
  item.said.reset();
}

void FleetGuard::look_at_clock(Item& item, Time now) {
  if (item.leave != Leave::asked || now < item.asked_at + fleet_->timeout) return;
  item.leave = Leave::unreachable;
  item.retry_at = now + unreachable_pause;
  item.detail =
      fmt::format("the fleet's store has not answered within {}", describe(fleet_->timeout));
}

/// What follows for one that is to go.
void FleetGuard::settle(Item& item) {
  // Who has been refused knows of being among the last; that stands when the store goes away.
  if (item.leave == Leave::unreachable && !fleet_->hold_when_unreachable &&
      item.verdict != Verdict::held) {
    item.left = Left::without;
  }
  if (item.has_left()) {
    item.verdict = item.left == Left::without ? Verdict::without : Verdict::given;
  } else {
    item.verdict = item.leave == Leave::asked && item.verdict != Verdict::held ? Verdict::waiting
                                                                               : Verdict::held;
  }
}

DesiredState FleetGuard::judge(std::size_t index, const Facts& facts, Time now, Effects& effects) {
  if (!fleet_) return facts.wanted;
  Item& item = items_[index];
  const bool goes = is_withdrawn(facts.wanted);
  const bool absent = gone_ || facts.standing == Standing::absent;
  const bool heard = !absent && is_in_table(facts.standing);
  const bool begins = goes && !std::exchange(item.goes, goes);
  item.goes = goes;
  // Once it has gone without leave; but where the store is reached it knows by now.
  const bool reaches = reached_ && reached_->reached;
  if (begins && reaches && item.left == Left::without) item.left = Left::unasked;
  // It is back. To go again it needs leave: what it went with is used up, unless it had been given
  // and is still meant, or there is still nobody to ask. (Whoever puts it back by hand may have
  // seen that nobody else is left.)
  const bool returns = heard && std::exchange(item.is_away, false);
  const bool still_good = item.left == Left::given ? goes : item.left == Left::without && !reaches;
  if (returns && !still_good) {
    item.left = Left::no;
    forget(item);
  }
  if (absent) item.is_away = true;
  look_at_clock(item, now);
  if (absent || (goes && (facts.forced || item.floor.least == 0))) {
    if (!item.has_left()) item.left = Left::unasked;
    forget(item);
  }

  const bool wants = goes || facts.near_down || kill_near_;
  if (!wants) {
    forget(item);
    item.verdict = Verdict::none;
    if (item.left == Left::without) item.left = Left::unasked;
    // The place is given back when it is taken again, not when that is only meant.
    if (heard && facts.health != Health::unknown) item.left = Left::no;
  } else if (!item.has_left()) {
    const bool again = item.leave != Leave::none && item.leave != Leave::asked &&
                       (now >= item.retry_at || (begins && item.leave == Leave::refused));
    if (again) forget(item);
    if (item.leave == Leave::none) ask(index, now, effects);
  }
  if (goes || (kill_near_ && !item.has_left())) {
    settle(item);
  } else {
    item.verdict = Verdict::none;
  }
  tell_others(index, facts, effects);
  if (!goes || item.has_left()) return facts.wanted;
  DesiredState wanted = is_withdrawn(facts.before) ? DesiredState{} : facts.before;
  wanted.reason = DesiredState::Reason::fleet;
  return wanted;
}

void FleetGuard::tell_others(std::size_t index, const Facts& facts, Effects& effects) {
  Item& item = items_[index];
  const bool absent = gone_ || facts.standing == Standing::absent;
  // While the answer is on its way it decides what there is to tell.
  if (item.leave == Leave::asked) return;
  if (!item.has_left() && !is_in_table(facts.standing)) return;
  if (!item.has_left() && facts.health == Health::unknown) return;
  Place place{.announced = !absent,
              .health = facts.health,
              .drained = facts.drained,
              .held = item.verdict == Verdict::held && item.goes};
  const bool as_it_should_be = facts.health == Health::up && !item.goes && !facts.drained &&
                               facts.wanted.desired != Desired::degraded;
  place.state = item.has_left()   ? PlaceState::left
                : as_it_should_be ? PlaceState::up
                                  : PlaceState::sick;
  if (item.said == place) return;
  item.said = place;
  effects.push_back(SayPlace{index, item.place, place});
}

std::optional<Time> FleetGuard::next_change() const {
  std::optional<Time> next;
  const auto sooner = [&next](Time at) {
    if (!next || at < *next) next = at;
  };
  for (const Item& item : items_) {
    if (item.has_left()) continue;
    if (item.leave == Leave::asked) {
      sooner(item.asked_at + fleet_->timeout);
    } else if (item.leave != Leave::none) {
      sooner(item.retry_at);
    }
  }
  return next;
}

bool FleetGuard::waits() const {
  return std::ranges::any_of(items_, [](const Item& item) {
    return item.goes && !item.has_left() && item.leave == Leave::asked;
  });
}

std::optional<std::string> FleetGuard::kill_hindrance() const {
  for (const Item& item : items_) {
    if (item.has_left() || item.floor.least == 0) continue;
    if (item.leave == Leave::unreachable && !fleet_->hold_when_unreachable &&
        item.verdict != Verdict::held) {
      continue;
    }
    return fmt::format("keep_announcing of the fleet: no leave for {}{}", item.place,
                       item.detail.empty() ? "" : " (" + item.detail + ")");
  }
  return std::nullopt;
}

}  // namespace withdrawd::core
