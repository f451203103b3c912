#include "daemon/meter.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <utility>

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, 3> states{"announced", "degraded", "withdrawn"};

template <std::size_t N>
json::array array_of(const std::array<std::uint64_t, N>& counts) {
  json::array array;
  for (const std::uint64_t count : counts) array.emplace_back(count);
  return array;
}

std::uint64_t count_of(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  return value.is_int64() && value.get_int64() > 0 ? static_cast<std::uint64_t>(value.get_int64())
                                                   : 0;
}

std::uint64_t count_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? count_of(*value) : 0;
}

template <std::size_t N>
void read_array(const json::object& object, std::string_view key,
                std::array<std::uint64_t, N>& counts) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_array() || value->get_array().size() != N) return;
  for (std::size_t i = 0; i < N; ++i) counts[i] = count_of(value->get_array()[i]);
}

Histogram histogram_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_object() ? Histogram::from_json(value->get_object()) : Histogram();
}

/// Calls `read(counts, object)` for each name of `all` that `object` has under `key`.
template <class T, class Read>
void each_named(const json::object& object, std::string_view key, std::map<std::string, T>& all,
                Read read) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_object()) return;
  for (auto& [name, counts] : all) {
    const auto* one = value->get_object().if_contains(name);
    if (one && one->is_object()) read(counts, one->get_object());
  }
}

/// Of what began at `since`, if it did, and ends now.
void add_time(std::optional<core::Time>& since, core::Time now, Histogram& histogram) {
  if (since) histogram.add(now - *since);
  since.reset();
}

/// Keeps what has one of these names, and begins the others.
template <class T, class Names>
void keep_named(std::map<std::string, T>& all, const Names& names) {
  std::map<std::string, T> kept;
  for (const std::string& name : names) kept[name] = std::move(all[name]);
  all = std::move(kept);
}

}  // namespace

void Histogram::add(core::Duration span) {
  const double seconds = std::chrono::duration<double>(span).count();
  const auto place = std::ranges::lower_bound(bounds, seconds);
  ++counts_[static_cast<std::size_t>(place - bounds.begin())];
  sum_ += seconds;
}

json::object Histogram::to_json() const {
  return {{"counts", array_of(counts_)}, {"sum", sum_}};
}

Histogram Histogram::from_json(const json::object& object) {
  Histogram histogram;
  read_array(object, "counts", histogram.counts_);
  const auto* sum = object.if_contains("sum");
  const double value = sum && sum->is_number() ? sum->to_number<double>() : 0;
  if (value > 0 && value < 1e15) histogram.sum_ = value;
  return histogram;
}

void Meter::use(const core::Settings& settings) {
  check_names_.clear();
  check_names_.reserve(settings.checks.size());
  for (const auto& check : settings.checks) check_names_.push_back(check.name);
  std::vector<std::string> rules;
  rules.reserve(settings.rules.size());
  for (const auto& rule : settings.rules) rules.push_back(rule.name);
  keep_named(counts_.checks, check_names_);
  keep_named(counts_.rules, rules);
  // Those of an earlier configuration get no answers any more.
  reading_since_.reset();
  applying_since_.reset();
}

void Meter::happened(const core::Event& event, core::Time now) {
  if (const auto* answer = std::get_if<core::CheckAnswered>(&event)) {
    CheckCounts& counts = counts_.checks[check_names_.at(answer->check)];
    ++counts.outcomes.at(static_cast<std::size_t>(answer->outcome.kind));
    // What could not be asked took no time to answer.
    if (answer->outcome.kind != core::OutcomeKind::unable) {
      counts.latency.add(answer->outcome.latency);
    }
  } else if (const auto* read = std::get_if<core::BgpdRead>(&event)) {
    attempts(read->attempts);
    add_time(reading_since_, now, counts_.reading);
  } else if (const auto* applied = std::get_if<core::PlanApplied>(&event)) {
    attempts(applied->attempts);
    for (const core::Attempt& attempt : applied->attempts) {
      TransportCounts& counts = counts_.transports[attempt.transport];
      const bool done = attempt.end == core::Attempt::End::done;
      (done ? counts.statements_sent : counts.statements_failed) += statements_;
    }
    add_time(applying_since_, now, counts_.applying);
  }
}

void Meter::attempts(const std::vector<core::Attempt>& attempts) {
  for (const core::Attempt& attempt : attempts) {
    TransportCounts& counts = counts_.transports[attempt.transport];
    ++counts.operations;
    counts.operations_failed += attempt.end != core::Attempt::End::done;
    counts.disobeyed += attempt.end == core::Attempt::End::disobeyed;
  }
}

void Meter::wanted(const core::Effect& effect, core::Time now) {
  if (std::holds_alternative<core::ReadBgpd>(effect)) {
    reading_since_ = now;
  } else if (const auto* apply = std::get_if<core::ApplyPlan>(&effect)) {
    statements_ = apply->plan.changes.size();
    applying_since_ = now;
    if (!reconciling_since_) reconciling_since_ = now;
  } else if (const auto* one = std::get_if<core::Note>(&effect)) {
    note(*one);
  }
}

void Meter::note(const core::Note& note) {
  using Kind = core::Note::Kind;
  if (note.kind == Kind::killed) ++counts_.kills;
  if (note.kind == Kind::restarted) ++counts_.restarts;
  const auto rule = counts_.rules.find(note.rule);
  if (rule == counts_.rules.end()) return;
  RuleCounts& counts = rule->second;
  if (note.kind == Kind::held) ++counts.held;
  if (note.kind == Kind::damped) ++counts.damped;
  if (note.kind == Kind::drained) ++counts.drained;
  const auto state = std::ranges::find(states, note.is);
  if (note.kind != Kind::changed || state == states.end()) return;
  auto& changes = note.by_us ? counts.by_withdrawd : counts.by_others;
  ++changes[static_cast<std::size_t>(state - states.begin())];
}

void Meter::settled(core::Time now) {
  add_time(reconciling_since_, now, counts_.reconciling);
}

json::object Meter::to_json() const {
  json::object checks, rules, transports;
  for (const auto& [name, one] : counts_.checks) {
    checks[name] =
        json::object{{"outcomes", array_of(one.outcomes)}, {"latency", one.latency.to_json()}};
  }
  for (const auto& [name, one] : counts_.rules) {
    rules[name] = json::object{{"by_withdrawd", array_of(one.by_withdrawd)},
                               {"by_others", array_of(one.by_others)},
                               {"held", one.held},
                               {"damped", one.damped},
                               {"drained", one.drained}};
  }
  for (const auto& [name, one] : counts_.transports) {
    transports[name] = json::object{{"statements_sent", one.statements_sent},
                                    {"statements_failed", one.statements_failed},
                                    {"disobeyed", one.disobeyed},
                                    {"operations", one.operations},
                                    {"operations_failed", one.operations_failed}};
  }
  return {{"checks", std::move(checks)},
          {"rules", std::move(rules)},
          {"transports", std::move(transports)},
          {"reading", counts_.reading.to_json()},
          {"applying", counts_.applying.to_json()},
          {"reconciling", counts_.reconciling.to_json()},
          {"kills", counts_.kills},
          {"restarts", counts_.restarts}};
}

void Meter::resume(const json::object& object) {
  each_named(object, "checks", counts_.checks, [](CheckCounts& counts, const json::object& from) {
    read_array(from, "outcomes", counts.outcomes);
    counts.latency = histogram_in(from, "latency");
  });
  each_named(object, "rules", counts_.rules, [](RuleCounts& counts, const json::object& from) {
    read_array(from, "by_withdrawd", counts.by_withdrawd);
    read_array(from, "by_others", counts.by_others);
    counts.held = count_in(from, "held");
    counts.damped = count_in(from, "damped");
    counts.drained = count_in(from, "drained");
  });
  for (const char* transport : {"socket", "vtysh", "telnet"}) counts_.transports[transport];
  each_named(object, "transports", counts_.transports,
             [](TransportCounts& counts, const json::object& from) {
               counts.statements_sent = count_in(from, "statements_sent");
               counts.statements_failed = count_in(from, "statements_failed");
               counts.disobeyed = count_in(from, "disobeyed");
               counts.operations = count_in(from, "operations");
               counts.operations_failed = count_in(from, "operations_failed");
             });
  counts_.reading = histogram_in(object, "reading");
  counts_.applying = histogram_in(object, "applying");
  counts_.reconciling = histogram_in(object, "reconciling");
  counts_.kills = count_in(object, "kills");
  counts_.restarts = count_in(object, "restarts");
}

}  // namespace withdrawd::daemon
