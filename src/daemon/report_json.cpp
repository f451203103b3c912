#include "daemon/report_json.hpp"

#include <boost/json.hpp>

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

json::value or_null(const std::optional<bool>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object check_json(const core::CheckReport& check) {
  json::object object{{"name", check.name},
                      {"question", check.question},
                      {"health", core::name(check.health)},
                      {"story", check.story}};
  if (check.last) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    object["last"] = json::object{
        {"outcome", core::name(check.last->kind)},
        {"detail", check.last->detail},
        {"latency_ms", std::chrono::duration_cast<Milliseconds>(check.last->latency).count()}};
  } else {
    object["last"] = nullptr;
  }
  return object;
}

json::object prefix_json(const core::PrefixReport& prefix) {
  json::object object{{"rule", prefix.rule},
                      {"prefix", prefix.prefix.text()},
                      {"instance", prefix.instance},
                      {"health", core::name(prefix.health)},
                      {"desired", core::name(prefix.desired)},
                      {"why", prefix.why},
                      {"configured", or_null(prefix.configured)},
                      {"in_table", or_null(prefix.in_table)},
                      {"agrees", prefix.agrees}};
  object["route_map"] = prefix.options && prefix.options->route_map
                            ? json::value(prefix.options->route_map->text())
                            : json::value(nullptr);
  object["backdoor"] = prefix.options && prefix.options->backdoor;
  object["trouble"] = prefix.trouble ? json::value(*prefix.trouble) : json::value(nullptr);
  return object;
}

}  // namespace

json::value to_json(const core::Report& report) {
  json::array checks;
  for (const auto& check : report.checks) checks.push_back(check_json(check));
  json::array prefixes;
  for (const auto& prefix : report.prefixes) prefixes.push_back(prefix_json(prefix));
  return json::object{
      {"version", 1},
      {"mode", report.mode == core::Mode::soft ? "soft" : "hard"},
      {"bgpd", json::object{{"reachable", report.bgpd_reachable},
                            {"running", report.bgpd_gone        ? json::value(false)
                                        : report.bgpd_reachable ? json::value(true)
                                                                : json::value(nullptr)},
                            {"killed_by_fallback", report.bgpd_killed}}},
      {"failing", report.failing},
      {"checks", std::move(checks)},
      {"prefixes", std::move(prefixes)},
  };
}

}  // namespace withdrawd::daemon
