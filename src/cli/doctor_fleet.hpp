#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/doctor_findings.hpp"
#include "config/config.hpp"
#include "core/error.hpp"
#include "core/fleet_sites.hpp"
#include "core/time.hpp"
#include "fleet/certificate.hpp"

namespace withdrawd::cli {

/// What `doctor` knows of the fleet.
struct FleetFacts {
  struct Endpoint {
    std::string text;
    std::optional<core::Error> problem;  ///< none: it has answered
    core::Duration took{};
    std::optional<fleet::Validity> certificate;  ///< that it shows
  };
  std::int64_t now = 0;              ///< of the wall clock, in seconds
  std::optional<core::Error> proof;  ///< what cannot be read of this site's own: files, password
  std::optional<fleet::Validity> certificate;  ///< this site's own
  std::vector<Endpoint> endpoints;
  std::optional<core::FleetSites> view;  ///< none: no endpoint has shown it
  std::vector<std::string> groups;       ///< in the same store, as far as this user may see them
  bool running = false;                  ///< the daemon says where it stands with the store
  std::string contested_by;              ///< as the daemon says; empty: nobody
};

/// Changes nothing. Ends within about `limit`.
FleetFacts gather_fleet(const config::Config& config, core::Duration limit);

/// `acts`: this user can do all that withdrawd can.
std::vector<Finding> judge_fleet(const config::Config& config, const FleetFacts& facts, bool acts);

}  // namespace withdrawd::cli
