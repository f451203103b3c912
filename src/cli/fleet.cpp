// fleet: where every site stands with every prefix.
#include "cli/fleet.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/Option.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "cli/watching.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

struct FleetOptions {
  ConfigOption file;
  bool as_json = false;
  bool watch = false;
  std::string interval = "1s";
};

std::string text(const json::value& value) {
  return std::string(value.as_string());
}

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

std::string for_long(const json::value& seconds) {
  const auto all = seconds.to_number<std::int64_t>();
  if (all < 120) return fmt::format("{}s", all);
  if (all < 7200) return fmt::format("{}m", all / 60);
  if (all < 172800) return fmt::format("{}h", all / 3600);
  return fmt::format("{}d", all / 86400);
}

/// The fleet as the running withdrawd sees it; none, after a complaint.
std::optional<json::value> ask(const config::Config& config) {
  constexpr auto patience = std::chrono::seconds(5);
  const auto answer = daemon::ask_control(config.control_socket, "fleet", patience);
  if (!answer) {
    complain(answer.error().text());
    return std::nullopt;
  }
  boost::system::error_code error;
  json::value value = json::parse(*answer, error);
  if (error || !value.is_object()) {
    complain("the running withdrawd does not know of fleets: restart it");
    return std::nullopt;
  }
  if (const json::value* wrong = value.get_object().if_contains("error")) {
    complain(wrong->is_string() ? text(*wrong) : "the running withdrawd refuses");
    return std::nullopt;
  }
  return value;
}

int look(const config::Config& config, bool as_json, std::string& out) {
  const auto fleet = ask(config);
  if (!fleet) return daemon::exit_usage;
  out = as_json ? json::serialize(*fleet) + "\n" : fleet_table(*fleet, Palette(STDOUT_FILENO));
  const bool fine = fleet->at("silent").as_array().empty() &&
                    std::ranges::all_of(fleet->at("places").as_array(), is_fine);
  return fine ? daemon::exit_fine : daemon::exit_unhealthy;
}

int run(const FleetOptions& options) {
  const auto config = options.file.load();
  if (!config) return daemon::exit_usage;
  if (!config->settings.fleet) {
    complain("this site is in no fleet: the configuration has no [fleet]");
    return daemon::exit_usage;
  }
  if (options.watch) {
    const auto interval = watch_interval(options.interval);
    if (!interval) return daemon::exit_usage;
    return watch("withdrawd fleet", *interval, options.as_json,
                 [&](std::string& out) { return look(*config, options.as_json, out); });
  }
  std::string out;
  const int status = look(*config, options.as_json, out);
  fmt::print("{}", out);
  return status;
}

}  // namespace

std::string fleet_table(const json::value& fleet, const Palette& palette) {
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
  out += fmt::format("{}{:<{}}  {:<{}}  {:<9}  {:<7}  {:>5}{}\n", palette.bold, "PREFIX",
                     widest_prefix, "SITE", widest_site, "IS", "HEALTH", "FOR", palette.plain);
  for (const json::value* place : places) {
    const std::string& colour = is_fine(*place)               ? palette.good
                                : place->at("held").as_bool() ? palette.bad
                                                              : palette.plain;
    out +=
        fmt::format("{:<{}}  {:<{}}  {}{:<9}  {:<7}{}  {:>5}\n", text(place->at("prefix")),
                    widest_prefix, text(place->at("site")), widest_site, colour, standing(*place),
                    text(place->at("health")), palette.plain, for_long(place->at("for_s")));
  }
  for (const json::value& site : silent) {
    out += fmt::format("{}{:<{}}  {:<{}}  {}{}\n", palette.bad, "-", widest_prefix, text(site),
                       widest_site, "silent", palette.plain);
  }
  return out;
}

void add_fleet(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("fleet", "Where every site stands with every prefix");
  auto options = std::make_shared<FleetOptions>();
  options->file.add_to(*command);
  command->add_flag("--json", options->as_json,
                    "For scripts; the shape is documented in docs/fleet.md");
  command->add_flag("--watch", options->watch,
                    "Again and again until ^C: in place on a terminal, else one after the other");
  command->add_option("--interval", options->interval, "With --watch: how often")
      ->capture_default_str();
  command->footer(
      "Asks the running withdrawd, which asks etcd. Exit status: 0 every site announces every\n"
      "prefix healthy, 1 one does not or is silent, 2 nobody could say.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace withdrawd::cli
