#include "fleet/name_lookup.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>

using namespace withdrawd;
using namespace std::chrono_literals;
using fleet::NameLookup;
using Answer = std::expected<NameLookup::Addresses, std::string>;

namespace {

/// A name that only name servers could know; reserved (RFC 2606), so none does.
constexpr auto unknown = "etcd.withdrawd.invalid";

void start(boost::asio::io_context& context, NameLookup& lookup, std::string name,
           core::Duration patience, std::optional<Answer>& answer) {
  boost::asio::co_spawn(
      context, lookup.look_up(std::move(name), std::chrono::steady_clock::now() + patience),
      [&answer](const std::exception_ptr& thrown, Answer found) {
        CHECK_FALSE(thrown);
        answer = std::move(found);
      });
}

}  // namespace

TEST_CASE("a name has the addresses that the host knows for it") {
  boost::asio::io_context context;
  NameLookup lookup(context.get_executor());
  std::optional<Answer> answer;
  start(context, lookup, "localhost", 20s, answer);
  context.run();
  REQUIRE(answer);
  REQUIRE(*answer);
  CHECK((*answer)->front().is_loopback());
}

TEST_CASE("a look-up ends by its deadline, and when it is given up, whatever the name servers do") {
  boost::asio::io_context context;
  NameLookup lookup(context.get_executor());
  std::optional<Answer> answer;
  SUBCASE("in time") {
    start(context, lookup, unknown, 0s, answer);
  }
  SUBCASE("given up") {
    start(context, lookup, unknown, 20s, answer);
    context.poll();
    lookup.cancel();
  }
  const auto begun = std::chrono::steady_clock::now();
  context.run();
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
  REQUIRE(answer);
  CHECK_FALSE(*answer);
}

TEST_CASE("nobody waits for a look-up: neither its loop nor itself need be there any more") {
  std::optional<Answer> answer;
  const auto begun = std::chrono::steady_clock::now();
  {
    boost::asio::io_context context;
    NameLookup lookup(context.get_executor());
    start(context, lookup, unknown, 20s, answer);
    context.poll();
  }
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
  CHECK_FALSE(answer);
}
