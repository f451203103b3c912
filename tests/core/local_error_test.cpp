#include "core/local_error.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "core/outcome.hpp"

using namespace withdrawd::core;

TEST_CASE("an errno says whose trouble it is") {
  for (const int here :
       {EPERM, EACCES, EADDRINUSE, EAFNOSUPPORT, EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN}) {
    CHECK(is_local_error(here));
    CHECK_FALSE(is_no_route(here));
  }
  for (const int way : {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL}) {
    CHECK(is_no_route(way));
    CHECK_FALSE(is_local_error(way));
  }
  for (const int there : {ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT, EMSGSIZE}) {
    CHECK_FALSE(is_local_error(there));
    CHECK_FALSE(is_no_route(there));
  }
  CHECK_FALSE(is_shortage(EPERM));  // a file that may not be looked at is no shortage
}
