#include "daemon/check_traces.hpp"

#include <doctest/doctest.h>

#include "reported.hpp"

using namespace withdrawd;
using daemon::CheckTraces;
using std::chrono::microseconds;
using std::chrono::minutes;

namespace {

const core::Time start = core::Time(minutes(1000));

core::Settings with_checks(std::initializer_list<std::string> names) {
  core::Report report = daemon::testing::report({});
  for (const auto& name : names) {
    report.checks.push_back(daemon::testing::check(name, core::Health::up));
  }
  return daemon::testing::settings(report);
}

core::Outcome good(int us) {
  return {core::OutcomeKind::ok, microseconds(us), ""};
}

core::Outcome bad() {
  return {core::OutcomeKind::timeout, std::chrono::seconds(1), ""};
}

CheckTraces traces() {
  CheckTraces made;
  made.use(with_checks({"a", "b"}));
  return made;
}

}  // namespace

TEST_CASE("a minute has the median and the highest of its good answers, and counts the bad") {
  CheckTraces made = traces();
  for (const int us : {900, 100, 300}) made.add(0, good(us), start);
  made.add(0, bad(), start);
  REQUIRE(made.trace(0, start).size() == 1);
  CHECK(made.trace(0, start)[0] ==
        CheckTraces::Minute{.median_us = 300, .highest_us = 900, .asked = 4, .failed = 1});
  CHECK(made.trace(1, start).empty());
}

TEST_CASE("what this host was unable to ask counts for nothing") {
  CheckTraces made = traces();
  made.add(0, {core::OutcomeKind::unable, {}, ""}, start);
  CHECK(made.trace(0, start).empty());
}

TEST_CASE("minutes in which nothing was asked are empty") {
  CheckTraces made = traces();
  made.add(0, good(100), start);
  made.add(0, good(200), start + minutes(3));
  const auto trace = made.trace(0, start + minutes(4));
  REQUIRE(trace.size() == 5);
  CHECK(trace[0].median_us == 100);
  CHECK(trace[1] == CheckTraces::Minute{});
  CHECK(trace[3].median_us == 200);
  CHECK(trace[4] == CheckTraces::Minute{});
}

TEST_CASE("the last two hours are kept, however long it runs and wherever the ring turns") {
  CheckTraces made = traces();
  for (int minute = 0; minute < 500; ++minute) {
    made.add(0, good(1000 + minute), start + minutes(minute));
  }
  const auto trace = made.trace(0, start + minutes(499));
  REQUIRE(trace.size() == CheckTraces::minutes);
  CHECK(trace.front().median_us == 1380);
  CHECK(trace.back().median_us == 1499);
  // After a silence longer than that nothing of it is left.
  made.add(0, good(7), start + minutes(2000));
  const auto later = made.trace(0, start + minutes(2000));
  CHECK(later.back().median_us == 7);
  for (std::size_t i = 0; i + 1 < later.size(); ++i) CHECK(later[i] == CheckTraces::Minute{});
}

TEST_CASE("a check that is asked without a pause has a median all the same") {
  CheckTraces made = traces();
  for (int i = 0; i < 50'000; ++i) made.add(0, good(1 + i % 1000), start);
  const auto minute = made.trace(0, start).at(0);
  CHECK(minute.asked == 50'000);
  CHECK(minute.highest_us == 1000);
  CHECK(minute.median_us > 400);
  CHECK(minute.median_us < 600);
}

TEST_CASE("another configuration keeps what is known of a check under its name") {
  CheckTraces made = traces();
  made.add(1, good(100), start);
  made.use(with_checks({"b", "c"}));
  CHECK(made.trace(0, start).size() == 1);
  CHECK(made.trace(1, start).empty());
  CHECK(made.trace(2, start).empty());
  made.add(2, good(100), start);  // of a check that is no more
}
