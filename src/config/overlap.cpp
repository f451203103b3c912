#include "config/overlap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace withdrawd::config {
namespace {

/// What is in thousands of rules by mistake need not be complained of for each pair of them.
constexpr std::size_t most_named = 8;

struct Placed {
  core::Prefix prefix;
  Position at;
  const std::string* rule;
};

void complain(const Placed& outer, const Placed& inner, Complaints& complaints) {
  // At the later one, naming the earlier one.
  const auto& [first, second] =
      outer.at < inner.at ? std::tie(outer, inner) : std::tie(inner, outer);
  const auto place = complaints.place(first.at, second.at);
  const bool same_rule = first.rule == second.rule;
  if (outer.prefix == inner.prefix) {
    complaints.error(
        second.at,
        fmt::format("{} in [rule.{}] stands already {} ({})", second.prefix.text(), *second.rule,
                    same_rule ? "there" : fmt::format("in [rule.{}]", *first.rule), place));
  } else if (same_rule) {
    complaints.warning(second.at,
                       fmt::format("{} in [rule.{}] overlaps {} ({}) of that rule",
                                   second.prefix.text(), *second.rule, first.prefix.text(), place));
  } else {
    complaints.error(second.at, fmt::format("{} in [rule.{}] overlaps {} in [rule.{}] ({})",
                                            second.prefix.text(), *second.rule, first.prefix.text(),
                                            *first.rule, place));
  }
}

}  // namespace

void complain_of_overlaps(const std::vector<ReadSection<RuleDraft>>& rules,
                          Complaints& complaints) {
  std::map<core::InstanceChoice, std::vector<Placed>> by_instance;
  for (const auto& rule : rules) {
    for (const auto& [prefix, at] : rule.draft.prefixes) {
      by_instance[rule.draft.rule.instance].push_back({prefix, at, &rule.name});
    }
  }
  for (auto& [instance, prefixes] : by_instance) {
    // Sorted like this, a prefix comes right behind all those that contain it and what else they
    // contain: a stack of the open ones is all that needs comparing.
    std::ranges::sort(prefixes, {},
                      [](const Placed& placed) { return std::pair(placed.prefix, placed.at); });
    std::vector<const Placed*> open;
    for (const auto& placed : prefixes) {
      while (!open.empty() && !open.back()->prefix.contains(placed.prefix)) open.pop_back();
      for (std::size_t i = 0; i < std::min(open.size(), most_named); ++i) {
        complain(*open[i], placed, complaints);
      }
      open.push_back(&placed);
    }
  }
}

}  // namespace withdrawd::config
