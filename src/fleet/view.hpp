#pragma once

#include <string>
#include <vector>

#include "fleet/record.hpp"

namespace withdrawd::fleet {

/// Where every site stands with every prefix, as one look at the store shows it.
struct View {
  struct Entry {
    std::string place, site;
    PlaceRecord record;
  };
  std::vector<Entry> entries;
  std::vector<std::string> members;  ///< all sites that have ever been there
};

}  // namespace withdrawd::fleet
