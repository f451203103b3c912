#include "daemon/verdict.hpp"

#include <doctest/doctest.h>

#include "reported.hpp"

using namespace withdrawd;
using namespace withdrawd::daemon;
using namespace withdrawd::daemon::testing;
using Grade = Verdict::Grade;

namespace {

core::Report three() {
  return report({announced("a", "192.0.2.0/24"), announced("a", "198.51.100.0/24"),
                 announced("b", "203.0.113.0/24")},
                {check("resolver", core::Health::up)});
}

void expect(const core::Report& report, Grade grade, const std::string& text) {
  const Verdict verdict = verdict_on(report);
  CHECK(verdict.in_full() == text);
  CHECK(name(verdict.grade) == name(grade));
}

}  // namespace

TEST_CASE("that all is as it should be is one sentence") {
  expect(three(), Grade::fine, "All 3 prefixes are announced.");
  expect(report({announced("a", "192.0.2.0/24")}), Grade::fine, "The one prefix is announced.");
}

TEST_CASE("a verdict counts what is withdrawn, says for what, and names the check") {
  core::Report seen = three();
  seen.prefixes[0] = sick("a", "192.0.2.0/24");
  seen.checks[0].health = core::Health::down;
  expect(seen, Grade::bad, "1 of 3 prefixes is withdrawn: 1 down. Check \"resolver\" is down.");
  seen.prefixes[2] = drained("b", "203.0.113.0/24");
  expect(seen, Grade::bad,
         "2 of 3 prefixes are withdrawn: 1 down, 1 drained. Check \"resolver\" is down.");
}

TEST_CASE("what somebody wants so is notable, and not bad") {
  core::Report seen = three();
  seen.prefixes[2] = drained("b", "203.0.113.0/24");
  expect(seen, Grade::notable, "1 of 3 prefixes is withdrawn: 1 drained.");
  seen.prefixes[2].desired = core::Desired::degraded;
  seen.prefixes[2].configured = seen.prefixes[2].in_table = true;
  expect(seen, Grade::notable, "1 is degraded.");
}

TEST_CASE("a prefix that is degraded for its health is bad") {
  core::Report seen = three();
  seen.prefixes[1].desired = core::Desired::degraded;
  expect(seen, Grade::bad, "1 is degraded.");
}

TEST_CASE("a sick prefix that is still announced comes first") {
  core::Report seen = three();
  seen.prefixes[1] = sick("a", "198.51.100.0/24");
  seen.prefixes[1].in_table = true;
  seen.prefixes[1].agrees = false;
  seen.prefixes[2] = sick("b", "203.0.113.0/24");
  expect(seen, Grade::bad,
         "1 prefix is announced and should not be: 198.51.100.0/24. "
         "1 of 3 prefixes is withdrawn: 1 down.");
  seen.failing = true;
  expect(seen, Grade::bad,
         "A sick prefix is still announced, and withdrawd may do no more about it: "
         "198.51.100.0/24.");
}

TEST_CASE("a prefix that is reached, or not, otherwise than its statement says is a fault") {
  using Kind = core::Reach::Kind;
  core::Report seen = three();
  seen.prefixes[0].reach = {{Kind::unheard, "is heard by nobody"}};
  expect(seen, Grade::bad, "1 is advertised to no peer.");
  CHECK(daemon::obstacle_of(seen.prefixes[0]) == "it is heard by nobody");
  seen = three();
  seen.prefixes[1] = sick("a", "198.51.100.0/24");
  seen.prefixes[1].reach = {{Kind::default_route, "has a default route"},
                            {Kind::handed_on, "is handed on"}};
  expect(seen, Grade::bad,
         "1 of 3 prefixes is withdrawn: 1 down. 1 is withdrawn, and reached through this host all "
         "the same.");
  CHECK(daemon::obstacle_of(seen.prefixes[1]) == "it is handed on");
  seen.failing = true;
  seen.prefixes[1].reach = {{Kind::contested, "comes back"}};
  expect(seen, Grade::bad,
         "Somebody else changes 198.51.100.0/24 back again and again: see who, and end it.");
}

TEST_CASE("somebody else's prefix does not hide the sick one that is still announced") {
  core::Report seen = three();
  seen.failing = true;
  seen.failing_why = "bgpd may not be killed for it";
  seen.prefixes[0].reach = {{core::Reach::Kind::contested, "comes back"}};
  seen.prefixes[1] = sick("a", "198.51.100.0/24");
  seen.prefixes[1].in_table = true;
  seen.prefixes[1].agrees = false;
  expect(seen, Grade::bad,
         "A sick prefix is still announced, and withdrawd may do no more about it: "
         "198.51.100.0/24. "
         "Somebody else changes 192.0.2.0/24 back again and again: see who, and end it.");
}

TEST_CASE("what bgpd as a whole lacks is said before anything else") {
  core::Report seen = three();
  seen.bgpd_reachable = false;
  expect(seen, Grade::bad, "bgpd does not answer: what is announced is not known.");
  seen.via = "";
  expect(seen, Grade::notable, "bgpd has not answered yet.");
  seen.bgpd_gone = true;
  expect(seen, Grade::bad, "bgpd does not run: nothing is announced.");
  seen.bgpd_killed = true;
  expect(seen, Grade::bad,
         "bgpd was killed by the fallback and does not run: nothing is announced.");
}

TEST_CASE("a prefix that is kept for its group's minimum only is bad, although it is announced") {
  core::Report seen = three();
  seen.prefixes[0].health = core::Health::down;
  seen.prefixes[0].reason = core::DesiredState::Reason::minimum;
  expect(seen, Grade::bad, "1 is kept only by min_announced.");
}

TEST_CASE("another host with this site's name is bad") {
  core::Report seen = three();
  seen.fleet = core::FleetReport{"edge", "fra1", true, "", {}, "ns2/1"};
  expect(seen, Grade::bad,
         "All 3 prefixes are announced. Another host (ns2/1) uses the site name fra1, too.");
}

TEST_CASE("before the checks have said anything nothing is said of the prefixes") {
  core::Report seen = three();
  for (auto& one : seen.prefixes) {
    one.health = core::Health::unknown;
    one.desired = core::Desired::as_it_is;
  }
  expect(seen, Grade::notable, "3 are not known yet.");
}

TEST_CASE("in hard mode the verdict is about bgpd") {
  core::Report seen = report({}, {check("resolver", core::Health::up)});
  seen.mode = core::Mode::hard;
  expect(seen, Grade::fine, "Hard mode: bgpd is to run. The check is up.");
  seen.checks[0].health = core::Health::down;
  expect(seen, Grade::bad, "Hard mode: bgpd is to be stopped. Check \"resolver\" is down.");
  seen.bgpd_gone = true;
  expect(seen, Grade::bad, "Hard mode: bgpd is stopped. Check \"resolver\" is down.");
  seen.checks[0].health = core::Health::up;
  expect(seen, Grade::bad, "Hard mode: bgpd is to run. The check is up. bgpd does not run.");
}

TEST_CASE("what comes first stands by itself") {
  core::Report seen = three();
  seen.prefixes[0] = sick("a", "192.0.2.0/24");
  seen.checks[0].health = core::Health::down;
  CHECK(verdict_on(seen).text == "1 of 3 prefixes is withdrawn: 1 down.");
  CHECK(verdict_on(seen).more == "Check \"resolver\" is down.");
}

TEST_CASE("of many checks that are down three are named") {
  core::Report seen = three();
  seen.prefixes[0] = sick("a", "192.0.2.0/24");
  seen.checks.clear();
  for (const char* name : {"p", "q", "r", "s", "t"}) {
    seen.checks.push_back(check(name, core::Health::down));
  }
  expect(seen, Grade::bad,
         "1 of 3 prefixes is withdrawn: 1 down. Checks \"p\", \"q\", \"r\" and 2 more are down.");
}

TEST_CASE("a statement that does not reach the table, and a path without one, are told") {
  core::PrefixReport one = announced("a", "192.0.2.0/24");
  CHECK_FALSE(obstacle_of(one));
  one.in_table = false;
  CHECK(obstacle_of(one).value().find("import-check") != std::string::npos);
  one.configured = false;
  one.in_table = true;
  CHECK(obstacle_of(one).value().find("redistribute") != std::string::npos);
  one.trouble = "has a route-map that bgpd has not";
  CHECK(obstacle_of(one) == "it has a route-map that bgpd has not");
}
