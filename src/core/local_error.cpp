#include "core/local_error.hpp"

#include <cerrno>

#include "core/outcome.hpp"

namespace withdrawd::core {

bool is_local_error(int error_number) {
  switch (error_number) {
    case EPERM:         // a packet filter, or a table of connections that is full
    case EACCES:        // a route or a policy that prohibits it
    case EADDRINUSE:    // no local port is free
    case EAFNOSUPPORT:  // no socket of this family may be made here
      return true;
    default:
      return is_shortage(error_number);
  }
}

bool is_no_route(int error_number) {
  switch (error_number) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:  // no address of the server's family
      return true;
    default:
      return false;
  }
}

}  // namespace withdrawd::core
