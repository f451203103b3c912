#include "core/visible.hpp"

#include <doctest/doctest.h>

#include "../hostile_text.hpp"
#include "core/outcome.hpp"

using namespace withdrawd;

TEST_CASE("what is visible is one line of printable ASCII, and stays as it is when it is again") {
  for (const auto hostile : testing::hostile_texts) {
    const auto shown = core::visible(hostile);
    CHECK(testing::is_printable(shown));
    CHECK(core::visible(shown) == shown);
  }
  CHECK(core::visible("a\n\\\xff") == "a\\x0a\\\\xff");
}

TEST_CASE("text that was made printable before is not escaped a second time") {
  for (const auto hostile : testing::hostile_texts)
    CHECK(core::visible(core::printable(hostile)) == core::printable(hostile));
}
