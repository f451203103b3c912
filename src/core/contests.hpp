#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.hpp"

namespace withdrawd::core {

/// Who undoes what has been put right, prefix by prefix. It is put right again at once each time,
/// but it is a fault that only a human can end; and bgpd is read often meanwhile. Prefixes are
/// counted from 0, as the policy counts them.
class Contests {
 public:
  explicit Contests(std::size_t prefixes) : prefixes_(prefixes) {}

  /// Somebody else has undone it. True: it is time to tell a human, for the first time or because
  /// it has become ten times as bad.
  bool undone(std::size_t prefix, Time now);

  /// One that is over, and for how long nobody else has changed it.
  struct Over {
    std::size_t prefix;
    Duration quiet_for;
  };
  /// Those that have ended by now, of the ones that a human was told of.
  std::vector<Over> end(Time now);

  /// Is there one that a human was told of?
  bool any() const { return any_; }
  bool told(std::size_t prefix) const { return prefixes_[prefix].told; }

  /// How often bgpd is to be read, of which the last reading took `took`; none: as usual.
  std::optional<Duration> reading_interval(Time now, Duration took) const;
  /// Is bgpd to be asked who is on its vty, with what is asked now?
  bool asks_who(Time now);
  /// The answer to what was asked at `asked`, if it was asked then.
  void answered(Time asked, std::vector<std::string>& on_vty);

  /// "was announced or changed by somebody else 5 times in 3 s, ...". `wanted`: it is to be
  /// announced. `via`: the transport in use.
  std::string text(std::size_t prefix, bool wanted, std::string_view via, Time now) const;

 private:
  /// Without a long pause in between.
  struct Contest {
    unsigned times = 0;
    Time first{}, last{};
    bool told = false;
  };
  std::vector<Contest> prefixes_;
  bool any_ = false;
  std::optional<Time> until_;  ///< bgpd is read often
  std::optional<Time> asked_who_;
  std::vector<std::string> on_vty_;  ///< as last asked
};

}  // namespace withdrawd::core
