#include "fleet/record.hpp"

#include <boost/json.hpp>

#include "fleet/transaction.hpp"

namespace withdrawd::fleet {
namespace json = boost::json;
namespace {

bool is_true(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

}  // namespace

std::string range_end(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');  // to the end of all keys
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string place_text(const PlaceRecord& record) {
  const core::Place& place = record.place;
  return json::serialize(json::object{{"state", core::name(place.state)},
                                      {"announced", place.announced},
                                      {"health", core::name(place.health)},
                                      {"drained", place.drained},
                                      {"held", place.held},
                                      {"since", record.since},
                                      {"run", record.run}});
}

std::optional<PlaceRecord> parse_place(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* object = value.if_object();
  if (error || !object) return std::nullopt;
  PlaceRecord record;
  const json::value* state = object->if_contains("state");
  if (!state || !state->is_string()) return std::nullopt;
  using core::PlaceState;
  const std::string_view word = state->get_string();
  if (word == core::name(PlaceState::up)) {
    record.place.state = PlaceState::up;
  } else if (word == core::name(PlaceState::sick)) {
    record.place.state = PlaceState::sick;
  } else if (word != core::name(PlaceState::left)) {
    return std::nullopt;
  }
  if (const json::value* health = object->if_contains("health"); health && health->is_string()) {
    const std::string_view said = health->get_string();
    if (said == core::name(core::Health::up)) record.place.health = core::Health::up;
    if (said == core::name(core::Health::down)) record.place.health = core::Health::down;
  }
  record.place.announced = is_true(*object, "announced");
  record.place.drained = is_true(*object, "drained");
  record.place.held = is_true(*object, "held");
  const json::value* since = object->if_contains("since");
  if (since && since->is_int64()) record.since = since->get_int64();
  const json::value* run = object->if_contains("run");
  if (run && run->is_string()) record.run = run->get_string();
  return record;
}

std::optional<Keys::Names> Keys::parse(std::string_view key) const {
  const std::string begin = places();
  if (!key.starts_with(begin)) return std::nullopt;
  key.remove_prefix(begin.size());
  const auto slash = key.rfind('/');
  if (slash == key.npos || slash == 0 || slash + 1 == key.size()) return std::nullopt;
  return Names{std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

}  // namespace withdrawd::fleet
