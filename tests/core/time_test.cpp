#include "core/time.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;
using namespace std::chrono_literals;

TEST_CASE("a span is told in the unit that people would take") {
  CHECK(describe(400us) == "0.4 ms");
  CHECK(describe(9900us) == "9.9 ms");
  CHECK(describe(31ms) == "31 ms");
  CHECK(describe(1s) == "1.0 s");
  CHECK(describe(9400ms) == "9.4 s");
  CHECK(describe(12340ms) == "12 s");
  CHECK(describe(2min + 5s) == "2 min 5 s");
  CHECK(describe(2min) == "2 min");
  CHECK(describe(3h + 10min) == "3 h 10 min");
  CHECK(describe(3h) == "3 h");
  CHECK(describe(49h) == "2 d 1 h");
  CHECK(describe(0s) == "0.0 ms");
}

TEST_CASE("a span is rounded before its unit is chosen") {
  CHECK(describe(9960us) == "10 ms");
  CHECK(describe(999600us) == "1.0 s");
  CHECK(describe(9960ms) == "10 s");
  CHECK(describe(59600ms) == "1 min");
  CHECK(describe(59min + 59s + 600ms) == "1 h");
  CHECK(describe(23h + 59min + 40s) == "1 d");
}

TEST_CASE("a negative span keeps its sign") {
  CHECK(describe(-31ms) == "-31 ms");
  CHECK(describe(Duration::min()) == "-" + describe(Duration::max()));
}
