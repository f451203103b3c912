#include "dns/schedule.hpp"

#include <algorithm>

namespace withdrawd::dns {

Schedule::Schedule(core::Time begun, core::Duration timeout, unsigned tries)
    : begun_(begun), timeout_(timeout), tries_(std::max(tries, 1U)) {}

core::Time Schedule::next_regular() const {
  return made_ < tries_ ? begun_ + timeout_ / tries_ * made_ : core::Time::max();
}

core::Time Schedule::next() const {
  return std::min({next_regular(), extra_.value_or(core::Time::max()), deadline()});
}

bool Schedule::due(core::Time now) {
  if (extra_ && now >= *extra_) {
    extra_.reset();
    return true;
  }
  if (now < next_regular()) return false;
  ++made_;
  return true;
}

bool Schedule::refused(core::Time now) {
  if (refused_) return now >= *refused_ + pause;
  refused_ = now;
  extra_ = now + pause;
  return false;
}

void Schedule::start_over(core::Time now) {
  refused_.reset();
  extra_ = now;
}

}  // namespace withdrawd::dns
