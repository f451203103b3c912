#include "daemon/state_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

constexpr int version = 1;
constexpr std::size_t largest = 16 * 1024 * 1024;

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

std::string_view text_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

}  // namespace

std::string state_text(const core::Memory& memory, StateFile::WallTime now) {
  json::object checks;
  for (const auto& [name, count] : memory.checks) {
    checks[name] = json::object{{"health", core::name(count.health)},
                                {"run", static_cast<std::int64_t>(count.run)},
                                {"good", count.good}};
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
  const auto saved = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const json::object state{
      {"version", version},
      {"saved", static_cast<std::int64_t>(saved.count())},
      {"checks", std::move(checks)},
      {"withdrawn", std::move(withdrawn)},
      {"fallback", json::object{{"killed", memory.fallback.killed},
                                {"kills", static_cast<std::int64_t>(memory.fallback.kills)}}},
  };
  return json::serialize(state) + "\n";
}

core::Result<core::Memory> parse_state(std::string_view text, StateFile::WallTime now) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return std::unexpected(damaged("it is not JSON: " + error.message()));
  const json::object* state = value.if_object();
  if (!state) return std::unexpected(damaged("it is no JSON object"));
  const std::uint64_t found = number_in(*state, "version");
  if (found != version) {
    return std::unexpected(
        damaged(fmt::format("its version is {}, this program writes {}", found, version)));
  }
  core::Memory memory;
  const StateFile::WallTime saved{std::chrono::seconds(number_in(*state, "saved"))};
  if (saved <= now && now - saved <= StateFile::counts_last) {
    if (const json::object* checks = object_in(*state, "checks")) {
      for (const auto& member : *checks) {
        const json::object* count = member.value().if_object();
        if (!count) continue;
        memory.checks[std::string(member.key())] = {
            health_of(text_in(*count, "health")),
            static_cast<unsigned>(std::min<std::uint64_t>(number_in(*count, "run"), 1'000'000)),
            flag_in(*count, "good")};
      }
    }
  }
  if (const auto* withdrawn = state->if_contains("withdrawn"); withdrawn && withdrawn->is_array()) {
    for (const json::value& item : withdrawn->get_array()) {
      const json::object* entry = item.if_object();
      if (!entry) continue;
      const auto prefix = core::Prefix::parse(text_in(*entry, "prefix"));
      if (!prefix) continue;
      memory.options.emplace(core::SoftPath::Key{std::string(text_in(*entry, "rule")), *prefix},
                             options_of(*entry));
    }
  }
  if (const json::object* fallback = object_in(*state, "fallback")) {
    memory.fallback.killed = flag_in(*fallback, "killed");
    memory.fallback.kills =
        static_cast<unsigned>(std::min<std::uint64_t>(number_in(*fallback, "kills"), 1000));
  }
  return memory;
}

StateFile::Loaded StateFile::load(WallTime now, Damaged damaged) const {
  std::error_code error;
  const auto size = std::filesystem::file_size(path_, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) return {};
    return {{},
            fmt::format("the saved state {} cannot be read ({}): health counts and route-maps of "
                        "withdrawn prefixes start afresh",
                        path_.string(), error.message())};
  }
  std::string text;
  if (size <= largest) {
    std::ifstream file(path_, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    text = content.str();
  }
  auto memory = parse_state(text, now);
  if (memory) return {std::move(*memory), ""};
  const std::filesystem::path aside = path_.string() + ".damaged";
  error = std::make_error_code(std::errc::operation_not_permitted);
  if (damaged == Damaged::set_aside) std::filesystem::rename(path_, aside, error);
  return {{},
          fmt::format("the saved state {} cannot be used ({}){}: health counts and route-maps of "
                      "withdrawn prefixes start afresh",
                      path_.string(), memory.error().happened,
                      error ? "" : " and was set aside as " + aside.string())};
}

core::Result<void> StateFile::save(const core::Memory& memory, WallTime now) const {
  const auto failed = [this](std::string_view what, const std::string& why) {
    return std::unexpected(core::Error{fmt::format("save the state: {} {}", what, path_.string()),
                                       why, "set state_file to a place that withdrawd may write"});
  };
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  const std::string text = state_text(memory, now);
  const std::filesystem::path fresh = fmt::format("{}.{}", path_.string(), ::getpid());
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    errno = 0;
    file << text;
    file.flush();
    if (!file) {
      const std::string why = errno ? std::strerror(errno) : "write failed";
      std::filesystem::remove(fresh, error);
      return failed("write", why);
    }
  }
  // No fsync: it can block for seconds on a busy disk, and all that a lost file costs is a warning.
  std::filesystem::rename(fresh, path_, error);
  if (error) {
    const std::string why = error.message();
    std::filesystem::remove(fresh, error);
    return failed("replace", why);
  }
  return {};
}

}  // namespace withdrawd::daemon
