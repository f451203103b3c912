#include "core/fleet.hpp"

#include <fmt/format.h>

namespace withdrawd::core {

std::string FleetAccess::Endpoint::text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", is_ipv6 ? "[" : "", host,
                     is_ipv6 ? "]" : "", port);
}

std::string_view name(PlaceState state) {
  switch (state) {
    case PlaceState::up:
      return "up";
    case PlaceState::sick:
      return "sick";
    case PlaceState::left:
      break;
  }
  return "left";
}

}  // namespace withdrawd::core
