#include "cli/fleet_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <tuple>
#include <vector>

#include "cli/look.hpp"
#include "cli/status_table.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

/// What a site makes of a prefix, in one word or two.
std::string standing(const json::value& place) {
  if (place.at("held").as_bool()) return "held";
  if (!place.at("announced").as_bool()) {
    return place.at("drained").as_bool() ? "drained" : "withdrawn";
  }
  return place.at("state") == "left" ? "may go" : "announced";
}

bool is_fine(const json::value& place) {
  return place.at("state") == "up";
}

}  // namespace

bool all_is_fine(const json::value& fleet) {
  return fleet.at("silent").as_array().empty() &&
         std::ranges::all_of(fleet.at("places").as_array(), is_fine);
}

std::expected<json::value, std::string> fleet_in(std::string_view answer) {
  constexpr auto other = "the running withdrawd is of another version, or knows of no fleets";
  boost::system::error_code error;
  json::value value = json::parse(answer, error);
  if (error || !value.is_object()) return std::unexpected(other);
  make_visible(value);
  if (const json::value* wrong = value.get_object().if_contains("error")) {
    return std::unexpected(wrong->is_string() ? text(*wrong) : "the running withdrawd refuses");
  }
  try {
    static_cast<void>(fleet_table(value, Terminal(-1)));
    static_cast<void>(all_is_fine(value));
  } catch (const std::exception&) {
    return std::unexpected(other);
  }
  return value;
}

std::string fleet_table(const json::value& fleet, const Terminal& terminal) {
  std::vector<const json::value*> places;
  std::size_t widest_prefix = 6, widest_site = 4;
  std::set<std::string> sites;
  for (const json::value& place : fleet.at("places").as_array()) {
    places.push_back(&place);
    sites.insert(text(place.at("site")));
    widest_prefix = std::max<std::size_t>(widest_prefix, place.at("prefix").as_string().size());
    widest_site = std::max<std::size_t>(widest_site, place.at("site").as_string().size());
  }
  std::ranges::sort(places, {}, [](const json::value* place) {
    return std::tuple(text(place->at("prefix")), text(place->at("site")));
  });
  const json::array& silent = fleet.at("silent").as_array();
  std::string out =
      fmt::format("fleet {}: {} of {} sites heard, keep_announcing {}\n", text(fleet.at("group")),
                  sites.size(), sites.size() + silent.size(), text(fleet.at("keep_announcing")));
  out += fmt::format("{}{:<{}}  {:<{}}  {:<9}  {:<7}  {:>5}{}\n", terminal.bold, "PREFIX",
                     widest_prefix, "SITE", widest_site, "IS", "HEALTH", "FOR", terminal.plain);
  for (const json::value* place : places) {
    const std::string& colour = is_fine(*place)               ? terminal.good
                                : place->at("held").as_bool() ? terminal.bad
                                                              : terminal.plain;
    out += fmt::format("{:<{}}  {:<{}}  {}{:<9}  {:<7}{}  {:>5}\n", text(place->at("prefix")),
                       widest_prefix, text(place->at("site")), widest_site, colour,
                       standing(*place), text(place->at("health")), terminal.plain,
                       short_span(place->at("for_s").to_number<double>()));
  }
  for (const json::value& site : silent) {
    out += fmt::format("{}{:<{}}  {:<{}}  {}{}\n", terminal.bad, "-", widest_prefix, text(site),
                       widest_site, "silent", terminal.plain);
  }
  return out;
}

}  // namespace withdrawd::cli
