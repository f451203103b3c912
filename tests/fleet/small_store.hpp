#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "fleet/transaction.hpp"

namespace withdrawd::fleet::testing {

/// What etcd does with transactions: one after the other, each all at once.
class SmallStore {
 public:
  struct Entry {
    std::string value;
    Revision changed;
    Lease lease;
  };
  std::map<std::string, Entry> entries;
  Revision revision = 1;

  TransactionResult apply(const Transaction& transaction) {
    TransactionResult result;
    bool wrote = false;
    // Reads see what earlier steps of the same transaction have written.
    for (const Step& step : transaction.steps) result.steps.push_back(take(step, wrote));
    if (wrote) ++revision;
    result.revision = revision;
    return result;
  }

  void put(const std::string& key, const std::string& value, Lease lease = 0) {
    entries[key] = {value, ++revision, lease};
  }
  void expire(Lease lease) {
    ++revision;
    std::erase_if(entries, [&](const auto& entry) { return entry.second.lease == lease; });
  }
  Revision changed(const std::string& key) const {
    const auto it = entries.find(key);
    return it == entries.end() ? 0 : it->second.changed;
  }

 private:
  StepResult take(const Step& step, bool& wrote) {
    StepResult result;
    bool all = true;
    for (const auto& key : step.when) all = all && changed(key.key) == key.since;
    if (all && step.put) {
      entries[step.put->key] = {step.put->value, revision + 1, step.put->lease};
      wrote = true;
      result.unchanged = true;
      return result;
    }
    for (const Range& range : step.reads) result.reads.push_back(read(range));
    return result;
  }

  RangeResult read(const Range& range) const {
    RangeResult result;
    const std::string end = range.end.empty() ? range.begin + '\0' : range.end;
    for (auto it = entries.lower_bound(range.begin); it != entries.end() && it->first < end; ++it) {
      ++result.count;
      result.records.push_back({it->first, it->second.value, it->second.changed});
    }
    if (range.greatest_first) std::ranges::sort(result.records, std::greater<>(), &Record::value);
    if (range.limit > 0 && result.count > range.limit) {
      result.records.resize(static_cast<std::size_t>(range.limit));
    }
    return result;
  }
};

}  // namespace withdrawd::fleet::testing
