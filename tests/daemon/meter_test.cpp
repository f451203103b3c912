#include "daemon/meter.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace withdrawd;
using namespace std::chrono_literals;
using core::Attempt;
using core::Note;
using daemon::Histogram;
using daemon::Meter;

namespace {

const core::Time start{};

core::Settings settings_with(std::vector<std::string> checks, std::vector<std::string> rules) {
  core::Settings settings;
  for (auto& name : checks) {
    settings.checks.push_back({.name = name, .probe = core::FileCheck{}, .policy = {}});
  }
  for (auto& name : rules) {
    core::Rule rule;
    rule.name = name;
    settings.rules.push_back(rule);
  }
  return settings;
}

Meter meter_with(std::vector<std::string> checks, std::vector<std::string> rules) {
  Meter meter;
  meter.use(settings_with(std::move(checks), std::move(rules)));
  return meter;
}

core::CheckAnswered answered(std::size_t check, core::OutcomeKind kind, core::Duration latency) {
  return {check, {kind, latency, ""}};
}

Note changed(const char* rule, const char* is, bool by_us = true) {
  Note note;
  note.rule = rule;
  note.is = is;
  note.by_us = by_us;
  return note;
}

core::ApplyPlan plan_of(std::size_t statements) {
  core::ApplyPlan apply;
  const core::Change change{core::Change::Verb::withdraw,
                            core::Asn::from(65001).value(),
                            {},
                            core::Prefix::parse("192.0.2.0/24").value(),
                            {}};
  apply.plan.changes.assign(statements, change);
  return apply;
}

core::PlanApplied applied(std::vector<Attempt> attempts) {
  return {.observed = core::Observed{}, .via = "", .answered = {}, .attempts = std::move(attempts)};
}

std::uint64_t total(const Histogram& histogram) {
  return std::accumulate(histogram.counts().begin(), histogram.counts().end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("outcomes are counted by check and kind, with how long they took") {
  Meter meter = meter_with({"a", "b"}, {});
  meter.happened(answered(0, core::OutcomeKind::ok, 3ms), start);
  meter.happened(answered(0, core::OutcomeKind::ok, 1ms), start);
  meter.happened(answered(1, core::OutcomeKind::timeout, 20s), start);
  meter.happened(answered(1, core::OutcomeKind::unable, 0ms), start);
  const auto& a = meter.counts().checks.at("a");
  const auto& b = meter.counts().checks.at("b");
  CHECK(a.outcomes == std::array<std::uint64_t, 5>{2, 0, 0, 0, 0});
  CHECK(b.outcomes == std::array<std::uint64_t, 5>{0, 0, 1, 0, 1});
  CHECK(a.latency.sum() == doctest::Approx(0.004));
  CHECK(a.latency.counts()[0] == 1);  // at most 1 ms
  CHECK(a.latency.counts()[2] == 1);  // at most 5 ms
  CHECK(b.latency.counts().back() == 1);
  CHECK(total(b.latency) == 1);
}

TEST_CASE("statements are counted for each transport that was tried") {
  Meter meter = meter_with({}, {});
  meter.wanted(plan_of(3), start);
  meter.happened(applied({{"socket", Attempt::End::failed},
                          {"vtysh", Attempt::End::disobeyed},
                          {"telnet", Attempt::End::done}}),
                 start + 30ms);
  meter.wanted(core::ReadBgpd{}, start + 1s);
  meter.happened(core::BgpdRead{.observed = core::Observed{}, .via = "", .attempts = {{"socket"}}},
                 start + 1s + 2ms);
  const auto& transports = meter.counts().transports;
  CHECK(transports.at("socket").statements_failed == 3);
  CHECK(transports.at("socket").statements_sent == 0);
  CHECK(transports.at("socket").operations == 2);
  CHECK(transports.at("socket").operations_failed == 1);
  CHECK(transports.at("vtysh").disobeyed == 1);
  CHECK(transports.at("vtysh").statements_failed == 3);
  CHECK(transports.at("telnet").statements_sent == 3);
  CHECK(meter.counts().applying.sum() == doctest::Approx(0.03));
  CHECK(meter.counts().reading.sum() == doctest::Approx(0.002));
}

TEST_CASE("reconciling lasts from the first statement until all is as desired") {
  Meter meter = meter_with({}, {});
  CHECK_FALSE(meter.reconciling());
  meter.wanted(plan_of(1), start);
  meter.happened(applied({{"socket", Attempt::End::failed}}), start + 1s);
  meter.wanted(plan_of(1), start + 1s);
  CHECK(meter.reconciling());
  meter.settled(start + 3s);
  CHECK_FALSE(meter.reconciling());
  meter.settled(start + 9s);
  CHECK(total(meter.counts().reconciling) == 1);
  CHECK(meter.counts().reconciling.sum() == doctest::Approx(3));
}

TEST_CASE("changes are counted by rule, by what became of the prefix, and by who did it") {
  Meter meter = meter_with({}, {"r"});
  meter.wanted(changed("r", "withdrawn"), start);
  meter.wanted(changed("r", "announced", false), start);
  meter.wanted(changed("r", "degraded"), start);
  for (const auto kind : {Note::Kind::held, Note::Kind::damped, Note::Kind::drained}) {
    Note note;
    note.kind = kind;
    note.rule = "r";
    meter.wanted(note, start);
  }
  for (const auto kind : {Note::Kind::killed, Note::Kind::restarted}) {
    Note note;
    note.kind = kind;
    meter.wanted(note, start);
  }
  const auto& rule = meter.counts().rules.at("r");
  CHECK(rule.by_withdrawd == std::array<std::uint64_t, 3>{0, 1, 1});
  CHECK(rule.by_others == std::array<std::uint64_t, 3>{1, 0, 0});
  CHECK(rule.held == 1);
  CHECK(rule.damped == 1);
  CHECK(rule.drained == 1);
  CHECK(meter.counts().kills == 1);
  CHECK(meter.counts().restarts == 1);
}

TEST_CASE("counters survive a reload, and names that are gone are forgotten") {
  Meter meter = meter_with({"a", "gone"}, {"r", "left"});
  meter.happened(answered(0, core::OutcomeKind::ok, 1ms), start);
  meter.wanted(changed("r", "withdrawn"), start);
  meter.use(settings_with({"new", "a"}, {"r"}));
  CHECK(meter.counts().checks.size() == 2);
  CHECK(meter.counts().checks.at("a").outcomes[0] == 1);
  CHECK(meter.counts().rules.size() == 1);
  CHECK(meter.counts().rules.at("r").by_withdrawd[2] == 1);
  // Checks are known by their place in the settings, and that has changed.
  meter.happened(answered(0, core::OutcomeKind::error, 1ms), start);
  CHECK(meter.counts().checks.at("new").outcomes[3] == 1);
  CHECK(meter.counts().checks.at("a").outcomes[3] == 0);
}

TEST_CASE("another run goes on counting where the one before it ended") {
  Meter before = meter_with({"a", "gone"}, {"r"});
  before.happened(answered(0, core::OutcomeKind::ok, 3ms), start);
  before.wanted(changed("r", "withdrawn"), start);
  before.wanted(plan_of(2), start);
  before.happened(applied({{"vtysh"}}), start + 30ms);
  before.settled(start + 40ms);
  Meter after = meter_with({"a"}, {"r", "new"});
  after.resume(before.to_json());
  CHECK(after.counts().checks.at("a").outcomes[0] == 1);
  CHECK(after.counts().checks.at("a").latency.sum() == doctest::Approx(0.003));
  CHECK(after.counts().rules.at("r").by_withdrawd[2] == 1);
  CHECK(after.counts().transports.at("vtysh").statements_sent == 2);
  CHECK(total(after.counts().reconciling) == 1);
  CHECK(after.counts().checks.size() == 1);
  CHECK(after.counts().rules.size() == 2);
}

TEST_CASE("counters that are damaged begin at 0") {
  Meter meter = meter_with({"a"}, {"r"});
  meter.resume({{"checks", {{"a", {{"outcomes", {1, 2}}, {"latency", "x"}}}}},
                {"rules", 7},
                {"kills", -3},
                {"reading", {{"counts", {1}}, {"sum", -1}}}});
  CHECK(meter.counts().checks.at("a").outcomes == std::array<std::uint64_t, 5>{});
  CHECK(meter.counts().kills == 0);
  CHECK(meter.counts().reading.sum() == 0);
}
