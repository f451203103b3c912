#include "core/bgpd_settings.hpp"

namespace withdrawd::core {

std::string_view name(TransportKind kind) {
  switch (kind) {
    case TransportKind::socket:
      return "socket";
    case TransportKind::vtysh:
      return "vtysh";
    case TransportKind::telnet:
      break;
  }
  return "telnet";
}

}  // namespace withdrawd::core
