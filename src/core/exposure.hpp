#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/time.hpp"

namespace withdrawd::core {

/// Since when each sick prefix is announced, or may be for all that is known; and how many kills of
/// bgpd in a row have not helped against that. Prefixes are counted from 0, as the policy counts
/// them.
class Exposure {
 public:
  /// Of the next prefix. `may_fall_back`: its rule allows to kill bgpd for it.
  void add(bool may_fall_back, unsigned kills);

  void set(std::size_t prefix, bool exposed, Time now);
  void set_kills(std::size_t prefix, unsigned kills);
  /// bgpd was killed for these.
  void killed_for(const std::vector<std::size_t>& prefixes);
  /// So much time has passed in which nothing could be done: it does not count.
  void delay(Duration lost);

  bool any() const { return exposed_ > 0; }
  std::optional<Time> since(std::size_t prefix) const { return prefixes_[prefix].since; }
  unsigned kills(std::size_t prefix) const { return prefixes_[prefix].kills; }
  bool any_kills() const { return with_kills_ > 0; }
  /// Of those that may fall back: since when the first one is.
  std::optional<Time> first() const;
  /// Those that are exposed since then, or longer, and may fall back.
  std::vector<std::size_t> since_before(Time then) const;

  /// The prefixes that are exposed for longest.
  struct Longest {
    std::map<unsigned, std::size_t> may_fall_back;  ///< by the number of kills
    std::optional<std::size_t> may_not;
  };
  /// `forbidden`: none may fall back.
  Longest longest(bool forbidden) const;

  /// Changes with all of this.
  std::uint64_t revision() const { return revision_; }
  /// Changes with the kills alone.
  std::uint64_t kills_revision() const { return kills_revision_; }

 private:
  struct Prefix {
    bool may_fall_back;
    unsigned kills = 0;
    std::optional<Time> since{};
  };
  std::vector<Prefix> prefixes_;
  std::size_t exposed_ = 0;
  std::size_t with_kills_ = 0;
  std::uint64_t revision_ = 0;
  std::uint64_t kills_revision_ = 0;
};

}  // namespace withdrawd::core
