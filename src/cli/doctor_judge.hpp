#pragma once

#include <vector>

#include "cli/doctor_facts.hpp"
#include "cli/doctor_findings.hpp"

namespace withdrawd::cli {

/// What the facts mean for a host with this configuration, and what mends it.
std::vector<Finding> judge(const config::Config& config, const Facts& facts);

}  // namespace withdrawd::cli
