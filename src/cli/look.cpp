#include "cli/look.hpp"

#include <boost/json.hpp>

#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/observe.hpp"
#include "daemon/report_json.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

constexpr core::Duration patience = std::chrono::seconds(20);

}  // namespace

json::value status_of(const config::Config& config, std::vector<std::string>& problems) {
  if (auto answer = daemon::ask_control(config.control_socket, "status")) {
    boost::system::error_code error;
    json::value value = json::parse(*answer, error);
    if (!error && value.is_object() && !value.get_object().contains("error")) {
      value.get_object()["source"] = "daemon";
      return value;
    }
  }
  daemon::Observation seen = daemon::observe(config, patience);
  problems = std::move(seen.problems);
  json::value value = daemon::to_json(seen.report);
  value.get_object()["source"] = "own look";
  return value;
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
  }
  return fine ? daemon::exit_fine : daemon::exit_unhealthy;
}

}  // namespace withdrawd::cli
