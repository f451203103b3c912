#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bgp.hpp"

namespace withdrawd::vty {

/// An `aggregate-address` of one instance: it is announced while anything within it is.
struct Aggregate {
  core::Prefix prefix;
  std::string line;  ///< "aggregate-address 198.51.100.0/24 summary-only"
};

/// What besides `network` statements announces prefixes from one table of one instance.
struct OtherSources {
  std::vector<std::string> redistribute;  ///< "redistribute connected", whole lines, escaped
  std::vector<Aggregate> aggregates;
};

/// One instance as a configuration, running or a start-up file, has it.
struct SurveyedInstance {
  std::string number;  ///< of its AS, as written
  core::InstanceKey key;
  std::map<core::Prefix, std::string> networks;  ///< and what follows the prefix: " route-map TAG"
  std::map<core::Family, OtherSources> others;
  /// `bgp network import-check`, or `no …`. Not said: the default of the version.
  std::optional<bool> import_check;
};

/// More of a configuration than is needed to withdraw and announce: for `doctor`. Wants no
/// complete text, so it reads start-up files as people write them as well; what it does not know
/// is passed over.
struct Survey {
  std::vector<SurveyedInstance> instances;
  bool cisco_style = false;  ///< `bgp config-type cisco`

  const SurveyedInstance* find(const core::InstanceKey& key) const;
};

Survey read_survey(std::string_view text);

}  // namespace withdrawd::vty
