#include "config/duration.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::config;
using namespace std::chrono_literals;

namespace {

std::string refusal(std::string_view text) {
  const auto span = parse_duration(text);
  return span ? "taken" : span.error().text();
}

}  // namespace

TEST_CASE("a duration is a whole number and a unit") {
  CHECK(parse_duration("800ms") == 800ms);
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("2min") == 2min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("8760h") == 8760h);
}

TEST_CASE("a duration is written in the largest unit that is exact") {
  CHECK(written(800ms) == "800ms");
  CHECK(written(60s) == "1min");
  CHECK(written(90s) == "90s");
  CHECK(written(7200s) == "2h");
  CHECK(written(1us) == "1000ns");
}

TEST_CASE("a missing unit is an error that offers the likely ones") {
  CHECK(refusal("800") ==
        "read duration \"800\": it has no unit (did you mean \"800ms\" or \"800s\"?)");
}

TEST_CASE("a unit that is written differently elsewhere is an error that offers ours") {
  CHECK(refusal("5m") == "read duration \"5m\": unknown unit \"m\" (did you mean \"5min\"?)");
  CHECK(refusal("5sec") == "read duration \"5sec\": unknown unit \"sec\" (did you mean \"5s\"?)");
  CHECK(refusal("5 s") == "read duration \"5 s\": it contains a space (did you mean \"5s\"?)");
  CHECK(refusal("5 hours") ==
        "read duration \"5 hours\": unknown unit \"hours\" (did you mean \"5h\"?)");
}

TEST_CASE("an unknown unit is an error that lists the known ones") {
  const std::string units = " (the units are \"ms\", \"s\", \"min\" and \"h\")";
  CHECK(refusal("5d") == "read duration \"5d\": unknown unit \"d\"" + units);
  CHECK(refusal("5us") == "read duration \"5us\": unknown unit \"us\"" + units);
  CHECK(refusal("1h30min") == "read duration \"1h30min\": unknown unit \"h30min\"" + units);
  CHECK(refusal("5s\n") == "read duration \"5s\\x0a\": unknown unit \"s\\x0a\"" + units);
}

TEST_CASE("a duration that cannot be is an error") {
  const std::string example = " (as in \"800ms\", \"5s\", \"2min\" or \"1h\")";
  CHECK(refusal("") == "read duration \"\": it is empty" + example);
  CHECK(refusal("0s") == "read duration \"0s\": it is zero" + example);
  CHECK(refusal("-5s") == "read duration \"-5s\": it is negative" + example);
  CHECK(refusal("+5s") == "read duration \"+5s\": it is not a duration" + example);
  CHECK(refusal("soon") == "read duration \"soon\": it is not a duration" + example);
  CHECK(refusal("1.5s") ==
        "read duration \"1.5s\": it is not a whole number (use a smaller unit, as in \"1500ms\")");
}

TEST_CASE("a duration too long to compute with is an error") {
  for (const std::string text :
       {"8761h", "9223372036854775807h", "9223372036854775807ms", "99999999999999999999999ms"}) {
    CHECK(refusal(text) == "read duration \"" + text +
                               "\": it is longer than a year (as in \"800ms\", \"5s\", \"2min\" or "
                               "\"1h\")");
  }
}
