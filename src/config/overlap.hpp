#pragma once

#include <vector>

#include "config/agreement.hpp"

namespace withdrawd::config {

/// Complains of prefixes that two rules fight over: the same prefix twice, or one within another of
/// a different rule, in the same BGP instance. One within another of the same rule is a warning:
/// both share their fate, but it may be a slip.
/// Rules whose choice of instance differs are taken to mean different instances.
void complain_of_overlaps(const std::vector<ReadSection<RuleDraft>>& rules, Complaints& complaints);

}  // namespace withdrawd::config
