#include "core/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/outcome.hpp"

namespace withdrawd::core {

Result<std::vector<PrefixKey>> find_prefixes(const Settings& settings, std::string_view target) {
  const auto prefix = Prefix::parse(target);
  std::vector<PrefixKey> found;
  std::vector<std::string> names;
  for (const Rule& rule : settings.rules) {
    names.push_back(fmt::format("\"{}\"", rule.name));
    for (const Prefix& one : rule.prefixes) {
      if (target.empty() || rule.name == target || (prefix && one == *prefix)) {
        found.emplace_back(rule.name, one);
      }
    }
  }
  if (!found.empty()) return found;
  const std::string tried = target.empty() ? std::string("find prefixes")
                                           : fmt::format("find \"{}\"", printable(target, 80));
  if (names.empty()) {
    return std::unexpected(
        Error{tried, "no rule is configured (hard mode acts on bgpd as a whole)", ""});
  }
  return std::unexpected(Error{
      tried, prefix ? "no rule has this prefix" : "no rule has this name, and it is no prefix",
      fmt::format("the rules are {}; `withdrawd status` lists their prefixes",
                  fmt::join(names, ", "))});
}

}  // namespace withdrawd::core
