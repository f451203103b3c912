#include "vty/answers.hpp"

#include <algorithm>
#include <array>

namespace withdrawd::vty {

bool says_locked(std::string_view answer) {
  constexpr std::array<std::string_view, 3> ways{
      "onfiguration is locked",      // "VTY configuration is locked by other VTY", "% Configuration
                                     // is locked by other client"
      "locked by another session",   // "% Can't enter config; running datastore locked by another
                                     // session" (FRR 10)
      "is locked by another client"  // "running configuration is locked by another client"
  };
  return std::ranges::any_of(ways, [&](auto way) { return answer.find(way) != answer.npos; });
}

}  // namespace withdrawd::vty
