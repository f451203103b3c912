#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/bgp.hpp"
#include "core/desired_state.hpp"

namespace withdrawd::core {

/// What was last read of bgpd, and where each prefix stands in it. Prefixes are counted from 0, as
/// the policy counts them.
class Observation {
 public:
  enum class Presence : std::uint8_t { absent, present, unknown };
  /// Where a prefix stands. Lasts until something else is seen.
  struct View {
    const Instance* instance = nullptr;          ///< null: none fits, or several do
    const NetworkOptions* configured = nullptr;  ///< null: it has no statement
    Presence presence = Presence::unknown;       ///< in the table
  };

  /// The next prefix.
  void add(Lookup lookup) { prefixes_.push_back({std::move(lookup)}); }

  /// None: bgpd was not read, or has been away since.
  const std::optional<Observed>& seen() const { return seen_; }
  /// There is no bgpd process.
  bool gone() const { return gone_; }
  const View& view(std::size_t prefix) const;
  Standing standing(std::size_t prefix) const;

  /// Would it show nothing new? `asked`: the look-ups that it answers; `all`: these are all.
  bool is_same(const Observed& observed, const std::vector<Lookup>& asked, bool all) const;
  /// It was read, so it runs.
  void take_in(Observed observed, const std::vector<Lookup>& asked);
  /// It answers, but has not been read.
  void runs();
  /// It may be another bgpd next time.
  void lose();
  /// The process was looked for. False: that is nothing new.
  bool found(bool running);

  /// Changes with what is seen.
  std::uint64_t revision() const { return revision_; }

 private:
  struct Prefix {
    Lookup lookup;
    // Looked for once, however often it is asked for.
    mutable View view{};
    mutable std::uint64_t viewed = 0;  ///< the revision then
  };
  View find(const Lookup& lookup) const;

  std::vector<Prefix> prefixes_;
  std::optional<Observed> seen_;
  bool gone_ = false;
  std::uint64_t revision_ = 1;
};

}  // namespace withdrawd::core
