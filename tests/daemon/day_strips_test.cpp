#include "daemon/day_strips.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "reported.hpp"

using namespace withdrawd;
using namespace withdrawd::daemon;
using namespace withdrawd::daemon::testing;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

const WallTime noon = moment_of({.time = "2026-11-23T12:00:00.000Z"}).value();
const core::PrefixKey key{"anycast", prefix("192.0.2.0/24")};

HistoryEntry noted(WallTime at, core::Note note) {
  return entry_of(note, at);
}

HistoryEntry change(WallTime at, const std::string& was, const std::string& is,
                    const std::string& of = "192.0.2.0/24") {
  core::Note note;
  note.rule = "anycast";
  note.prefix = prefix(of);
  note.was = was;
  note.is = is;
  return noted(at, note);
}

HistoryEntry about_bgpd(WallTime at, core::Note::Kind kind) {
  core::Note note;
  note.kind = kind;
  return noted(at, note);
}

core::Report all_announced() {
  return report({announced("anycast", "192.0.2.0/24"), announced("anycast", "198.51.100.0/24")});
}

DayStrips strips() {
  DayStrips made;
  made.use(settings(all_announced()));
  return made;
}

using Strip = std::vector<DayStrips::Change>;

}  // namespace

TEST_CASE("an entry's time is what it was, to the millisecond") {
  const auto at = noon + std::chrono::milliseconds(123);
  CHECK(moment_of(change(at, "announced", "withdrawn")) == at);
  CHECK_FALSE(moment_of({.time = "yesterday"}));
  CHECK_FALSE(moment_of({.time = "2026-11-23T12:0x:00.000Z"}));
  CHECK_FALSE(moment_of({.time = "2026-11-23 12:00:00.000Z"}));
}

TEST_CASE("nothing is known of a prefix that nobody has told of") {
  CHECK(strips().strip(key, noon).empty());
  CHECK(strips().strip({"another", prefix("192.0.2.0/24")}, noon).empty());
}

TEST_CASE("a change tells also what was before it") {
  DayStrips made = strips();
  made.add(change(noon - hours(2), "announced", "withdrawn"));
  made.add(change(noon - hours(1), "withdrawn", "degraded"));
  CHECK(made.strip(key, noon) == Strip{{noon - hours(26), Standing::announced},
                                       {noon - hours(2), Standing::withdrawn},
                                       {noon - hours(1), Standing::degraded}});
}

TEST_CASE("what came before the day began is told by its last change only") {
  DayStrips made = strips();
  made.add(change(noon - hours(50), "announced", "withdrawn"));
  made.add(change(noon - hours(49), "withdrawn", "announced"));
  made.add(change(noon - hours(1), "announced", "withdrawn"));
  CHECK(made.strip(key, noon) ==
        Strip{{noon - hours(49), Standing::announced}, {noon - hours(1), Standing::withdrawn}});
}

TEST_CASE("a look at a prefix without any change on record tells since when it is wanted so") {
  DayStrips made = strips();
  made.see(all_announced(), noon);
  CHECK(made.strip(key, noon) == Strip{{noon - hours(1), Standing::announced}});
}

TEST_CASE("a look sees what nobody has changed: bgpd died, or does not answer") {
  DayStrips made = strips();
  made.see(all_announced(), noon);
  core::Report gone = all_announced();
  gone.bgpd_gone = true;
  made.see(gone, noon + minutes(1));
  core::Report silent = all_announced();
  silent.bgpd_reachable = false;
  silent.prefixes[0].in_table = {};
  made.see(silent, noon + minutes(2));
  made.see(all_announced(), noon + minutes(3));
  CHECK(made.strip(key, noon + minutes(4)) == Strip{{noon - hours(1), Standing::announced},
                                                    {noon + minutes(1), Standing::withdrawn},
                                                    {noon + minutes(2), Standing::unknown},
                                                    {noon + minutes(3), Standing::announced}});
}

TEST_CASE("the moment between a change and the next look at the table is not told as unknown") {
  DayStrips made = strips();
  made.see(all_announced(), noon);
  core::Report between = all_announced();
  between.prefixes[0].in_table = {};
  made.see(between, noon + minutes(1));
  CHECK(made.strip(key, noon + minutes(2)).size() == 1);
}

TEST_CASE("a kill takes every prefix down, and the restart brings back what there was") {
  DayStrips made = strips();
  made.add(change(noon - hours(3), "announced", "degraded"));
  made.add(about_bgpd(noon - hours(2), core::Note::Kind::killed));
  made.add(about_bgpd(noon - hours(1), core::Note::Kind::restarted));
  CHECK(made.strip(key, noon) == Strip{{noon - hours(27), Standing::announced},
                                       {noon - hours(3), Standing::degraded},
                                       {noon - hours(2), Standing::withdrawn},
                                       {noon - hours(1), Standing::degraded}});
  CHECK(made.strip({"anycast", prefix("198.51.100.0/24")}, noon) ==
        Strip{{noon - hours(2), Standing::withdrawn}, {noon - hours(1), Standing::unknown}});
}

TEST_CASE("of a prefix that changes more often than can be shown the older changes are forgotten") {
  DayStrips made = strips();
  for (int i = 0; i < 1000; ++i) {
    const bool down = i % 2 == 0;
    made.add(change(noon + std::chrono::seconds(i), down ? "announced" : "withdrawn",
                    down ? "withdrawn" : "announced"));
  }
  const auto strip = made.strip(key, noon + hours(1));
  CHECK(strip.size() == DayStrips::most_changes);
  CHECK(strip.back().at == noon + std::chrono::seconds(999));
}

TEST_CASE("a clock that is set back does not turn the order around") {
  DayStrips made = strips();
  made.add(change(noon, "announced", "withdrawn"));
  made.add(change(noon - minutes(10), "withdrawn", "announced"));
  const auto strip = made.strip(key, noon);
  CHECK(std::ranges::is_sorted(strip, {}, &DayStrips::Change::at));
  CHECK(strip.back().is == Standing::announced);
}

TEST_CASE("another configuration forgets only the prefixes that it has not") {
  DayStrips made = strips();
  made.add(change(noon - hours(1), "announced", "withdrawn"));
  made.add(change(noon - hours(1), "announced", "withdrawn", "198.51.100.0/24"));
  made.use(settings(report({announced("anycast", "192.0.2.0/24")})));
  CHECK(made.strip(key, noon).size() == 2);
  CHECK(made.strip({"anycast", prefix("198.51.100.0/24")}, noon).empty());
}

TEST_CASE("a rule's strip shows the worst of its prefixes") {
  DayStrips made = strips();
  made.see(all_announced(), noon - hours(23));
  made.add(change(noon - hours(2), "announced", "withdrawn", "198.51.100.0/24"));
  made.add(change(noon - minutes(61), "withdrawn", "announced", "198.51.100.0/24"));
  made.add(change(noon - hours(3), "announced", "degraded"));
  const auto strip = made.worst_strip("anycast", noon);
  // Both began at noon the day before; five minutes are the finest that it tells.
  CHECK(strip == Strip{{noon - hours(24), Standing::announced},
                       {noon - hours(3), Standing::degraded},
                       {noon - hours(2), Standing::withdrawn},
                       {noon - hours(1), Standing::degraded}});
  CHECK(made.worst_strip("another", noon) == Strip{{noon - hours(24), Standing::unknown}});
}
