#pragma once

#include <cstdint>
#include <string_view>

#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::core {

enum class Health : std::uint8_t { unknown, up, down };

/// "unknown", "up", "down".
std::string_view name(Health health);

/// How far a check has come; what a later run continues from.
struct HealthCount {
  Health health = Health::unknown;
  unsigned run = 0;   ///< outcomes of the same kind in a row, up to the moment
  bool good = false;  ///< of which kind
  auto operator<=>(const HealthCount&) const = default;
};

/// Health of one check: outcomes after rise and fall counts. Unknown becomes up after `rise` good
/// outcomes in a row and down after `fall` bad ones, as up and down become each other.
class HealthTracker {
 public:
  explicit HealthTracker(const HealthPolicy& policy, HealthCount start = {})
      : policy_(policy), count_(start) {}

  /// Counts one outcome. True if health has changed by it.
  bool record(bool good);

  Health health() const { return count_.health; }
  const HealthCount& count() const { return count_; }
  /// How many outcomes in a row the current run needs to change health, or needed.
  unsigned needed() const { return count_.good ? policy_.rise : policy_.fall; }
  /// From one asking to the next: the fast interval while health is unknown or a run that would
  /// change it is under way.
  Duration pause() const;

 private:
  HealthPolicy policy_;
  HealthCount count_;
};

}  // namespace withdrawd::core
