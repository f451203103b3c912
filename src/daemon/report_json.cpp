#include "daemon/report_json.hpp"

#include <boost/json.hpp>
#include <cmath>

#include "daemon/fleet_json.hpp"
#include "daemon/json_fields.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

double seconds(core::Duration span) {
  return std::chrono::duration<double>(span).count();
}

std::optional<double> seconds(const std::optional<core::Duration>& span) {
  return span.transform([](core::Duration known) { return seconds(known); });
}

std::string_view name(core::DesiredState::Reason reason) {
  using Reason = core::DesiredState::Reason;
  switch (reason) {
    case Reason::start:
      return "at_start";
    case Reason::damping:
      return "damping";
    case Reason::minimum:
      return "min_announced";
    case Reason::fleet:
      return "keep_announcing";
    case Reason::drain:
      return "drain";
    case Reason::exit:
      return "on_exit";
    case Reason::health:
      break;
  }
  return "health";
}

json::object check_json(const core::CheckReport& check) {
  json::object object{{"name", check.name},
                      {"question", check.question},
                      {"health", core::name(check.health)},
                      {"health_for_s", or_null(seconds(check.health_for))},
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
                      {"desired_for_s", or_null(seconds(prefix.desired_for))},
                      {"reason", name(prefix.reason)},
                      {"why", prefix.why},
                      {"configured", or_null(prefix.configured)},
                      {"in_table", or_null(prefix.in_table)},
                      {"agrees", prefix.agrees}};
  object["route_map"] = prefix.options && prefix.options->route_map
                            ? json::value(prefix.options->route_map->text())
                            : json::value(nullptr);
  object["backdoor"] = prefix.options && prefix.options->backdoor;
  object["advertised_to"] = prefix.peers ? json::value(*prefix.peers) : json::value(nullptr);
  object["drain"] = nullptr;
  if (const auto& drain = prefix.drain) {
    object["drain"] = json::object{{"who", drain->who},
                                   {"why", drain->why},
                                   {"lasted_s", seconds(drain->lasted)},
                                   {"left_s", or_null(seconds(drain->left))},
                                   {"grace_left_s", or_null(seconds(drain->grace_left))}};
  }
  object["damping"] = nullptr;
  if (const auto& damping = prefix.damping) {
    object["damping"] = json::object{{"penalty", std::round(damping->penalty)},
                                     {"suppressed", damping->suppressed},
                                     {"left_s", seconds(damping->left)}};
  }
  object["fleet"] = nullptr;
  if (const auto& fleet = prefix.fleet) {
    using Verdict = core::FleetGuard::Verdict;
    object["fleet"] = json::object{
        {"keep_announcing", fleet->floor.text()},
        {"state", fleet->place ? json::value(core::name(fleet->place->state)) : json::value()},
        {"held",
         prefix.reason == core::DesiredState::Reason::fleet && fleet->verdict == Verdict::held},
        {"without_leave", fleet->verdict == Verdict::without}};
  }
  json::array reach;
  for (const core::Reach& one : prefix.reach) {
    reach.push_back(
        json::object{{"kind", core::name(one.kind)}, {"fault", one.fault()}, {"text", one.text}});
  }
  object["reach"] = std::move(reach);
  object["trouble"] = prefix.trouble ? json::value(*prefix.trouble) : json::value(nullptr);
  return object;
}

}  // namespace

json::array groups_json(const core::Report& report) {
  json::array groups;
  for (const auto& group : report.groups) {
    groups.push_back(json::object{{"name", group.name},
                                  {"min_announced", group.min_announced},
                                  {"prefixes", group.prefixes},
                                  {"wanted", group.wanted},
                                  {"held", group.held}});
  }
  return groups;
}

json::value to_json(const core::Report& report) {
  json::array checks;
  for (const auto& check : report.checks) checks.push_back(check_json(check));
  json::array prefixes;
  for (const auto& prefix : report.prefixes) prefixes.push_back(prefix_json(prefix));
  json::value fleet;
  if (report.fleet) {
    const core::FleetSites* sites = report.fleet->sites.get();
    const bool known = sites && sites->too_many == 0;
    fleet = json::object{{"group", report.fleet->group},
                         {"site", report.fleet->site},
                         {"reached", or_null(report.fleet->reached)},
                         {"detail", report.fleet->detail},
                         {"for_s", or_null(seconds(report.fleet->reached_for))},
                         {"name_contested_by", report.fleet->name_contested_by.empty()
                                                   ? json::value()
                                                   : json::value(report.fleet->name_contested_by)},
                         {"places", known ? json::value(places_json(*sites)) : json::value()},
                         {"silent", known ? json::value(silent_json(*sites)) : json::value()}};
  }
  json::value stale;
  if (report.stale) {
    json::array peers;
    for (const std::string& peer : report.stale->peers) peers.emplace_back(peer);
    stale = json::object{{"peers", std::move(peers)},
                         {"why", report.stale->why},
                         {"left_s", or_null(seconds(report.stale->left))}};
  }
  return json::object{
      {"version", 1},
      {"fleet", std::move(fleet)},
      {"mode", report.mode == core::Mode::soft ? "soft" : "hard"},
      {"bgpd", json::object{{"reachable", report.bgpd_reachable},
                            {"running", report.bgpd_gone        ? json::value(false)
                                        : report.bgpd_reachable ? json::value(true)
                                                                : json::value(nullptr)},
                            {"killed_by_fallback", report.bgpd_killed},
                            {"kept_by_peers", std::move(stale)},
                            {"transport",
                             report.via.empty() ? json::value(nullptr) : json::value(report.via)}}},
      {"failing", report.failing},
      {"failing_why", report.failing_why.empty() ? json::value() : json::value(report.failing_why)},
      {"groups", groups_json(report)},
      {"checks", std::move(checks)},
      {"prefixes", std::move(prefixes)},
  };
}

}  // namespace withdrawd::daemon
