#include "fleet/membership.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/outcome.hpp"

namespace withdrawd::fleet {

using core::LeaveAnswered;
using core::PlaceState;
namespace {

std::string behind(const std::string& key) {
  return key + std::string(1, '\0');
}

}  // namespace

Membership::Membership(const core::Fleet& fleet, std::string run, WallClock clock)
    : fleet_(fleet), keys_(fleet.group), run_(std::move(run)), clock_(std::move(clock)) {}

void Membership::ask(const core::AskLeave& ask) {
  Place& place = places_[ask.prefix];
  place.name = ask.place;
  place.key = keys_.of_place(ask.place, fleet_.site);
  place.asked = ask.number;
  place.floor = ask.floor;
  // What was read when it was refused is no help: there were too few. Nor is half of a look, from
  // before the others had come up. And a share is one of those that live now.
  if (std::exchange(place.refused, false) || ask.floor.in_percent || !place.others_known) {
    begin_reading(place);
  }
  ++place.reading;  // an asking is answered by what is read after it
}

void Membership::say(const core::SayPlace& say) {
  Place& place = places_[say.prefix];
  if (place.name.empty()) place.floor = fleet_.keep_announcing;
  place.name = say.place;
  place.key = keys_.of_place(say.place, fleet_.site);
  place.wanted = say.said;
  if (say.said.state == PlaceState::sick) return;
  // Who stays needs no leave, and who has left needs none any more.
  place.asked.reset();
  place.refused = false;
}

void Membership::use_lease(Lease lease) {
  lease_ = lease;
  for (auto& [index, place] : places_) {
    place.own.reset();
    place.written.reset();
  }
}

std::string Membership::text_of(Place& place, const core::Place& said) {
  if (place.last_said != said) {
    place.last_said = said;
    place.since = clock_();
  }
  return place_text({said, place.since, run_});
}

void Membership::look_around() {
  if (fleet_.keep_announcing.in_percent) return;  // a share is looked for when it is asked for
  for (auto& [index, place] : places_) {
    if (may_lean_on_others(place) || !place.wanted || place.wanted->state != PlaceState::up)
      continue;
    begin_reading(place);
    place.look = true;
  }
}

void Membership::look_at_own() {
  auto it = places_.lower_bound(next_own_look_);
  if (it == places_.end()) it = places_.begin();
  if (it == places_.end()) return;
  next_own_look_ = it->first + 1;
  it->second.look_at_own = it->second.mine;
}

bool Membership::wants(const Place& place) const {
  return place.asked || place.look || place.look_at_own || is_unsaid(place);
}

bool Membership::is_unsaid(const Place& place) {
  return place.wanted && (!place.written || place.last_said != place.wanted);
}

bool Membership::has_work() const {
  return std::ranges::any_of(places_, [this](const auto& entry) { return wants(entry.second); });
}

std::size_t Membership::others_needed(const Place& place) const {
  return place.floor.needed(std::max<std::size_t>(place.live, 1));
}

bool Membership::may_lean_on_others(const Place& place) const {
  return place.others_known && place.others.size() >= others_needed(place);
}

void Membership::begin_reading(Place& place) {
  ++place.reading;
  place.others_known = false;
  place.others.clear();
  place.live = 0;
  place.reach = first_reach(place);
  place.from = behind(place.key);
}

Membership::Reach Membership::first_reach(const Place& place) {
  // A share is one of all.
  return place.floor.in_percent ? Reach::everywhere : Reach::near;
}

/// Each site begins behind itself: if all leaned on the same few, one of these that goes would be
/// in everybody's way. And where many have gone etcd finds the rest, for "up" is the greatest word
/// for a state, and what a record begins with.
Range Membership::others_range(const Place& place, Reach reach, const std::string& from) const {
  const std::string all = keys_.of_place(place.name);
  const std::size_t enough =
      std::max({fleet_.keep_announcing.in_percent ? 0 : fleet_.keep_announcing.least,
                place.floor.in_percent ? core::FleetFloor::most : place.floor.least});
  const auto few = static_cast<std::int64_t>(std::min(enough, core::FleetFloor::most) + 2);
  switch (reach) {
    case Reach::near:
      return {from, range_end(all), few};
    case Reach::further:
      return {from, range_end(all), page};
    case Reach::around:
      return {all, place.key, page};
    case Reach::everywhere:
      break;
  }
  return {all, range_end(all), few, true};
}

/// This site's own record, and whom to lean on.
Step Membership::look_step(Place& place) const {
  Step look{{}, {}, {{place.key, "", 0}}};
  if (!place.look || place.others_known || place.floor.in_percent) return look;
  if (place.from.empty()) begin_reading(place);
  look.reads.push_back(others_range(place, place.reach, place.from));
  return look;
}

std::optional<std::pair<Step, Membership::UnderWay>> Membership::next_step(std::size_t index,
                                                                           Place& place) {
  if (!wants(place)) return std::nullopt;
  const Range own{place.key, "", 0};
  if (place.asked && !(place.own && may_lean_on_others(place))) {
    if (place.others_known || place.from.empty()) begin_reading(place);
    const Range others = others_range(place, place.reach, place.from);
    return std::pair{Step{{}, {}, {own, others}},
                     UnderWay{index, Doing::looking, place.reading, place.reach}};
  }
  if (place.asked) {
    // The record itself says what is known of this prefix; the rest is said a moment later.
    core::Place leaving = place.wanted.value_or(core::Place{});
    leaving.state = PlaceState::left;
    leaving.announced = true;
    leaving.held = false;
    std::string text = text_of(place, leaving);
    Step step;
    step.when.push_back({place.key, *place.own});
    const std::size_t needed = others_needed(place);
    for (std::size_t i = 0; i < needed; ++i) {
      step.when.push_back({place.others[i].key, place.others[i].changed});
    }
    step.put = Step::Put{place.key, text, lease_};
    const Reach reach = first_reach(place);
    step.reads = {own, others_range(place, reach, behind(place.key))};
    return std::pair{std::move(step),
                     UnderWay{index, Doing::leaving, place.reading, reach, std::move(text)}};
  }
  // With an etcd so far away that the lease is always due, a look must not keep this site silent.
  if (!place.own || (place.look && !is_unsaid(place))) {
    Step look = look_step(place);
    return std::pair{std::move(look), UnderWay{index, Doing::looking, place.reading, place.reach}};
  }
  if (place.look_at_own && !is_unsaid(place)) {
    return std::pair{Step{{}, {}, {own}}, UnderWay{index, Doing::looking, place.reading}};
  }
  std::string text = text_of(place, *place.wanted);
  Step step{{{place.key, *place.own}}, Step::Put{place.key, text, lease_}, {own}};
  return std::pair{std::move(step),
                   UnderWay{index, Doing::saying, place.reading, {}, std::move(text)}};
}

Transaction Membership::next_transaction(std::size_t most) {
  Transaction transaction;
  under_way_.clear();
  std::size_t largest = 0;
  const auto add = [&](bool asking) {
    // From where the last one ended, once around.
    auto it = places_.lower_bound(next_place_);
    for (std::size_t i = 0; i < places_.size(); ++i, ++it) {
      if (it == places_.end()) it = places_.begin();
      // At least one fits: a step compares no more than the most that a floor asks for.
      const std::size_t size = std::max(largest, others_needed(it->second) + 1);
      if (!under_way_.empty() && under_way_.size() + size >= most) return;
      if (it->second.asked.has_value() != asking) continue;
      auto step = next_step(it->first, it->second);
      if (!step) continue;
      largest = std::max(largest, step->first.when.size());
      transaction.steps.push_back(std::move(step->first));
      under_way_.push_back(std::move(step->second));
    }
  };
  add(true);
  add(false);
  if (!under_way_.empty()) next_place_ = under_way_.back().index + 1;
  return transaction;
}

/// Whatever an earlier run of this host had on its way was fenced off by this run's first write.
void Membership::look_who_wrote(const Record& own) {
  const auto said = parse_place(own.value);
  if (said && said->run == run_) {
    if (!name_contested_by_.empty() && ++quiet_looks_ >= quiet_looks) name_contested_by_.clear();
    return;
  }
  quiet_looks_ = 0;
  name_contested_by_ = said && !said->run.empty() ? core::printable(said->run, 80)
                                                  : "one that does not say its name";
}

void Membership::learn_own(Place& place, const RangeResult& own) {
  const Revision changed = own.records.empty() ? 0 : own.records.front().changed;
  if (changed != 0 && place.mine) look_who_wrote(own.records.front());
  if (place.own == changed) return;
  place.own = changed;
  // Whatever it says: it is written once more, so that nothing older can come after it.
  place.written.reset();
}

void Membership::learn_others(Place& place, Reach reach, const RangeResult& result) {
  // Reading has begun anew meanwhile.
  if (place.others_known || place.reach != reach) return;
  if (reach == Reach::everywhere) {
    // With whatever has been found before: once each.
    place.others.clear();
    place.live = static_cast<std::size_t>(std::max<std::int64_t>(result.count, 0));
  }
  for (const Record& record : result.records) {
    const auto names = keys_.parse(record.key);
    if (!names || names->site == fleet_.site) continue;
    const auto said = parse_place(record.value);
    if (said && said->place.state == PlaceState::up) place.others.push_back(record);
  }
  const bool enough = place.others.size() >= others_needed(place);
  place.others_known = enough || reach == Reach::everywhere;
  if (place.others_known) return;
  const bool is_end = result.count <= static_cast<std::int64_t>(result.records.size());
  if (reach == Reach::near && is_end) {
    place.reach = Reach::around;
  } else if (reach == Reach::near) {
    place.reach = Reach::further;
    place.from = behind(result.records.back().key);
  } else {
    place.reach = Reach::everywhere;
  }
}

std::string Membership::shortage(const Place& place) const {
  if (place.others.empty()) return "no other site announces it healthy";
  std::string names;
  constexpr std::size_t shown = 3;
  for (std::size_t i = 0; i < std::min(place.others.size(), shown); ++i) {
    const auto parsed = keys_.parse(place.others[i].key);
    names += (i > 0 ? ", " : "") + core::printable(parsed ? parsed->site : "", 64);
  }
  if (place.others.size() > shown) names += ", ...";
  return fmt::format("only {} other site{} it healthy ({}), and {} must", place.others.size(),
                     place.others.size() == 1 ? " announces" : "s announce", names,
                     others_needed(place));
}

/// All that matters has been read: are there too few?
std::optional<LeaveAnswered> Membership::judge(std::size_t index, Place& place) {
  if (!place.asked || !place.others_known || place.others.size() >= others_needed(place)) {
    return std::nullopt;
  }
  const unsigned number = *std::exchange(place.asked, std::nullopt);
  place.refused = true;
  return LeaveAnswered{index, number, LeaveAnswered::Answer::refused, shortage(place)};
}

std::vector<LeaveAnswered> Membership::on_result(const TransactionResult& result) {
  std::vector<LeaveAnswered> answers;
  const auto under_way = std::exchange(under_way_, {});
  for (std::size_t i = 0; i < under_way.size() && i < result.steps.size(); ++i) {
    const UnderWay& done = under_way[i];
    const StepResult& step = result.steps[i];
    Place& place = places_[done.index];
    if (done.doing != Doing::looking && step.unchanged) {
      place.own = result.revision;
      place.written = done.text;
      place.mine = true;
      if (done.doing == Doing::saying) continue;
      // What was to be said before has been overtaken, unless it takes the asking back.
      if (!place.asked) {
        place.written.reset();
        continue;
      }
      place.wanted = place.last_said;
      place.refused = false;
      const unsigned number = *std::exchange(place.asked, std::nullopt);
      answers.push_back({done.index, number, LeaveAnswered::Answer::granted, ""});
      continue;
    }
    const bool looks = std::exchange(place.look, false);
    place.look_at_own = false;
    if (!step.reads.empty()) learn_own(place, step.reads[0]);
    if (step.reads.size() < 2 || done.reading != place.reading) continue;
    if (done.doing == Doing::leaving) begin_reading(place);
    learn_others(place, done.reach, step.reads[1]);
    place.look = looks && done.doing == Doing::looking && !place.others_known;
    if (auto refused = judge(done.index, place)) answers.push_back(std::move(*refused));
  }
  return answers;
}

void Membership::on_unknown() {
  for (const UnderWay& lost : std::exchange(under_way_, {})) {
    Place& place = places_[lost.index];
    place.own.reset();
    place.written.reset();
  }
}

std::vector<LeaveAnswered> Membership::give_up(const std::string& why) {
  std::vector<LeaveAnswered> answers;
  for (auto& [index, place] : places_) {
    if (!place.asked) continue;
    answers.push_back({index, *std::exchange(place.asked, std::nullopt),
                       LeaveAnswered::Answer::unreachable, why});
  }
  return answers;
}

bool Membership::any_refused() const {
  return std::ranges::any_of(places_, [](const auto& entry) { return entry.second.refused; });
}

std::vector<std::size_t> Membership::on_change(const Record& record) const {
  std::vector<std::size_t> helped;
  const auto names = keys_.parse(record.key);
  if (!names || names->site == fleet_.site) return helped;
  const auto said = parse_place(record.value);
  if (!said || said->place.state != PlaceState::up) return helped;
  for (const auto& [index, place] : places_) {
    if (place.refused && place.name == names->place) helped.push_back(index);
  }
  return helped;
}

}  // namespace withdrawd::fleet
