#pragma once

#include <string>
#include <vector>

namespace withdrawd::core {

/// How an outcome came about, for whoever asks. All texts are printable.
struct Account {
  /// One thing that was expected, and what was there instead, or after all.
  struct Step {
    std::string what;
    bool ok = false;
    std::string seen;
    bool operator==(const Step&) const = default;
  };
  /// What is only worth knowing: "transport", "UDP".
  struct Fact {
    std::string name;
    std::string value;
    bool operator==(const Fact&) const = default;
  };

  std::vector<Step> expectations;  ///< in the order in which they were looked at
  std::vector<Step> chain;         ///< of signatures, from the trust anchor down
  std::vector<Fact> facts;
  std::vector<std::string> answers;  ///< the records' data
};

}  // namespace withdrawd::core
