#include "fleet/overview.hpp"

#include <utility>

namespace withdrawd::fleet {

void Overview::clear() {
  places_.clear();
  members_.clear();
  too_many_ = 0;
  sites_.reset();
}

void Overview::written(const Record& record) {
  if (record.key.starts_with(keys_.members())) {
    if (members_.insert(record.key.substr(keys_.members().size())).second) sites_.reset();
    return;
  }
  const auto names = keys_.parse(record.key);
  if (!names) return;
  const auto said = parse_place(record.value);
  if (!said) {
    removed(record.key);
    return;
  }
  core::FleetSites::Entry entry{names->place, names->site, said->place, said->since};
  core::FleetSites::Entry& known = places_[record.key];
  if (known == entry) return;
  known = std::move(entry);
  sites_.reset();
}

void Overview::removed(const std::string& key) {
  const bool is_member = key.starts_with(keys_.members());
  const bool was_there =
      is_member ? members_.erase(key.substr(keys_.members().size())) > 0 : places_.erase(key) > 0;
  if (was_there) sites_.reset();
}

void Overview::too_many(std::size_t count) {
  clear();
  too_many_ = count;
}

std::shared_ptr<const core::FleetSites> Overview::sites() const {
  if (!sites_) {
    core::FleetSites sites;
    for (const auto& [key, entry] : places_) sites.entries.push_back(entry);
    sites.members.assign(members_.begin(), members_.end());
    sites.too_many = too_many_;
    sites_ = std::make_shared<const core::FleetSites>(std::move(sites));
  }
  return sites_;
}

}  // namespace withdrawd::fleet
