#include "core/fleet_sites.hpp"

namespace withdrawd::core {

std::set<std::string> FleetSites::heard() const {
  std::set<std::string> sites;
  for (const Entry& entry : entries) sites.insert(entry.site);
  return sites;
}

std::set<std::string> FleetSites::silent() const {
  std::set<std::string> sites(members.begin(), members.end());
  for (const Entry& entry : entries) sites.erase(entry.site);
  return sites;
}

}  // namespace withdrawd::core
