#include "daemon/state_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <system_error>

#include "daemon/json_fields.hpp"
#include "files/regular_file.hpp"
#include "process/origin.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

constexpr int format_version = 1;
constexpr std::size_t largest = std::size_t{16} * 1024 * 1024;

core::Error damaged(std::string what) {
  return {"read the saved state", std::move(what), ""};
}

core::Health health_of(std::string_view name) {
  if (name == "up") return core::Health::up;
  if (name == "down") return core::Health::down;
  return core::Health::unknown;
}

bool flag_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

core::NetworkOptions options_of(const json::object& entry) {
  core::NetworkOptions options;
  if (const auto* map = entry.if_contains("route_map"); map && map->is_string()) {
    if (auto name = core::RouteMapName::parse(std::string_view(map->get_string()))) {
      options.route_map = *name;
    }
  }
  if (const auto* backdoor = entry.if_contains("backdoor"); backdoor && backdoor->is_bool()) {
    options.backdoor = backdoor->get_bool();
  }
  options.untypable = flag_in(entry, "untypable");
  if (const auto* label = entry.if_contains("label_index"); label && label->is_int64()) {
    options.label_index = static_cast<std::uint32_t>(label->get_int64());
  }
  return options;
}

const json::object* object_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value ? value->if_object() : nullptr;
}

std::uint64_t number_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  if (!value || !value->is_int64() || value->get_int64() < 0) return 0;
  return static_cast<std::uint64_t>(value->get_int64());
}

using std::chrono::milliseconds;

/// Text that was made printable before it was written, unless somebody else wrote it: then it is
/// cut so that its "..." fits, and is the same when it is read again.
std::string written_text(std::string_view text, std::size_t longest) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  return printable && text.size() <= longest ? std::string(text)
                                             : core::printable(text, longest - 3);
}

/// Farther away than this no moment is taken for one.
constexpr milliseconds lifetime = std::chrono::hours(24 * 365 * 30);

/// Milliseconds since 1970.
std::int64_t wall_of(core::Time time, const StateFile::Moment& now) {
  const auto wall =
      now.wall + std::chrono::duration_cast<StateFile::WallTime::duration>(time - now.steady);
  return std::chrono::duration_cast<milliseconds>(wall.time_since_epoch()).count();
}

std::optional<core::Time> time_in(const json::object& entry, std::string_view key,
                                  const StateFile::Moment& now) {
  const auto* value = entry.if_contains(key);
  if (!value || !value->is_int64()) return std::nullopt;
  const std::int64_t there = value->get_int64();
  const std::int64_t here =
      std::chrono::duration_cast<milliseconds>(now.wall.time_since_epoch()).count();
  if (there < 0 || there > here + lifetime.count()) return std::nullopt;
  return now.steady + milliseconds(there - here);
}

/// A moment that must have passed: the wall clock may have been put back since.
std::optional<core::Time> past_in(const json::object& entry, std::string_view key,
                                  const StateFile::Moment& now) {
  const auto time = time_in(entry, key, now);
  return time ? std::optional(std::min(*time, now.steady)) : std::nullopt;
}

json::object entry_of(const core::PrefixKey& key) {
  return {{"rule", key.first}, {"prefix", key.second.text()}};
}

/// Calls `take(key, entry)` for each entry of the array that names a rule and a prefix.
template <class Take>
void each_in(const json::object& state, std::string_view name, Take take) {
  const auto* array = state.if_contains(name);
  if (!array || !array->is_array()) return;
  for (const json::value& item : array->get_array()) {
    const json::object* entry = item.if_object();
    if (!entry) continue;
    const auto prefix = core::Prefix::parse(text_in(*entry, "prefix"));
    if (prefix) take(core::PrefixKey{std::string(text_in(*entry, "rule")), *prefix}, *entry);
  }
}

core::Desired desired_of(std::string_view name) {
  for (const auto desired :
       {core::Desired::announced, core::Desired::degraded, core::Desired::withdrawn}) {
    if (core::name(desired) == name) return desired;
  }
  return core::Desired::as_it_is;
}

void write_policy(const core::Policy::Memory& policy, const StateFile::Moment& now,
                  json::object& state) {
  json::array drains, switched, flaps, desired;
  for (const auto& [key, drain] : policy.drains) {
    json::object entry = entry_of(key);
    entry["who"] = drain.who;
    entry["why"] = drain.why;
    entry["since"] = wall_of(drain.since, now);
    if (drain.until) entry["until"] = wall_of(*drain.until, now);
    if (drain.forced) entry["forced"] = true;
    drains.push_back(std::move(entry));
  }
  for (const auto& [key, since] : policy.switched) {
    json::object entry = entry_of(key);
    entry["since"] = wall_of(since, now);
    switched.push_back(std::move(entry));
  }
  for (const auto& [key, one] : policy.flaps) {
    json::object entry = entry_of(key);
    entry["penalty"] = one.penalty;
    entry["at"] = wall_of(one.at, now);
    entry["suppressed"] = one.suppressed;
    flaps.push_back(std::move(entry));
  }
  for (const auto& [key, one] : policy.since) {
    json::object entry = entry_of(key);
    entry["desired"] = core::name(one.desired);
    entry["since"] = wall_of(one.since, now);
    desired.push_back(std::move(entry));
  }
  state["drains"] = std::move(drains);
  state["switched"] = std::move(switched);
  state["flaps"] = std::move(flaps);
  state["desired"] = std::move(desired);
}

core::Policy::Memory read_policy(const json::object& state, const StateFile::Moment& now) {
  core::Policy::Memory policy;
  each_in(state, "drains", [&](core::PrefixKey key, const json::object& entry) {
    // One whose end cannot be read would never end.
    const auto until = time_in(entry, "until", now);
    if (entry.contains("until") && !until) return;
    policy.drains.emplace(std::move(key),
                          core::Drain{written_text(text_in(entry, "who"), 100),
                                      written_text(text_in(entry, "why"), 300),
                                      past_in(entry, "since", now).value_or(now.steady), until,
                                      entry.contains("forced")});
  });
  each_in(state, "switched", [&](core::PrefixKey key, const json::object& entry) {
    policy.switched.emplace(std::move(key), past_in(entry, "since", now).value_or(now.steady));
  });
  each_in(state, "flaps", [&](core::PrefixKey key, const json::object& entry) {
    const auto* penalty = entry.if_contains("penalty");
    const auto at = past_in(entry, "at", now);
    if (!penalty || !penalty->is_number() || !at) return;
    const double value = penalty->to_number<double>();
    // Whatever a file says: nothing is damped for longer than the rule's own ceiling allows.
    if (!(value > 0 && value < 1e9)) return;
    policy.flaps.emplace(std::move(key), core::Flaps{value, *at, flag_in(entry, "suppressed")});
  });
  each_in(state, "desired", [&](core::PrefixKey key, const json::object& entry) {
    const auto desired = desired_of(text_in(entry, "desired"));
    const auto since = past_in(entry, "since", now);
    if (desired == core::Desired::as_it_is || !since) return;
    policy.since.emplace(std::move(key), core::Policy::Memory::Since{desired, *since});
  });
  return policy;
}

json::object fallback_json(const core::Fallback::Memory& fallback, const StateFile::Moment& now) {
  json::object object{{"killed", fallback.killed},
                      {"kills", static_cast<std::int64_t>(fallback.kills)}};
  if (fallback.last_kill) object["last_kill"] = wall_of(*fallback.last_kill, now);
  if (fallback.restart_owed) object["restart_owed"] = true;
  return object;
}

}  // namespace

StateFile::Moment StateFile::Moment::now() {
  return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
}

std::string state_text(const core::Memory& memory, const StateFile::Moment& now,
                       const json::object& counters) {
  json::object checks;
  for (const auto& [name, count] : memory.checks) {
    json::object check{{"health", core::name(count.health)},
                       {"run", static_cast<std::int64_t>(count.run)},
                       {"good", count.good}};
    const auto since = memory.health_since.find(name);
    if (since != memory.health_since.end()) check["since"] = wall_of(since->second, now);
    checks[name] = std::move(check);
  }
  json::array withdrawn;
  for (const auto& [key, options] : memory.options) {
    json::object entry{{"rule", key.first}, {"prefix", key.second.text()}};
    if (options.route_map) entry["route_map"] = options.route_map->text();
    if (options.backdoor) entry["backdoor"] = true;
    if (options.untypable) entry["untypable"] = true;
    if (options.label_index) entry["label_index"] = static_cast<std::int64_t>(*options.label_index);
    withdrawn.push_back(std::move(entry));
  }
  const auto saved = std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch());
  json::object state{
      {"version", format_version},
      {"saved", static_cast<std::int64_t>(saved.count())},
      {"checks", std::move(checks)},
      {"withdrawn", std::move(withdrawn)},
      {"fallback", fallback_json(memory.fallback, now)},
  };
  if (memory.restart) {
    json::array words;
    if (process::restarts_a_service(*memory.restart)) {
      words = json::array(memory.restart->begin(), memory.restart->end());
    }
    state["restart"] = std::move(words);
  }
  json::array degraded;
  for (const auto& [key, route_map] : memory.stand_ins) {
    json::object entry = entry_of(key);
    entry["route_map"] = route_map.text();
    degraded.push_back(std::move(entry));
  }
  state["degraded"] = std::move(degraded);
  json::array killed_for;
  for (const auto& [key, kills] : memory.kills) {
    json::object entry = entry_of(key);
    entry["kills"] = static_cast<std::int64_t>(kills);
    killed_for.push_back(std::move(entry));
  }
  if (!killed_for.empty()) state["killed_for"] = std::move(killed_for);
  write_policy(memory.policy, now, state);
  if (!counters.empty()) state["counters"] = counters;
  return json::serialize(state) + "\n";
}

json::object parse_counters(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* state = error ? nullptr : value.if_object();
  const json::object* counters = state ? object_in(*state, "counters") : nullptr;
  return counters ? *counters : json::object();
}

core::Result<core::Memory> parse_state(std::string_view text, const StateFile::Moment& now) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return std::unexpected(damaged("it is not JSON: " + error.message()));
  const json::object* state = value.if_object();
  if (!state) return std::unexpected(damaged("it is no JSON object"));
  const std::uint64_t found = number_in(*state, "version");
  if (found != format_version) {
    return std::unexpected(
        damaged(fmt::format("its version is {}, this program writes {}", found, format_version)));
  }
  core::Memory memory;
  // In seconds: whoever wrote it may have meant a moment that has no number of nanoseconds.
  using std::chrono::seconds;
  const seconds saved(number_in(*state, "saved"));
  const auto today = std::chrono::floor<seconds>(now.wall.time_since_epoch());
  if (saved <= today && today - saved <= std::chrono::floor<seconds>(StateFile::counts_last)) {
    if (const json::object* checks = object_in(*state, "checks")) {
      for (const auto& member : *checks) {
        const json::object* count = member.value().if_object();
        if (!count) continue;
        memory.checks[std::string(member.key())] = {
            health_of(text_in(*count, "health")),
            static_cast<unsigned>(std::min<std::uint64_t>(number_in(*count, "run"), 1'000'000)),
            flag_in(*count, "good")};
        if (const auto since = past_in(*count, "since", now)) {
          memory.health_since[std::string(member.key())] = *since;
        }
      }
    }
  }
  each_in(*state, "withdrawn", [&memory](core::PrefixKey key, const json::object& entry) {
    memory.options.emplace(std::move(key), options_of(entry));
  });
  each_in(*state, "degraded", [&memory](core::PrefixKey key, const json::object& entry) {
    if (auto name = core::RouteMapName::parse(text_in(entry, "route_map"))) {
      memory.stand_ins.emplace(std::move(key), std::move(*name));
    }
  });
  const auto kills_in = [](const json::object& object) {
    return static_cast<unsigned>(std::min<std::uint64_t>(number_in(object, "kills"), 1000));
  };
  each_in(*state, "killed_for", [&](core::PrefixKey key, const json::object& entry) {
    if (const unsigned kills = kills_in(entry)) memory.kills.emplace(std::move(key), kills);
  });
  memory.policy = read_policy(*state, now);
  if (const json::object* fallback = object_in(*state, "fallback")) {
    memory.fallback.killed = flag_in(*fallback, "killed");
    memory.fallback.restart_owed = flag_in(*fallback, "restart_owed");
    memory.fallback.kills = kills_in(*fallback);
    memory.fallback.last_kill = past_in(*fallback, "last_kill", now);
  }
  if (const json::value* restart = state->if_contains("restart"); restart && restart->is_array()) {
    memory.restart.emplace();
    for (const json::value& word : restart->get_array()) {
      if (word.is_string()) memory.restart->emplace_back(word.get_string());
    }
    // Whoever may write the state file must not choose what root runs.
    if (!process::restarts_a_service(*memory.restart)) memory.restart->clear();
  }
  return memory;
}

StateFile::Loaded StateFile::load(const Moment& now, Damaged damaged) const {
  auto text = files::read(path_, largest);
  // Too long, it is no state of ours.
  if (!text && text.error().number == EFBIG) text = "";
  if (!text) {
    const auto& why = text.error();
    if (why.number == ENOENT) return {};
    return {{},
            {},
            fmt::format("the saved state {} cannot be read ({}): health counts, drains, damping "
                        "and the route-maps of withdrawn prefixes start afresh",
                        path_.string(), why.happened)};
  }
  auto memory = parse_state(*text, now);
  if (memory) return {std::move(*memory), parse_counters(*text), ""};
  const std::filesystem::path aside = path_.string() + ".damaged";
  auto error = std::make_error_code(std::errc::operation_not_permitted);
  if (damaged == Damaged::set_aside) std::filesystem::rename(path_, aside, error);
  return {{},
          {},
          fmt::format("the saved state {} cannot be used ({}){}: health counts, drains, damping "
                      "and the route-maps of withdrawn prefixes start afresh",
                      path_.string(), memory.error().happened,
                      error ? "" : " and was set aside as " + aside.string())};
}

core::Result<void> StateFile::save(const core::Memory& memory, const Moment& now,
                                   const json::object& counters) const {
  const auto folder = path_.parent_path();
  files::make_folders(folder);
  auto done = files::check_folder(folder);
  // No fsync: it can block for seconds on a busy disk, and all that a lost file costs is a warning.
  if (done) done = files::replace(path_, state_text(memory, now, counters), 0644);
  if (done) return {};
  const auto& why = done.error();
  return std::unexpected(core::Error{"save the state: write " + path_.string(), why.happened,
                                     why.advice.empty()
                                         ? "set state_file to a place that withdrawd may write"
                                         : why.advice + "; else set state_file"});
}

}  // namespace withdrawd::daemon
