#include "daemon/fleet_table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/outcome.hpp"
#include "daemon/fleet_json.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

using Entry = core::FleetSites::Entry;

json::object row(const Entry& entry) {
  return {{"site", core::printable(entry.site, 64)},
          {"is", standing_word(entry.said)},
          {"health", core::name(entry.said.health)},
          {"usual", entry.said.state == core::PlaceState::up},
          {"since_ms", entry.since > 0 ? json::value(entry.since * 1000) : json::value()}};
}

/// One prefix, and how it stands where.
struct Place {
  std::string name;
  std::vector<const Entry*> entries;
  std::size_t unusual = 0;

  json::object to_json(bool all, std::size_t& rows_left) const {
    std::map<std::string_view, std::size_t> counts;
    json::array rows;
    for (const Entry* entry : entries) {
      ++counts[standing_word(entry->said)];
      const bool usual = entry->said.state == core::PlaceState::up;
      const bool fits = rows.size() < FleetTable::most_rows_a_prefix && rows_left > 0;
      if (!all && (usual || !fits)) continue;
      if (rows_left > 0) --rows_left;
      rows.push_back(row(*entry));
    }
    json::object by_word;
    for (const auto& [word, count] : counts) by_word[word] = count;
    return {{"prefix", core::printable(name, 120)},
            {"sites", entries.size()},
            {"counts", std::move(by_word)},
            {"rest", entries.size() - rows.size()},
            {"rows", std::move(rows)}};
  }
};

std::vector<Place> places_of(const core::FleetSites& sites) {
  std::map<std::string, Place> by_name;
  for (const Entry& entry : sites.entries) {
    Place& place = by_name[entry.place];
    place.name = entry.place;
    place.entries.push_back(&entry);
    place.unusual += entry.said.state != core::PlaceState::up;
  }
  std::vector<Place> places;
  for (auto& [name, place] : by_name) {
    std::ranges::sort(place.entries, {}, [](const Entry* entry) {
      return std::tuple(!entry->said.held, entry->said.state == core::PlaceState::up, entry->site);
    });
    places.push_back(std::move(place));
  }
  std::ranges::sort(places, {}, [](const Place& place) {
    return std::pair(place.unusual == 0, std::string_view(place.name));
  });
  return places;
}

void add_sites(json::object& object, const core::FleetSites& sites) {
  const std::set<std::string> all_silent = sites.silent();
  json::array silent;
  for (const std::string& site : all_silent) {
    if (silent.size() == FleetTable::most_silent) break;
    silent.push_back(json::value(core::printable(site, 64)));
  }
  const auto places = places_of(sites);
  const bool all = sites.entries.size() <= FleetTable::all_rows;
  std::size_t rows_left = FleetTable::most_rows;
  json::array shown;
  for (const Place& place : places) {
    if (shown.size() < FleetTable::most_prefixes) shown.push_back(place.to_json(all, rows_left));
  }
  object["heard"] = sites.heard().size();
  object["silent_count"] = all_silent.size();
  object["silent"] = std::move(silent);
  object["more_prefixes"] = places.size() - shown.size();
  object["prefixes"] = std::move(shown);
  object["too_many"] = sites.too_many;
}

}  // namespace

json::value fleet_table(const core::FleetReport& fleet, json::value reached_since_ms) {
  json::object object{{"group", fleet.group},
                      {"site", fleet.site},
                      {"reached", fleet.reached ? json::value(*fleet.reached) : json::value()},
                      {"detail", fleet.detail},
                      {"reached_since_ms", std::move(reached_since_ms)},
                      {"known", fleet.sites != nullptr}};
  if (fleet.sites) add_sites(object, *fleet.sites);
  return object;
}

}  // namespace withdrawd::daemon
