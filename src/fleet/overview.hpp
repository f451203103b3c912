#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/fleet_sites.hpp"
#include "fleet/record.hpp"
#include "fleet/transaction.hpp"

namespace withdrawd::fleet {

/// All records of a fleet, kept up to date by what a watch of the store tells. No I/O.
class Overview {
 public:
  /// Nobody looks at more records than that at one time.
  static constexpr std::size_t most_records = 5000;

  explicit Overview(Keys keys) : keys_(std::move(keys)) {}

  void clear();
  void written(const Record& record);
  void removed(const std::string& key);
  /// There are so many records, and they are not kept.
  void too_many(std::size_t count);
  std::size_t size() const { return places_.size() + members_.size(); }

  /// The same one until something changes.
  std::shared_ptr<const core::FleetSites> sites() const;

 private:
  Keys keys_;
  std::map<std::string, core::FleetSites::Entry> places_;  ///< by key
  std::set<std::string> members_;
  std::size_t too_many_ = 0;
  mutable std::shared_ptr<const core::FleetSites> sites_;
};

}  // namespace withdrawd::fleet
