#include "core/four_cases.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;

TEST_CASE("healthy and present: nothing") {
  CHECK(four_cases(true, true) == Action::nothing);
}

TEST_CASE("healthy and not present: bring up") {
  CHECK(four_cases(true, false) == Action::bring_up);
}

TEST_CASE("unhealthy and present: take down") {
  CHECK(four_cases(false, true) == Action::take_down);
}

TEST_CASE("unhealthy and not present: nothing") {
  CHECK(four_cases(false, false) == Action::nothing);
}
