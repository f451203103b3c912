#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/reach.hpp"
#include "core/severity.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

/// Whom each prefix reaches otherwise than its statement says, and what of that is news. Prefixes
/// are counted from 0, as the policy counts them.
class ReachWatch {
 public:
  explicit ReachWatch(std::size_t prefixes) : prefixes_(prefixes) {}

  /// What follows the prefix in a line of the log.
  struct News {
    Severity severity;
    std::string text;
  };
  /// As it is seen now. `is`: what the prefix is meant to be, in a word.
  std::vector<News> see(std::size_t prefix, std::vector<Reach> reach, std::string_view is,
                        Time now);
  /// Something else is meant now: what was seen is no news any more.
  void forget(std::size_t prefix) { prefixes_[prefix] = {}; }

  const std::vector<Reach>& of(std::size_t prefix) const { return prefixes_[prefix].reach; }
  /// Announced, and no peer hears it.
  bool is_unheard(std::size_t prefix) const { return prefixes_[prefix].unheard_since.has_value(); }
  /// For so long that it is news, and nobody has been told.
  bool has_untold(Time now) const;

 private:
  struct Seen {
    std::vector<Reach> reach;
    std::optional<Time> unheard_since{};
    bool told_unheard = false;
  };
  std::vector<Seen> prefixes_;
};

}  // namespace withdrawd::core
