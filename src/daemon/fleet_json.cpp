#include "daemon/fleet_json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <set>

#include "core/outcome.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;

json::value to_json(const core::Fleet& fleet, const fleet::View& view) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  std::set<std::string> heard;
  json::array places;
  // Names come from whoever may write into the store.
  for (const auto& entry : view.entries) {
    const core::Place& place = entry.record.place;
    heard.insert(entry.site);
    places.push_back(json::object{{"prefix", core::printable(entry.place, 120)},
                                  {"site", core::printable(entry.site, 64)},
                                  {"state", core::name(place.state)},
                                  {"announced", place.announced},
                                  {"health", core::name(place.health)},
                                  {"drained", place.drained},
                                  {"held", place.held},
                                  {"for_s", std::max<std::int64_t>(now - entry.record.since, 0)}});
  }
  json::array silent;
  for (const std::string& site : view.members) {
    if (!heard.contains(site)) silent.push_back(json::value(core::printable(site, 64)));
  }
  return json::object{{"version", 1},
                      {"group", fleet.group},
                      {"site", fleet.site},
                      {"keep_announcing", fleet.keep_announcing.text()},
                      {"places", std::move(places)},
                      {"silent", std::move(silent)}};
}

}  // namespace withdrawd::daemon
