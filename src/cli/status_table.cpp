#include "cli/status_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>

#include "core/settings.hpp"
#include "core/time.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

/// A line of its own; what goes on is two further in.
std::string indented(const std::string& line, const Terminal& terminal, std::size_t indent) {
  return std::string(indent, ' ') + wrapped(line, terminal, indent, indent + 2);
}

/// Of a daemon that may be older, and has none.
std::string text_or(const json::object& object, std::string_view key, std::string_view otherwise) {
  const json::value* value = object.if_contains(key);
  return value && !value->is_null() ? text(*value) : std::string(otherwise);
}

std::string yes_no(const json::value& value) {
  if (value.is_null()) return "?";
  return value.as_bool() ? "yes" : "no";
}

std::string bgpd_line(const json::object& root, const Terminal& terminal) {
  const json::object& bgpd = root.at("bgpd").as_object();
  std::string state;
  bool good = false;
  if (bgpd.at("killed_by_fallback").as_bool()) {
    state = "killed by the fallback, and not running";
  } else if (bgpd.at("running").is_bool() && !bgpd.at("running").get_bool()) {
    state = "not running";
  } else if (!bgpd.at("reachable").as_bool()) {
    state = "cannot be reached";
  } else {
    state = "answers";
    if (bgpd.at("transport").is_string()) state += " through " + text(bgpd.at("transport"));
    good = true;
  }
  return fmt::format("bgpd: {}{}{}\n", good ? terminal.good : terminal.bad, state, terminal.plain);
}

/// Whoever says so: what does not fit a Duration is a century.
double bounded(double seconds) {
  constexpr double longest = 100.0 * 365 * 24 * 3600;
  return std::clamp(seconds, 0.0, longest);
}

std::string short_span(const json::value& seconds) {
  return seconds.is_null() ? "" : cli::short_span(seconds.to_number<double>());
}

std::string span(const json::value& seconds) {
  const double all = bounded(seconds.to_number<double>());
  return core::describe(std::chrono::milliseconds(static_cast<std::int64_t>(all * 1000)));
}

/// What peers may still have of a bgpd that was killed; empty: nothing.
std::string kept_by_peers(const json::object& root, const Terminal& terminal) {
  const json::object& bgpd = root.at("bgpd").as_object();
  const json::value* kept = bgpd.if_contains("kept_by_peers");
  if (!kept || kept->is_null()) return "";
  std::string peers;
  for (const json::value& peer : kept->at("peers").as_array()) {
    peers += (peers.empty() ? " (" : ", ") + text(peer);
  }
  if (!peers.empty()) peers += ")";
  const json::value& left = kept->at("left_s");
  return fmt::format(
      "{}Peers with graceful restart{} may keep what bgpd announced when it was killed, {}: their "
      "sessions have no NOTIFICATION: {}.{}\n",
      terminal.bad, peers, left.is_null() ? "until it runs again" : "for another " + span(left),
      text(kept->at("why")), terminal.plain);
}

std::string number(const json::value& value) {
  return value.is_null() ? "?" : std::to_string(value.to_number<std::int64_t>());
}

bool is(const json::value& value, bool wanted) {
  return value.is_bool() && value.get_bool() == wanted;
}

/// What is to be said about a prefix besides its row.
std::string remarks(const json::value& prefix, const Terminal& terminal) {
  std::string out;
  if (!prefix.at("route_map").is_null()) {
    out += indented(fmt::format("route-map {}", text(prefix.at("route_map"))), terminal, 4);
  }
  if (const json::value& drain = prefix.at("drain"); !drain.is_null()) {
    std::string line =
        fmt::format("drained by {} for {}", text(drain.at("who")), span(drain.at("lasted_s")));
    if (!text(drain.at("why")).empty()) line += fmt::format(" (\"{}\")", text(drain.at("why")));
    if (!drain.at("left_s").is_null()) line += fmt::format(", {} left", span(drain.at("left_s")));
    if (!drain.at("grace_left_s").is_null()) {
      line += fmt::format(", withdrawn in {}", span(drain.at("grace_left_s")));
    }
    out += terminal.bold + indented(line, terminal, 4) + terminal.plain;
  }
  if (const json::value& damping = prefix.at("damping"); !damping.is_null()) {
    const auto penalty = damping.at("penalty").to_number<double>();
    if (is(damping.at("suppressed"), true)) {
      out += indented(fmt::format("flap damping: stays down for another {} (penalty {:.0f})",
                                  span(damping.at("left_s")), penalty),
                      terminal, 4);
    } else if (penalty > core::Damping::penalty) {
      // Once is no flapping.
      out += indented(fmt::format("flap damping: penalty {:.0f}", penalty), terminal, 4);
    }
  }
  std::string wrong;
  if (!prefix.at("trouble").is_null()) {
    wrong = "it " + text(prefix.at("trouble"));
  } else if (is(prefix.at("configured"), false) && is(prefix.at("in_table"), true)) {
    wrong = "it is in the table without a network statement (redistribute, aggregate-address?)";
  } else if (is(prefix.at("configured"), true) && is(prefix.at("in_table"), false)) {
    wrong =
        "it has a network statement, but is not in the table (not in the RIB while `bgp network "
        "import-check` is on, or denied by its route-map)";
  }
  if (!wrong.empty()) out += terminal.bad + indented(wrong, terminal, 4) + terminal.plain;
  for (const json::value& reach : reach_of(prefix)) {
    const std::string& colour = is(reach.at("fault"), true) ? terminal.bad : terminal.dim;
    out += colour + indented("it " + text(reach.at("text")), terminal, 4) + terminal.plain;
  }
  return out;
}

std::string group_lines(const json::object& root, const Terminal& terminal) {
  std::string out;
  for (const json::value& group : root.at("groups").as_array()) {
    const auto held = group.at("held").to_number<std::size_t>();
    const std::string line = fmt::format(
        "group {}: {} of {} prefixes wanted, at least {}", text(group.at("name")),
        group.at("wanted").to_number<std::size_t>(), group.at("prefixes").to_number<std::size_t>(),
        group.at("min_announced").to_number<std::size_t>());
    out += held == 0 ? line + "\n"
                     : terminal.bad +
                           indented(fmt::format("{}: {} would be withdrawn, but for min_announced",
                                                line, held),
                                    terminal, 0) +
                           terminal.plain;
  }
  return out;
}

/// Two hosts with one site name; an older daemon does not say.
std::string contested_line(const json::value& fleet, const Terminal& terminal) {
  const json::value* by = fleet.as_object().if_contains("name_contested_by");
  if (!by || by->is_null()) return "";
  return terminal.bad +
         indented(fmt::format("fleet {}: another host ({}) uses the site name {}, too: the others "
                              "count both as one site",
                              text(fleet.at("group")), text(*by), text(fleet.at("site"))),
                  terminal, 0) +
         terminal.plain;
}

std::string fleet_line(const json::object& root, const Terminal& terminal) {
  const json::value* fleet = root.if_contains("fleet");
  if (!fleet || fleet->is_null()) return "";
  const json::value& reached = fleet->at("reached");
  const std::string state = is(reached, true)    ? "its store answers"
                            : is(reached, false) ? "its store cannot be reached"
                                                 : "its store has not answered yet";
  std::string line = fmt::format("fleet {}: site {}, {}", text(fleet->at("group")),
                                 text(fleet->at("site")), state);
  if (const std::string span = short_span(fleet->at("for_s")); !span.empty()) {
    line += fmt::format(" for {}", span);
  }
  const std::string detail = text(fleet->at("detail"));
  if (!detail.empty()) line += fmt::format(" ({})", detail);
  const std::string shown = indented(line, terminal, 0);
  return (is(reached, false) ? terminal.bad + shown + terminal.plain : shown) +
         contested_line(*fleet, terminal);
}

}  // namespace

std::string text(const json::value& value) {
  return std::string(value.as_string());
}

const json::array& reach_of(const json::value& prefix) {
  static const json::array none;
  const json::value* reach = prefix.as_object().if_contains("reach");
  return reach ? reach->as_array() : none;
}

std::string short_span(double seconds) {
  const double all = bounded(seconds);
  if (all < 120) return fmt::format("{:.0f}s", std::floor(all));
  if (all < 7200) return fmt::format("{:.0f}m", std::floor(all / 60));
  if (all < 2 * 86400) return fmt::format("{:.0f}h", std::floor(all / 3600));
  return fmt::format("{:.0f}d", std::floor(all / 86400));
}

std::string status_table(const json::value& report, const Terminal& terminal) {
  const json::object& root = report.as_object();
  const json::array& prefixes = root.at("prefixes").as_array();
  std::string out = bgpd_line(root, terminal) + kept_by_peers(root, terminal);
  // Looked at in any case: what is no status is found out by showing it.
  const auto failing_why = text_or(root, "failing_why", "");
  if (root.at("failing").as_bool()) {
    const bool contested = std::ranges::any_of(prefixes, [](const json::value& prefix) {
      return std::ranges::any_of(reach_of(prefix), [](const json::value& reach) {
        return reach.at("kind") == "contested";
      });
    });
    const auto say = [&](const std::string& sentence) {
      out += terminal.bad + sentence + terminal.plain + "\n";
    };
    if (!contested || !failing_why.empty()) {
      say(fmt::format("A sick prefix is still announced: {}; a human is needed.",
                      failing_why.empty() ? "bgpd cannot be made to withdraw it" : failing_why));
    }
    if (contested) say("Somebody else changes a prefix back again and again: a human is needed.");
  }
  if (prefixes.empty()) {
    for (const json::value& check : root.at("checks").as_array()) {
      const bool up = check.at("health") == "up";
      out += fmt::format("{}{}{}: ", up ? terminal.good : terminal.bad, text(check.at("health")),
                         terminal.plain);
      out += indented(text(check.at("story")), terminal, 0);
    }
    return out;
  }
  out += fleet_line(root, terminal);
  out += group_lines(root, terminal);
  std::size_t widest = 6;
  for (const json::value& prefix : prefixes) {
    widest = std::max<std::size_t>(widest, prefix.at("prefix").as_string().size());
  }
  out += fmt::format("{}{:<{}}  {:<9}  {:>6}  {:<7}  {:<4}  {:<5}  {:<5}  {}{}\n", terminal.bold,
                     "PREFIX", widest, "SHOULD BE", "FOR", "HEALTH", "CONF", "TABLE", "PEERS",
                     "RULE", terminal.plain);
  std::string cause;
  const auto flush_cause = [&] {
    if (!cause.empty()) out += terminal.dim + indented(cause, terminal, 4) + terminal.plain;
  };
  std::string last_rule;
  for (const json::value& prefix : prefixes) {
    const std::string rule = text(prefix.at("rule"));
    const std::string why = text(prefix.at("why"));
    if (rule != last_rule || why != cause) flush_cause();
    last_rule = rule;
    cause = why;
    const std::string health = text(prefix.at("health"));
    const std::string& colour = health == "up"     ? terminal.good
                                : health == "down" ? terminal.bad
                                                   : terminal.dim;
    out += fmt::format("{:<{}}  {:<9}  {:>6}  {}{:<7}{}  {:<4}  {:<5}  {:<5}  {}\n",
                       text(prefix.at("prefix")), widest, text(prefix.at("desired")),
                       short_span(prefix.at("desired_for_s")), colour, health, terminal.plain,
                       yes_no(prefix.at("configured")), yes_no(prefix.at("in_table")),
                       number(prefix.at("advertised_to")), rule);
    out += remarks(prefix, terminal);
  }
  flush_cause();
  return out;
}

std::string check_lines(const json::value& check, const Terminal& terminal) {
  const std::string health = text(check.at("health"));
  const std::string& colour = health == "up"     ? terminal.good
                              : health == "down" ? terminal.bad
                                                 : terminal.dim;
  const json::value& lasted = check.at("health_for_s");
  const std::string since = lasted.is_null() ? "" : " for " + span(lasted);
  return fmt::format("  {}: {}{}{}{}\n{}", text(check.at("name")), colour, health, terminal.plain,
                     since, indented(text(check.at("story")), terminal, 4));
}

}  // namespace withdrawd::cli
