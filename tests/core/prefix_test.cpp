#include "core/prefix.hpp"

#include <doctest/doctest.h>

using namespace withdrawd::core;

namespace {

std::string canonical(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  return prefix ? prefix->text() : prefix.error().text();
}

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

}  // namespace

TEST_CASE("a prefix prints as bgpd does") {
  CHECK(canonical("192.0.2.0/24") == "192.0.2.0/24");
  CHECK(canonical("2001:0DB8:53:0::/48") == "2001:db8:53::/48");
  CHECK(canonical("0.0.0.0/0") == "0.0.0.0/0");
  CHECK(canonical("::/0") == "::/0");
  CHECK(canonical("10.128.0.0/9") == "10.128.0.0/9");
}

TEST_CASE("an address alone is a prefix of full length") {
  CHECK(canonical("192.0.2.1") == "192.0.2.1/32");
  CHECK(canonical("2001:db8::1") == "2001:db8::1/128");
}

TEST_CASE("host bits that are set are an error that offers the prefix without them") {
  CHECK(canonical("192.0.2.1/24") ==
        "read prefix \"192.0.2.1/24\": host bits are set (did you mean 192.0.2.0/24?)");
  CHECK(canonical("10.192.0.0/9") ==
        "read prefix \"10.192.0.0/9\": host bits are set (did you mean 10.128.0.0/9?)");
  CHECK(canonical("2001:db8::1/64") ==
        "read prefix \"2001:db8::1/64\": host bits are set (did you mean 2001:db8::/64?)");
  CHECK(canonical("128.0.0.0/0") ==
        "read prefix \"128.0.0.0/0\": host bits are set (did you mean 0.0.0.0/0?)");
}

TEST_CASE("a prefix length is a plain number that fits its family") {
  for (const std::string length :
       {"33", "-1", "+24", "024", "24x", "", "0x18", "999", "1000", "255.255.255.0"}) {
    CHECK(canonical("192.0.2.0/" + length) ==
          "read prefix \"192.0.2.0/" + length +
              "\": what stands after the slash is not a prefix length (0 to 32 for IPv4)");
  }
  CHECK(canonical("2001:db8::/129") ==
        "read prefix \"2001:db8::/129\": what stands after the slash is not a prefix length "
        "(0 to 128 for IPv6)");
}

TEST_CASE("what is not a prefix is refused with the reason") {
  const std::string example = " (as in 192.0.2.0/24 or 2001:db8::/32)";
  CHECK(canonical("") == "read prefix \"\": it is empty" + example);
  for (const std::string text : {" ", "192.0.2.0/ 24", "192.0.2.0/24 ", " 192.0.2.0/24"}) {
    CHECK(canonical(text) == "read prefix \"" + text + "\": it contains white space" + example);
  }
  CHECK(canonical("192.0.2.0/24\n") ==
        "read prefix \"192.0.2.0/24\\x0a\": it contains white space" + example);
  CHECK(canonical("192.0.2.0/24/3") ==
        "read prefix \"192.0.2.0/24/3\": it has more than one slash" + example);
  for (const std::string text : {"10/8", "192.0.02.0/24", "192.0.2/24", "/24", "fe80::%1/64"}) {
    CHECK(canonical(text) == "read prefix \"" + text +
                                 "\": what stands before the slash is neither an IPv4 nor an IPv6 "
                                 "address" +
                                 example);
  }
  CHECK(canonical("anycast") ==
        "read prefix \"anycast\": it is neither an IPv4 nor an IPv6 address" + example);
}

TEST_CASE("the prefix that contains an address has its host bits cleared") {
  const auto address = Address::parse("203.0.113.255").value();
  CHECK(Prefix::containing(address, 0).text() == "0.0.0.0/0");
  CHECK(Prefix::containing(address, 25).text() == "203.0.113.128/25");
  CHECK(Prefix::containing(address, 31).text() == "203.0.113.254/31");
  CHECK(Prefix::containing(address, 32).text() == "203.0.113.255/32");
  CHECK(Prefix::containing(Address::parse("ffff::ffff").value(), 127).text() == "ffff::fffe/127");
}

TEST_CASE("a prefix contains itself and what is longer within it") {
  CHECK(prefix("192.0.2.0/24").contains(prefix("192.0.2.0/24")));
  CHECK(prefix("192.0.2.0/24").contains(prefix("192.0.2.128/25")));
  CHECK_FALSE(prefix("192.0.2.128/25").contains(prefix("192.0.2.0/24")));
  CHECK_FALSE(prefix("192.0.2.0/24").contains(prefix("192.0.3.0/24")));
  CHECK(prefix("0.0.0.0/0").contains(prefix("192.0.2.0/24")));
}

TEST_CASE("prefixes overlap whichever of the two is the shorter one") {
  CHECK(prefix("192.0.2.128/25").overlaps(prefix("192.0.2.0/24")));
  CHECK(prefix("192.0.2.0/24").overlaps(prefix("192.0.2.128/25")));
  CHECK_FALSE(prefix("192.0.2.0/25").overlaps(prefix("192.0.2.128/25")));
}

TEST_CASE("prefixes of two families never overlap") {
  CHECK_FALSE(prefix("0.0.0.0/0").overlaps(prefix("::/0")));
  CHECK_FALSE(prefix("::/0").contains(prefix("0.0.0.0/0")));
}

TEST_CASE("prefixes sort by family, address and length") {
  CHECK(prefix("203.0.113.0/24") < prefix("2001:db8::/32"));
  CHECK(prefix("192.0.2.0/24") < prefix("192.0.2.0/25"));
  CHECK(prefix("192.0.2.0/25") < prefix("192.0.3.0/24"));
}
