#include "vty/local_listener.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

using namespace withdrawd;
using core::Family;
using vty::listener_at;
using Kind = vty::Listener::Kind;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

core::Endpoint at(std::uint16_t port, std::array<std::uint8_t, 16> bytes = {127, 0, 0, 1}) {
  return {core::Address(Family::ipv4, bytes), port};
}

}  // namespace

TEST_CASE("who listens is found out, be it at that address, at any, or by IPv6") {
  asio::io_context loop;
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::"}) {
    CAPTURE(address);
    tcp::acceptor listening(loop, {asio::ip::make_address(address), 0});
    const auto port = listening.local_endpoint().port();
    CHECK(listener_at(at(port), {}).kind == Kind::trusted);
    listening.close();
    CHECK(listener_at(at(port), {}).kind == Kind::nobody);
  }
}

TEST_CASE("a port beside the one that is listened at is nobody's") {
  asio::io_context loop;
  tcp::acceptor listening(loop, {asio::ip::make_address("127.0.0.2"), 0});
  CHECK(listener_at(at(listening.local_endpoint().port()), {}).kind == Kind::nobody);
}

TEST_CASE("of another host's address nothing can be known") {
  CHECK(listener_at(at(2605, {192, 0, 2, 77}), {}).kind == Kind::elsewhere);
}

TEST_CASE("without a descriptor to find it out, nobody is taken for another host") {
  rlimit had{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &had) == 0);
  const rlimit none{0, had.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto kind = listener_at(at(2605), {}).kind;
  ::setrlimit(RLIMIT_NOFILE, &had);
  CHECK(kind == Kind::stranger);
}
