#include "fleet/overview.hpp"

#include <doctest/doctest.h>

using namespace withdrawd;
using namespace withdrawd::fleet;

namespace {

const Keys keys("edge");

Record record(const std::string& site, core::PlaceState state) {
  return {keys.of_place("192.0.2.0/24", site),
          place_text({{.state = state, .announced = true}, 1764000000}), 1};
}

}  // namespace

TEST_CASE("an overview follows what is written and removed") {
  Overview overview(keys);
  overview.written(record("fra1", core::PlaceState::up));
  overview.written({keys.members() + "fra1", "{}", 1});
  overview.written({keys.members() + "ams1", "{}", 1});
  auto sites = overview.sites();
  REQUIRE(sites->entries.size() == 1);
  CHECK(sites->entries[0].site == "fra1");
  CHECK(sites->entries[0].place == "192.0.2.0/24");
  CHECK(sites->entries[0].since == 1764000000);
  CHECK(sites->members == std::vector<std::string>{"ams1", "fra1"});
  overview.written(record("fra1", core::PlaceState::sick));
  CHECK(overview.sites()->entries[0].said.state == core::PlaceState::sick);
  // What was handed out before stays as it was.
  CHECK(sites->entries[0].said.state == core::PlaceState::up);
  overview.removed(keys.of_place("192.0.2.0/24", "fra1"));
  overview.removed(keys.members() + "ams1");
  CHECK(overview.sites()->entries.empty());
  CHECK(overview.sites()->members == std::vector<std::string>{"fra1"});
}

TEST_CASE("an overview is the same one until something changes") {
  Overview overview(keys);
  overview.written(record("fra1", core::PlaceState::up));
  const auto before = overview.sites();
  overview.written(record("fra1", core::PlaceState::up));
  overview.removed(keys.of_place("192.0.2.0/24", "nobody"));
  CHECK(overview.sites() == before);
  overview.written(record("ams1", core::PlaceState::up));
  CHECK(overview.sites() != before);
}

TEST_CASE("an overview passes over what is no record of a place") {
  Overview overview(keys);
  overview.written({keys.places() + "no-site", "{}", 1});
  overview.written({"/elsewhere", "{}", 1});
  overview.written({keys.of_place("192.0.2.0/24", "fra1"), "no JSON", 1});
  CHECK(overview.sites()->entries.empty());
  // One that becomes nonsense is not shown as it was.
  overview.written(record("fra1", core::PlaceState::up));
  overview.written({keys.of_place("192.0.2.0/24", "fra1"), "no JSON", 2});
  CHECK(overview.sites()->entries.empty());
}

TEST_CASE("of too many records an overview keeps none, and says how many there are") {
  Overview overview(keys);
  overview.written(record("fra1", core::PlaceState::up));
  overview.too_many(123'456);
  CHECK(overview.sites()->entries.empty());
  CHECK(overview.sites()->too_many == 123'456);
  overview.clear();
  CHECK(overview.sites()->too_many == 0);
}
