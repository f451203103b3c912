#include "daemon/fleet_json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <string>

#include "core/outcome.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;

std::string_view standing_word(const core::Place& place) {
  if (place.held) return "held";
  if (!place.announced) return place.drained ? "drained" : "withdrawn";
  return place.state == core::PlaceState::left ? "may go" : "announced";
}

json::array places_json(const core::FleetSites& sites) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  json::array places;
  // Names come from whoever may write into the store.
  for (const auto& entry : sites.entries) {
    places.push_back(json::object{{"prefix", core::printable(entry.place, 120)},
                                  {"site", core::printable(entry.site, 64)},
                                  {"state", core::name(entry.said.state)},
                                  {"announced", entry.said.announced},
                                  {"health", core::name(entry.said.health)},
                                  {"drained", entry.said.drained},
                                  {"held", entry.said.held},
                                  {"for_s", std::max<std::int64_t>(now - entry.since, 0)}});
  }
  return places;
}

json::array silent_json(const core::FleetSites& sites) {
  json::array silent;
  for (const std::string& site : sites.silent()) {
    silent.push_back(json::value(core::printable(site, 64)));
  }
  return silent;
}

json::value to_json(const core::Fleet& fleet, const core::FleetSites& sites) {
  return json::object{{"version", 1},
                      {"group", fleet.group},
                      {"site", fleet.site},
                      {"keep_announcing", fleet.keep_announcing.text()},
                      {"places", places_json(sites)},
                      {"silent", silent_json(sites)}};
}

}  // namespace withdrawd::daemon
