#include "cli/look.hpp"

#include <boost/json.hpp>
#include <exception>
#include <set>

#include "cli/command.hpp"
#include "cli/status_table.hpp"
#include "core/visible.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/observe.hpp"
#include "daemon/report_json.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

constexpr core::Duration look_patience = std::chrono::seconds(20);

/// Has it all that is looked at? What is not there, or of another kind, throws.
bool can_be_shown(const json::value& status) {
  try {
    static_cast<void>(exit_status_of(status));
    static_cast<void>(status_table(status, Terminal(-1)));
    for (const json::value& check : status.at("checks").as_array())
      static_cast<void>(check_lines(check, Terminal(-1)));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void keep(json::array& array, auto wanted) {
  json::array kept;
  for (json::value& value : array) {
    if (wanted(value)) kept.push_back(std::move(value));
  }
  array = std::move(kept);
}

}  // namespace

void make_visible(json::value& value) {
  if (auto* text = value.if_string()) *text = core::visible(*text);
  if (auto* array = value.if_array())
    for (json::value& item : *array) make_visible(item);
  if (auto* object = value.if_object())
    for (auto& member : *object) make_visible(member.value());
}

std::optional<json::value> status_in(std::string_view answer) {
  boost::system::error_code error;
  json::value value = json::parse(answer, error);
  if (error || !value.is_object()) return std::nullopt;
  make_visible(value);
  if (!can_be_shown(value)) return std::nullopt;
  return value;
}

std::optional<json::value> status_of_daemon(const std::filesystem::path& socket,
                                            std::vector<std::string>& problems) {
  const auto answer = daemon::ask_control(socket, "status");
  if (!answer) return std::nullopt;
  auto value = status_in(*answer);
  if (value) {
    value->get_object()["source"] = "daemon";
  } else {
    problems.emplace_back(
        "the running withdrawd answers something else than a status: the two may "
        "be of different versions; restart it");
  }
  return value;
}

json::value own_look(const config::Config& config, std::vector<std::string>& problems) {
  daemon::Observation seen = daemon::observe(config, look_patience);
  for (std::string& problem : seen.problems) problems.push_back(std::move(problem));
  json::value value = daemon::to_json(seen.report);
  value.get_object()["source"] = "own look";
  return value;
}

bool narrow(json::value& status, std::string_view target, const core::Settings* settings) {
  const auto prefix = core::Prefix::parse(target);
  json::array& rows = status.at("prefixes").as_array();
  keep(rows, [&](const json::value& row) {
    return row.at("rule").as_string() == target ||
           (prefix && row.at("prefix").as_string() == prefix->text());
  });
  std::set<std::string_view> rules, checks;
  for (const json::value& row : rows) rules.insert(row.at("rule").as_string());
  if (settings) {
    for (const core::Rule& rule : settings->rules) {
      if (!rules.contains(rule.name)) continue;
      for (const auto* list : {&rule.checks, &rule.switches}) {
        for (const std::size_t check : *list) checks.insert(settings->checks[check].name);
      }
    }
    keep(status.at("checks").as_array(), [&checks](const json::value& check) {
      return checks.contains(check.at("name").as_string());
    });
  }
  return !rows.empty();
}

int exit_status_of(const json::value& status) {
  const json::object& root = status.as_object();
  const json::object& bgpd = root.at("bgpd").as_object();
  const bool gone = bgpd.at("running").is_bool() && !bgpd.at("running").get_bool();
  if (root.at("mode") == "soft" && !bgpd.at("reachable").as_bool() && !gone) {
    return daemon::exit_unreachable;
  }
  bool fine = !root.at("failing").as_bool();
  for (const json::value& check : root.at("checks").as_array()) {
    fine = fine && check.at("health") == "up";
  }
  for (const json::value& prefix : root.at("prefixes").as_array()) {
    fine = fine && prefix.at("agrees").as_bool();
    for (const json::value& reach : reach_of(prefix)) fine = fine && !reach.at("fault").as_bool();
  }
  const json::value* fleet = root.if_contains("fleet");
  const json::value* contested =
      fleet && fleet->is_object() ? fleet->get_object().if_contains("name_contested_by") : nullptr;
  fine = fine && (!contested || contested->is_null());
  return fine ? daemon::exit_fine : daemon::exit_unhealthy;
}

}  // namespace withdrawd::cli
