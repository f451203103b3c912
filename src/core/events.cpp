#include "core/events.hpp"

#include <array>

namespace withdrawd::core {

std::string_view name(Note::Kind kind) {
  constexpr std::array<std::string_view, 9> names{"changed",  "held",      "released",
                                                  "drained",  "undrained", "damped",
                                                  "undamped", "killed",    "restarted"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace withdrawd::core
