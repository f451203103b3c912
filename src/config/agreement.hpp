#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/keys.hpp"

namespace withdrawd::config {

/// Where each key that is given stands.
using Given = std::map<std::string, Position, std::less<>>;

/// A section as read: its draft, and where each of its keys stands.
template <class Draft>
struct ReadSection {
  std::string name;  ///< of the check or rule
  Position at;
  Draft draft{};
  Given given{};

  /// Where `key` stands, or the section itself.
  Position where(std::string_view key) const {
    const auto found = given.find(key);
    return found == given.end() ? at : found->second;
  }
};

/// The file as read, key by key: checks and rules in its order.
struct ReadFile {
  ReadSection<ConfigDraft> single;  ///< all single sections; its keys are "fallback.after", "mode"
  std::vector<ReadSection<CheckDraft>> checks;
  std::vector<ReadSection<RuleDraft>> rules;
};

/// Complains of values that do not fit each other, fills in the defaults that depend on other keys,
/// and makes the configuration. It is only fit for use if there was no error.
Config agree(ReadFile file, Complaints& complaints);

}  // namespace withdrawd::config
