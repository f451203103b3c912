#include "cli/status_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

std::string text(const json::value& value) {
  return std::string(value.as_string());
}

std::string yes_no(const json::value& value) {
  if (value.is_null()) return "?";
  return value.as_bool() ? "yes" : "no";
}

/// Indented, broken at blanks so that no line is longer than 80 columns if words allow.
std::string wrapped(const std::string& line, std::size_t indent) {
  std::string out;
  std::string current(indent, ' ');
  bool empty = true;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t blank = std::min(line.find(' ', at), line.size());
    const std::string word = line.substr(at, blank - at);
    if (!empty && current.size() + 1 + word.size() > 80) {
      out += current + "\n";
      current.assign(indent + 2, ' ');
      empty = true;
    }
    if (!empty) current += ' ';
    current += word;
    empty = false;
    at = blank + 1;
  }
  return out + current + "\n";
}

std::string bgpd_line(const json::object& root, const Palette& palette) {
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
    good = true;
  }
  return fmt::format("bgpd: {}{}{}\n", good ? palette.good : palette.bad, state, palette.plain);
}

}  // namespace

std::string status_table(const json::value& report, const Palette& palette) {
  const json::object& root = report.as_object();
  const json::array& prefixes = root.at("prefixes").as_array();
  std::string out = bgpd_line(root, palette);
  if (root.at("failing").as_bool()) {
    out += fmt::format(
        "{}A sick prefix is still announced, and the rule forbids to kill bgpd for it.{}\n",
        palette.bad, palette.plain);
  }
  if (prefixes.empty()) {
    for (const json::value& check : root.at("checks").as_array()) {
      const bool up = check.at("health") == "up";
      out += fmt::format("{}{}{}: ", up ? palette.good : palette.bad, text(check.at("health")),
                         palette.plain);
      out += wrapped(text(check.at("story")), 0);
    }
    return out;
  }
  std::size_t widest = 6;
  for (const json::value& prefix : prefixes) {
    widest = std::max<std::size_t>(widest, prefix.at("prefix").as_string().size());
  }
  out += fmt::format("{}{:<{}}  {:<7}  {:<9}  {:<10}  {:<8}  {}{}\n", palette.bold, "PREFIX",
                     widest, "HEALTH", "DESIRED", "CONFIGURED", "IN TABLE", "RULE", palette.plain);
  std::string cause;
  const auto flush_cause = [&] {
    if (!cause.empty()) out += palette.dim + wrapped(cause, 4) + palette.plain;
  };
  std::string last_rule;
  for (const json::value& prefix : prefixes) {
    const std::string rule = text(prefix.at("rule"));
    if (rule != last_rule) flush_cause();
    last_rule = rule;
    cause = text(prefix.at("why"));
    const std::string health = text(prefix.at("health"));
    const std::string& colour = health == "up"     ? palette.good
                                : health == "down" ? palette.bad
                                                   : palette.dim;
    std::string configured = yes_no(prefix.at("configured"));
    out += fmt::format("{:<{}}  {}{:<7}{}  {:<9}  {:<10}  {:<8}  {}\n", text(prefix.at("prefix")),
                       widest, colour, health, palette.plain, text(prefix.at("desired")),
                       configured, yes_no(prefix.at("in_table")), rule);
    if (!prefix.at("route_map").is_null()) {
      out += wrapped(fmt::format("route-map {}", text(prefix.at("route_map"))), 4);
    }
    if (!prefix.at("trouble").is_null()) {
      out += palette.bad + wrapped("it " + text(prefix.at("trouble")), 4) + palette.plain;
    }
  }
  flush_cause();
  return out;
}

}  // namespace withdrawd::cli
