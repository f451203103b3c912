#pragma once

#include <cstdint>
#include <string_view>

#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::core {

enum class Health : std::uint8_t { unknown, up, down };

/// "unknown", "up", "down".
std::string_view name(Health health);

/// Health of one check: outcomes after rise and fall counts. Unknown becomes up after `rise` good
/// outcomes in a row and down after `fall` bad ones, as up and down become each other.
class HealthTracker {
 public:
  /// How far a check has come; what a later run continues from.
  struct Count {
    Health health = Health::unknown;
    unsigned run = 0;   ///< outcomes of the same kind in a row, up to the moment
    bool good = false;  ///< of which kind
    auto operator<=>(const Count&) const = default;
  };

  explicit HealthTracker(const HealthPolicy& policy, Count start = {})
      : policy_(policy), count_(start) {}

  /// Counts one outcome. True if health has changed by it.
  bool record(bool good);

  Health health() const { return count_.health; }
  const Count& count() const { return count_; }
  /// How many outcomes in a row the current run needs to change health, or needed.
  unsigned needed() const { return count_.good ? policy_.rise : policy_.fall; }
  /// From one asking to the next: the fast interval while health is unknown or a run that would
  /// change it is under way.
  Duration pause() const;

 private:
  HealthPolicy policy_;
  Count count_;
};

}  // namespace withdrawd::core
