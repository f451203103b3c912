#pragma once

#include <chrono>
#include <map>
#include <string>

#include "core/time.hpp"

namespace withdrawd::core {

/// Keeps a failure that goes on from filling the log: says whether it is the first of its kind for
/// a minute.
class RepeatedFailure {
 public:
  bool is_news(const std::string& failure, Time now) {
    std::erase_if(told_, [&](const auto& told) { return now - told.second >= repeat_after; });
    return told_.emplace(failure, now).second;
  }

 private:
  static constexpr Duration repeat_after = std::chrono::seconds(60);
  std::map<std::string, Time> told_;
};

}  // namespace withdrawd::core
