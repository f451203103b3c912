#include "daemon/check_traces.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace withdrawd::daemon {
namespace {

constexpr auto minute_length = std::chrono::minutes(1);
/// A check may be asked a hundred times a second; more than this is not kept for the median.
constexpr std::size_t most_latencies = 512;

std::int64_t minute_of(core::Time now) {
  return now.time_since_epoch() / minute_length;
}

std::uint32_t microseconds(core::Duration latency) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
  constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 1, most));
}

std::size_t place(std::int64_t minute) {
  return static_cast<std::size_t>(minute % static_cast<std::int64_t>(CheckTraces::minutes));
}

}  // namespace

void CheckTraces::use(const core::Settings& settings) {
  std::vector<std::string> names;
  std::vector<Trace> traces;
  for (const core::Check& check : settings.checks) {
    const auto known = std::ranges::find(names_, check.name);
    traces.push_back(known == names_.end()
                         ? Trace{}
                         : std::move(traces_[static_cast<std::size_t>(known - names_.begin())]));
    names.push_back(check.name);
  }
  names_ = std::move(names);
  traces_ = std::move(traces);
}

void CheckTraces::begin(Trace& trace, std::int64_t minute) {
  trace.latencies.clear();
  trace.stride = 1;
  trace.good = 0;
  if (trace.ring.empty()) {
    trace.ring.resize(minutes);
    trace.first = trace.last = minute;
    return;
  }
  // What lies between was not asked at all.
  const auto from = std::max(trace.last + 1, minute - static_cast<std::int64_t>(minutes) + 1);
  for (std::int64_t empty = from; empty <= minute; ++empty) trace.ring[place(empty)] = {};
  trace.last = minute;
}

void CheckTraces::add(std::size_t check, const core::Outcome& outcome, core::Time now) {
  // What this host could not ask says nothing of the server.
  if (check >= traces_.size() || outcome.kind == core::OutcomeKind::unable) return;
  Trace& trace = traces_[check];
  const std::int64_t minute = minute_of(now);
  if (trace.ring.empty() || minute > trace.last) begin(trace, minute);
  Minute& here = trace.ring[place(trace.last)];
  ++here.asked;
  if (!outcome.healthy()) {
    ++here.failed;
    return;
  }
  const std::uint32_t us = microseconds(outcome.latency);
  here.highest_us = std::max(here.highest_us, us);
  if (trace.good++ % trace.stride != 0) return;
  auto& all = trace.latencies;
  all.insert(std::ranges::upper_bound(all, us), us);
  here.median_us = all[all.size() / 2];
  if (all.size() < most_latencies) return;
  // Every other one stands for both.
  for (std::size_t i = 0; 2 * i < all.size(); ++i) all[i] = all[2 * i];
  all.resize(all.size() / 2);
  trace.stride *= 2;
}

std::vector<CheckTraces::Minute> CheckTraces::trace(std::size_t check, core::Time now) const {
  if (check >= traces_.size() || traces_[check].ring.empty()) return {};
  const Trace& trace = traces_[check];
  const std::int64_t end = std::max(minute_of(now), trace.last);
  const auto begin = std::max(trace.first, end - static_cast<std::int64_t>(minutes) + 1);
  std::vector<Minute> all;
  for (std::int64_t minute = begin; minute <= end; ++minute) {
    const bool kept = minute <= trace.last && minute > trace.last - std::int64_t{minutes};
    all.push_back(kept ? trace.ring[place(minute)] : Minute{});
  }
  return all;
}

}  // namespace withdrawd::daemon
