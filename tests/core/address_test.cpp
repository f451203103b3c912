#include "core/address.hpp"

#include <doctest/doctest.h>

#include "core/check.hpp"

using namespace withdrawd::core;

namespace {

std::string canonical(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : address.error().text();
}

std::string endpoint(std::string_view text, std::uint16_t default_port = 53) {
  const auto endpoint = Endpoint::parse(text, default_port);
  return endpoint ? endpoint->text() : endpoint.error().text();
}

std::string domain_name(std::string_view text) {
  const auto name = parse_domain_name(text);
  return name ? *name : name.error().happened;
}

}  // namespace

TEST_CASE("an address prints as RFC 5952 and bgpd write it") {
  CHECK(canonical("192.0.2.1") == "192.0.2.1");
  CHECK(canonical("0.0.0.0") == "0.0.0.0");
  CHECK(canonical("2001:0DB8:0:0::0001") == "2001:db8::1");
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(canonical("::ffff:192.0.2.1") == "::ffff:192.0.2.1");
  CHECK(canonical("::") == "::");
}

TEST_CASE("an address knows its family and its bytes") {
  const auto v4 = Address::parse("192.0.2.1").value();
  CHECK(v4.family() == Family::ipv4);
  CHECK(v4.bits() == 32);
  CHECK(v4.bytes() == std::array<std::uint8_t, 16>{192, 0, 2, 1});
  const auto v6 = Address::parse("2001:db8::1").value();
  CHECK(v6.family() == Family::ipv6);
  CHECK(v6.bits() == 128);
  CHECK(v6.bytes()[0] == 0x20);
  CHECK(v6.bytes()[15] == 1);
  CHECK(v4 < v6);
}

TEST_CASE("what is not an address is refused with the reason") {
  CHECK(canonical("") == "read address \"\": it is empty");
  CHECK(canonical("192.0.2.1 ") == "read address \"192.0.2.1 \": it contains white space");
  CHECK(canonical("192.0.2.0/24") ==
        "read address \"192.0.2.0/24\": it has a prefix length where an address alone is expected");
  CHECK(canonical("fe80::1%eth0") ==
        "read address \"fe80::1%eth0\": an address with a zone is not supported");
  const std::string neither = "it is neither an IPv4 nor an IPv6 address";
  for (const std::string text : {"192.0.2", "192.0.2.256", "192.0.02.1", "192.0.2.1.", "localhost",
                                 "2001:db8", "2001:db8::1::2", ":::", "0x7f.1", "12345::"}) {
    CHECK(canonical(text) == "read address \"" + text + "\": " + neither);
  }
}

TEST_CASE("a NUL byte does not hide what stands behind it") {
  using namespace std::string_view_literals;
  CHECK(canonical("192.0.2.1\0x"sv) ==
        "read address \"192.0.2.1\\x00x\": it is neither an IPv4 nor an IPv6 address");
}

TEST_CASE("an endpoint takes the default port unless it names one") {
  CHECK(endpoint("127.0.0.1") == "127.0.0.1:53");
  CHECK(endpoint("127.0.0.1:5353") == "127.0.0.1:5353");
  CHECK(endpoint("::1") == "[::1]:53");
  CHECK(endpoint("[::1]") == "[::1]:53");
  CHECK(endpoint("[::1]:5353") == "[::1]:5353");
  CHECK(endpoint("127.0.0.1:65535") == "127.0.0.1:65535");
  CHECK(Endpoint::parse("127.0.0.1", 0)->port == 0);
}

TEST_CASE("an endpoint with a bad port or brackets is refused") {
  for (const std::string port : {"0", "65536", "", "-1", "53x", "99999999999999999999", " 53"}) {
    CHECK(endpoint("127.0.0.1:" + port) ==
          "read port \"" + port + "\": it is not a port number (1 to 65535)");
  }
  CHECK(
      endpoint("[::1]53") ==
      "read address and port \"[::1]53\": the brackets do not enclose an address (as in [::1]:53)");
  CHECK(endpoint("[::1") ==
        "read address and port \"[::1\": the brackets do not enclose an address (as in [::1]:53)");
  CHECK(endpoint("localhost:53") ==
        "read address \"localhost\": it is neither an IPv4 nor an IPv6 address");
  CHECK(endpoint("") == "read address \"\": it is empty");
}

TEST_CASE("a domain name is kept as written") {
  CHECK(domain_name("www.test.com") == "www.test.com");
  CHECK(domain_name("www.test.com.") == "www.test.com.");
  CHECK(domain_name("_health.A-1.example") == "_health.A-1.example");
  const std::string label(63, 'a');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(domain_name(longest) == longest);
  CHECK(domain_name(longest + ".") == longest + ".");
}

TEST_CASE("what is not a domain name is refused with the reason") {
  CHECK(domain_name("") == "it is empty");
  CHECK(domain_name("..") == "it has an empty label");
  CHECK(domain_name("www..com") == "it has an empty label");
  CHECK(domain_name("www.com..") == "it has an empty label");
  CHECK(domain_name(".www") == "it has an empty label");
  CHECK(domain_name("www test") == "it contains ' '");
  CHECK(domain_name("www\ntest") == "it contains '\\x0a'");
  CHECK(domain_name(std::string(64, 'a') + ".com") ==
        "the label \"aaaaaaaaaaaaaaaaaaaa...\" is longer than 63 bytes");
  const std::string label(63, 'a');
  CHECK(domain_name(label + "." + label + "." + label + "." + std::string(62, 'b')) ==
        "it has 254 bytes");
}

TEST_CASE("each kind of check says what is asked") {
  CHECK(Check{"a", ExecCheck{.command = {"check_dns", "-H", "a\nb"}}, {}}.text() ==
        "check_dns -H a\\x0ab");
  const auto address = Address::parse("192.0.2.1").value();
  CHECK(Check{"a", AddressCheck{address, ""}, {}}.text() == "address 192.0.2.1");
  CHECK(Check{"a", AddressCheck{address, "lo"}, {}}.text() == "address 192.0.2.1 on lo");
  CHECK(Check{"a", FileCheck{"/run/drain"}, {}}.text() == "file /run/drain");
}

TEST_CASE("a question names the server and what is asked") {
  const DnsQuestion question{.server = Endpoint::parse("::1", 53).value(), .name = "www.test.com."};
  CHECK(question.text() == "[::1]:53, A www.test.com.");
  DnsQuestion chaos{.server = question.server, .name = "hostname.bind"};
  chaos.type = RecordType::txt();
  chaos.klass = DnsClass::chaos;
  CHECK(chaos.text() == "[::1]:53, CH TXT hostname.bind");
}
