#include "dns/schedule.hpp"

#include <algorithm>
#include <utility>

namespace withdrawd::dns {

Schedule::Schedule(core::Time begun, core::Duration timeout, unsigned tries,
                   std::optional<core::Duration> again_after)
    : begun_(begun), timeout_(timeout), tries_(std::max(tries, 1U)) {
  const bool is_sooner = again_after && *again_after < timeout_ / tries_;
  if (is_sooner && tries_ > 1) again_at_ = begun_ + *again_after;
}

core::Time Schedule::next_regular() const {
  return made_ < tries_ ? begun_ + timeout_ / tries_ * made_ : core::Time::max();
}

core::Time Schedule::next() const {
  constexpr auto never = core::Time::max();
  return std::min({next_regular(), extra_.value_or(never), again_at_.value_or(never), deadline()});
}

bool Schedule::due(core::Time now) {
  if (extra_ && now >= *extra_) {
    extra_.reset();
    return true;
  }
  if (again_at_ && now >= *again_at_) {
    again_at_.reset();
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
  again_at_.reset();  // there has been an answer of a kind
  return false;
}

bool Schedule::failed_here(core::Time now) {
  if (!std::exchange(failed_here_, true) && !extra_) extra_ = now + pause;
  return next() < deadline();
}

void Schedule::start_over(core::Time now) {
  refused_.reset();
  again_at_.reset();
  failed_here_ = false;
  extra_ = now;
}

}  // namespace withdrawd::dns
