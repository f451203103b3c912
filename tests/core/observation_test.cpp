#include "core/observation.hpp"

#include <doctest/doctest.h>

#include "small_world.hpp"

using namespace withdrawd::core;
using namespace withdrawd::core::testing;

namespace {

using Presence = Observation::Presence;

const Lookup p{prefix("192.0.2.0/24"), {}};
const Lookup q{prefix("198.51.100.0/24"), {}};

/// bgpd with a statement for the first, which is in its table.
Observed announced() {
  Observed observed;
  observed.config.instances.push_back({asn, {}, {{p.prefix, {}}}});
  observed.in_table = {{p, true}, {q, false}};
  return observed;
}

Observation two_prefixes() {
  Observation observation;
  observation.add(p);
  observation.add(q);
  return observation;
}

}  // namespace

TEST_CASE("of a bgpd that was not read nothing is known") {
  const Observation observation = two_prefixes();
  CHECK(observation.view(0).presence == Presence::unknown);
  CHECK(observation.standing(0) == Standing::unknown);
}

TEST_CASE("where each prefix stands in what was read") {
  Observation observation = two_prefixes();
  observation.take_in(announced(), {p, q});
  CHECK(observation.standing(0) == Standing::announced);
  CHECK(observation.standing(1) == Standing::absent);
  Observed loading = announced();
  loading.in_table[p] = false;
  loading.in_table[q] = true;
  observation.take_in(loading, {p, q});
  CHECK(observation.standing(0) == Standing::stated);
  CHECK(observation.standing(1) == Standing::unstated);
}

TEST_CASE("what bgpd was asked and did not answer is not known any longer") {
  Observation observation = two_prefixes();
  observation.take_in(announced(), {p, q});
  Observed silent = announced();
  silent.in_table.clear();
  observation.take_in(silent, {p});
  CHECK(observation.view(0).presence == Presence::unknown);
  CHECK(observation.view(1).presence == Presence::absent);
}

TEST_CASE(
    "without a process nothing is announced, whatever was seen; and what is lost is unknown") {
  Observation observation = two_prefixes();
  observation.take_in(announced(), {p, q});
  CHECK(observation.found(false));
  CHECK_FALSE(observation.found(false));
  CHECK(observation.view(0).presence == Presence::absent);
  CHECK(observation.found(true));
  observation.lose();
  CHECK(observation.view(0).presence == Presence::unknown);
}

TEST_CASE("the same is the same only as far as was asked") {
  Observation observation = two_prefixes();
  observation.take_in(announced(), {p, q});
  Observed some = announced();
  some.in_table.erase(q);
  CHECK(observation.is_same(some, {p}, false));
  CHECK_FALSE(observation.is_same(some, {p}, true));
  some.config.instances.front().networks.clear();
  CHECK_FALSE(observation.is_same(some, {p}, false));
}
