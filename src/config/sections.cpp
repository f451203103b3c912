#include "config/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "config/near_miss.hpp"
#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

/// "\"interval\" in [check.resolver]", "\"mode\""
std::string label(std::string_view key, std::string_view title) {
  return title.empty() ? in_quotes(key) : fmt::format("{} in [{}]", in_quotes(key), title);
}

/// Where a key that its section does not have does belong.
std::string rightful_place(std::string_view key) {
  for (const auto& known : known_keys()) {
    if (known.key != key) continue;
    if (known.section.empty()) return "; it belongs at the top, before the first section";
    return fmt::format("; it is a key of [{}]", known.section);
  }
  return "";
}

/// Reads one key and gives its name: the right one also when it was misspelt.
template <class Draft>
std::string read_key(const toml::key& key, const toml::node& node, const Section<Draft>& section,
                     std::string_view title, Draft& draft, Complaints& complaints) {
  const auto known = std::ranges::find(section.keys, key.str(), &Key<Draft>::name);
  if (known != section.keys.end()) {
    known->store(Value(node, label(key, title), complaints), draft);
    return std::string(key.str());
  }
  std::vector<std::string> names;
  for (const auto& name : section.keys) names.emplace_back(name.name);
  const auto meant = near_miss(key, names);
  complaints.error(complaints.position_of(key.source()),
                   fmt::format("unknown key {}{}", label(key, title),
                               meant.empty() ? rightful_place(key) : did_you_mean(meant)));
  return meant;
}

/// Is the key one of the section as it is? Where a check's type is not one, nobody can tell.
template <class Draft>
bool applies(const Key<Draft>&, const Draft&) {
  return true;
}
bool applies(const Key<CheckDraft>& key, const CheckDraft& draft) {
  return draft.type && key.of.contain(*draft.type);
}

/// A check has the keys of its type only.
template <class Draft>
void complain_of_other_types(const Given&, const Section<Draft>&, std::string_view, const Draft&,
                             Complaints&) {}
void complain_of_other_types(const Given& given, const Section<CheckDraft>& section,
                             std::string_view title, const CheckDraft& draft,
                             Complaints& complaints) {
  if (!draft.type) return;
  for (const auto& key : section.keys) {
    const auto found = given.find(key.name);
    if (found == given.end() || key.of.contain(*draft.type)) continue;
    complaints.error(found->second,
                     fmt::format("{} is a key of checks of type {}; this one is of "
                                 "type \"{}\"{}",
                                 label(key.name, title), in_quotes(text(key.of)), name(*draft.type),
                                 given.contains("type") ? "" : ", the default"));
  }
}

/// Reads all keys of one section.
template <class Draft>
void read_keys(const toml::table& table, const Section<Draft>& section, ReadSection<Draft>& into,
               Complaints& complaints) {
  for (const auto& [key, node] : table) {
    into.given.emplace(read_key(key, node, section, into.title, into.draft, complaints),
                       complaints.position_of(key.source()));
  }
  complain_of_other_types(into.given, section, into.title, into.draft, complaints);
  for (const auto& key : section.keys) {
    if (key.fallback != required || !applies(key, into.draft) || into.has(key.name)) continue;
    complaints.error(into.at,
                     fmt::format("[{}] has no \"{}\" ({})", into.title, key.name, key.meaning));
  }
}

/// Names go into logs and onto the command line.
bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// Reads [check.NAME], [rule.NAME] or [group.NAME] for each NAME, behind those of earlier files.
/// `kind` is "check" and so on; each begins as `defaults`.
template <class Draft>
void read_named(std::string_view kind, std::string_view such_as, const toml::node& node,
                Position at, const Section<Draft>& section, const ReadSection<Draft>& defaults,
                std::vector<ReadSection<Draft>>& into, SectionPlaces& places,
                Complaints& complaints) {
  const auto* table = node.as_table();
  if (!table) {
    complaints.error(at, fmt::format("\"{}\" is {}; expected named sections, such as [{}]", kind,
                                     describe(node), such_as));
    return;
  }
  std::vector<ReadSection<Draft>> sections;
  for (const auto& [name, inner] : *table) {
    const auto shown = core::printable(name.str(), 80);
    const auto title = fmt::format("{}.{}", kind, shown);
    const auto name_at = complaints.position_of(name.source());
    if (!inner.is_table()) {
      complaints.error(name_at, fmt::format("{} is {}; expected named sections, such as [{}]",
                                            label(name, kind), describe(inner), such_as));
      continue;
    }
    if (!is_good_name(name.str())) {
      complaints.error(name_at,
                       fmt::format("[{}] has a bad name; expected 1 to 64 letters, digits, "
                                   "\"-\", \"_\" or \".\"",
                                   title));
    }
    const auto [first, is_new] = places.try_emplace(title, name_at);
    if (!is_new) {
      complaints.error(name_at, fmt::format("[{}] stands already in {}", title,
                                            complaints.place(first->second, name_at)));
      continue;
    }
    ReadSection<Draft> read{.name = shown,
                            .title = title,
                            .at = name_at,
                            .draft = defaults.draft,
                            .from_defaults = defaults.given};
    read_keys(*inner.as_table(), section, read, complaints);
    sections.push_back(std::move(read));
  }
  std::ranges::sort(sections, {}, &ReadSection<Draft>::at);
  std::ranges::move(sections, std::back_inserter(into));
}

/// Reads what `root` has of the sections that any file may have, and says whether `key` is one.
bool read_named(const toml::key& key, const toml::node& node, ReadFile& into,
                Complaints& complaints) {
  const auto at = complaints.position_of(key.source());
  if (key == "check") {
    read_named("check", "check.resolver", node, at, check_section(), into.check_defaults,
               into.checks, into.places, complaints);
  } else if (key == "rule") {
    read_named("rule", "rule.anycast", node, at, rule_section(), into.rule_defaults, into.rules,
               into.places, complaints);
  } else if (key == "group") {
    read_named("group", "group.edge", node, at, group_section(), ReadSection<GroupDraft>{},
               into.groups, into.places, complaints);
  } else {
    return false;
  }
  return true;
}

/// Reads [bgpd] and the like. Their keys become "bgpd.as" in `into.given`.
void read_single(const toml::node& node, Position at, const Section<ConfigDraft>& section,
                 ReadSection<ConfigDraft>& into, Complaints& complaints) {
  const auto* table = node.as_table();
  if (!table) {
    complaints.error(at, fmt::format("\"{0}\" is {1}; expected a section, [{0}]", section.title,
                                     describe(node)));
    return;
  }
  ReadSection<ConfigDraft> read{
      .title = std::string(section.title), .at = at, .draft = std::move(into.draft)};
  read_keys(*table, section, read, complaints);
  into.draft = std::move(read.draft);
  for (const auto& [key, where] : read.given) {
    into.given.emplace(fmt::format("{}.{}", section.title, key), where);
  }
}

template <class Draft>
bool is_key_of(const Section<Draft>& section, std::string_view key) {
  return std::ranges::count(section.keys, key, &Key<Draft>::name) > 0;
}

/// What a misspelt default was meant to be, or where it belongs.
std::string advice_on_default(std::string_view key) {
  std::vector<std::string> names;
  for (const auto& name : check_section().keys) names.emplace_back(name.name);
  for (const auto& name : rule_section().keys) names.emplace_back(name.name);
  std::erase_if(names, [](const auto& name) { return !may_be_default(name); });
  const auto meant = near_miss(key, names);
  return meant.empty() ? rightful_place(key) : did_you_mean(meant);
}

/// Reads [defaults]: keys of checks and of rules, none of which is both.
void read_defaults(const toml::node& node, Position at, ReadFile& into, Complaints& complaints) {
  const auto* table = node.as_table();
  if (!table) {
    complaints.error(
        at, fmt::format("\"defaults\" is {}; expected a section, [defaults]", describe(node)));
    return;
  }
  into.check_defaults.at = into.rule_defaults.at = at;
  const auto read = [&](const toml::key& key, const toml::node& value, const auto& section,
                        auto& defaults) {
    read_key(key, value, section, "defaults", defaults.draft, complaints);
    defaults.given.emplace(key.str(), complaints.position_of(key.source()));
  };
  for (const auto& [key, value] : *table) {
    const bool of_checks = is_key_of(check_section(), key);
    const bool of_rules = is_key_of(rule_section(), key);
    if ((of_checks || of_rules) && !may_be_default(key)) {
      complaints.error(complaints.position_of(key.source()),
                       fmt::format("{} is each {}'s own; expected no default for it",
                                   label(key, "defaults"), of_checks ? "check" : "rule"));
    } else if (of_checks) {
      read(key, value, check_section(), into.check_defaults);
    } else if (of_rules) {
      read(key, value, rule_section(), into.rule_defaults);
    } else {
      complaints.error(
          complaints.position_of(key.source()),
          fmt::format("unknown key {}{}", label(key, "defaults"), advice_on_default(key)));
    }
  }
}

std::string unknown_section(std::string_view name) {
  auto near = near_miss(name, {"log", "http", "metrics", "bgpd", "fallback", "fleet", "defaults",
                               "check", "rule", "group"});
  if (near == "check" || near == "rule" || near == "group") near += ".NAME";
  return fmt::format("unknown section [{}]{}", core::printable(name, 80),
                     near.empty() ? "" : fmt::format("; did you mean [{}]?", near));
}

}  // namespace

void read_main(const toml::table& root, ReadFile& into, Complaints& complaints) {
  const auto& top = single_sections().front();
  const auto sections = std::span(single_sections()).subspan(1);
  // First, as the others begin with them, wherever they stand.
  if (const auto found = root.find("defaults"); found != root.end()) {
    read_defaults(found->second, complaints.position_of(found->first.source()), into, complaints);
  }
  for (const auto& [key, node] : root) {
    const auto at = complaints.position_of(key.source());
    const auto single = std::ranges::find(sections, key.str(), &Section<ConfigDraft>::title);
    if (key == "defaults" || read_named(key, node, into, complaints)) continue;
    if (single != sections.end()) {
      read_single(node, at, *single, into.single, complaints);
    } else if (node.is_table() && !is_key_of(top, key)) {
      complaints.error(at, unknown_section(key.str()));
    } else {
      read_key(key, node, top, "", into.single.draft, complaints);
    }
  }
}

void read_included(const toml::table& root, ReadFile& into, Complaints& complaints) {
  for (const auto& [key, node] : root) {
    if (read_named(key, node, into, complaints)) continue;
    const auto name = core::printable(key.str(), 80);
    complaints.error(complaints.position_of(key.source()),
                     fmt::format("{} in an included file; expected sections such as "
                                 "[check.NAME], [rule.NAME] and [group.NAME] only",
                                 node.is_table() ? fmt::format("section [{}]", name)
                                                 : fmt::format("key \"{}\"", name)));
  }
}

}  // namespace withdrawd::config
