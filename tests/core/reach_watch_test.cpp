#include "core/reach_watch.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;
using namespace std::chrono_literals;

namespace {

const std::vector<Reach> unheard{{Reach::Kind::unheard, "is advertised to no peer"}};
const std::vector<Reach> contested{{Reach::Kind::contested, "is changed by somebody else"}};

}  // namespace

TEST_CASE("what is new is told once, until it has gone and come back") {
  ReachWatch watch(1);
  const auto first = watch.see(0, contested, "withdrawn", Time{});
  REQUIRE(first.size() == 1);
  CHECK(first.front().text == "is withdrawn, but it is changed by somebody else");
  CHECK(watch.see(0, contested, "withdrawn", Time{}).empty());
  CHECK(watch.see(0, {}, "withdrawn", Time{}).empty());
  CHECK(watch.see(0, contested, "withdrawn", Time{}).size() == 1);
}

TEST_CASE("that no peer hears it is told after half a minute, and when it is over") {
  ReachWatch watch(1);
  CHECK(watch.see(0, unheard, "announced", Time{}).empty());
  CHECK(watch.is_unheard(0));
  CHECK_FALSE(watch.has_untold(Time{} + 29s));
  CHECK(watch.has_untold(Time{} + 30s));
  const auto news = watch.see(0, unheard, "announced", Time{} + 30s);
  REQUIRE(news.size() == 1);
  CHECK(news.front().severity == Severity::error);
  CHECK_FALSE(watch.has_untold(Time{} + 1min));
  const auto over = watch.see(0, {}, "announced", Time{} + 1min);
  REQUIRE(over.size() == 1);
  CHECK(over.front().severity == Severity::info);
  CHECK_FALSE(watch.is_unheard(0));
}

TEST_CASE("what is forgotten begins anew") {
  ReachWatch watch(1);
  watch.see(0, unheard, "announced", Time{});
  watch.forget(0);
  CHECK_FALSE(watch.is_unheard(0));
  CHECK(watch.of(0).empty());
}
