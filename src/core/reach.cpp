#include "core/reach.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/listed.hpp"

namespace withdrawd::core {
namespace {

/// Who is told of another site's path and can use it: bgpd also lists the neighbor that told of it
/// and those that find their own AS in it, which both pass it over.
std::vector<std::string> hearers(const Instance& instance, const OtherPath& path) {
  std::vector<std::string> hearers;
  for (const std::string& name : path.told) {
    const auto neighbor = instance.neighbors.find(name);
    const bool passes_over =
        name == path.from || (neighbor != instance.neighbors.end() &&
                              std::ranges::count(path.as_path, neighbor->second) > 0);
    if (!passes_over) hearers.push_back(name);
  }
  return hearers;
}

constexpr std::size_t most_listed = 3;

void judge_other_path(const ReachFacts& facts, std::vector<Reach>& found) {
  const OtherPath& path = *facts.other;
  if (!path.imported_from.empty()) {
    found.push_back(
        {Reach::Kind::imported,
         fmt::format(
             "is in the table of {} by a path imported from {}{}: withdraw it there, or end "
             "the import (`import vrf`, `import vpn`)",
             facts.instance.text(), path.imported_from,
             path.told.empty() ? "" : ", and advertised to " + listed(path.told, most_listed))});
    return;
  }
  if (const auto to = hearers(facts.instance, path); !to.empty()) {
    found.push_back(
        {Reach::Kind::handed_on,
         fmt::format("is handed on to {} with another site's path (from {}): their users still "
                     "come to this host, which must forward them, or not hand it on (an outbound "
                     "prefix-list)",
                     listed(to, most_listed), path.from)});
  }
}

}  // namespace

std::string_view name(Reach::Kind kind) {
  switch (kind) {
    case Reach::Kind::handed_on:
      return "handed_on";
    case Reach::Kind::imported:
      return "imported";
    case Reach::Kind::other_table:
      return "other_table";
    case Reach::Kind::other_instance:
      return "other_instance";
    case Reach::Kind::default_route:
      return "default_route";
    case Reach::Kind::unheard:
      return "unheard";
    case Reach::Kind::contested:
      break;
  }
  return "contested";
}

std::vector<Reach> judge_reach(const ReachFacts& facts) {
  std::vector<Reach> found;
  const Instance& instance = facts.instance;
  if (facts.in_table) {
    if (facts.peers == 0U) {
      found.push_back({Reach::Kind::unheard,
                       "is in the table, but advertised to no peer: is there a session? (`show bgp "
                       "summary`: shut down, maximum-prefix; or a filter denies it)"});
    }
    return found;
  }
  if (instance.networks.contains(facts.prefix)) return found;
  if (facts.other) judge_other_path(facts, found);
  if (const auto there = instance.other_tables.find(facts.prefix);
      there != instance.other_tables.end()) {
    found.push_back({Reach::Kind::other_table,
                     fmt::format("has a statement in {} of {} as well, which withdrawd "
                                 "does not touch",
                                 listed(there->second, most_listed), instance.text())});
  }
  for (const Instance& other : facts.config.instances) {
    const bool there =
        other.networks.contains(facts.prefix) || other.other_tables.contains(facts.prefix);
    if (!there || other.key == instance.key ||
        std::ranges::count(facts.looked_after, other.key) > 0) {
      continue;
    }
    found.push_back(
        {Reach::Kind::other_instance,
         fmt::format("has a statement in {} as well, which no rule looks after", other.text())});
  }
  if (const auto to = instance.default_originates.find(facts.prefix.family());
      to != instance.default_originates.end()) {
    found.push_back({Reach::Kind::default_route,
                     fmt::format("is covered by the default route that bgpd originates to {} "
                                 "(`default-originate`), whatever is withdrawn",
                                 listed(to->second, most_listed))});
  }
  return found;
}

}  // namespace withdrawd::core
