#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/keys.hpp"

namespace withdrawd::config {

/// Where each key that is given stands.
using Given = std::map<std::string, Position, std::less<>>;

/// A section as read: its draft, and where each of its keys stands.
template <class Draft>
struct ReadSection {
  std::string name{};   ///< of the check, rule or group
  std::string title{};  ///< "check.resolver", "defaults"
  Position at{};
  Draft draft{};
  Given given{};
  Given from_defaults{};  ///< what it took from [defaults], for want of its own

  /// Where `key` stands, or the section itself.
  Position where(std::string_view key) const {
    const auto found = given.find(key);
    return found == given.end() ? at : found->second;
  }
  bool gives(std::string_view key) const { return given.contains(key); }
  /// Did somebody decide it, here or in [defaults]?
  bool has(std::string_view key) const { return gives(key) || from_defaults.contains(key); }
};

/// Where a section stands, by its title.
using SectionPlaces = std::unordered_map<std::string, Position>;

/// The files as read, key by key: checks, rules and groups in their order.
struct ReadFile {
  ReadSection<ConfigDraft> single;  ///< all single sections; its keys are "fallback.after", "mode"
  ReadSection<CheckDraft> check_defaults{.title = "defaults"};
  ReadSection<RuleDraft> rule_defaults{.title = "defaults"};
  std::vector<ReadSection<CheckDraft>> checks;
  std::vector<ReadSection<RuleDraft>> rules;
  std::vector<ReadSection<GroupDraft>> groups;
  SectionPlaces places;  ///< of all of these
};

/// Complains of values that do not fit each other, fills in the defaults that depend on other keys,
/// and makes the configuration. It is only fit for use if there was no error.
Config agree(ReadFile file, Complaints& complaints);

}  // namespace withdrawd::config
