#include "core/health.hpp"

#include <algorithm>
#include <limits>

namespace withdrawd::core {

std::string_view name(Health health) {
  switch (health) {
    case Health::up:
      return "up";
    case Health::down:
      return "down";
    case Health::unknown:
      break;
  }
  return "unknown";
}

bool HealthTracker::record(bool good) {
  count_.run =
      count_.good == good ? std::min(count_.run, std::numeric_limits<unsigned>::max() - 1) + 1 : 1;
  count_.good = good;
  const Health verdict = good ? Health::up : Health::down;
  if (count_.run < needed() || count_.health == verdict) return false;
  count_.health = verdict;
  return true;
}

Duration HealthTracker::pause() const {
  const bool settled = count_.health == (count_.good ? Health::up : Health::down);
  return settled ? policy_.interval : policy_.fast_interval;
}

}  // namespace withdrawd::core
