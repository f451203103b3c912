#include "core/trust_anchor.hpp"

#include <doctest/doctest.h>

#include "core/check.hpp"

using namespace withdrawd::core;

namespace {

const std::string digest(64, 'a');
const std::string digest_bytes(32, '\xaa');

std::string refused(std::string_view text) {
  const auto anchors = parse_trust_anchors(text);
  return anchors ? "" : anchors.error().happened;
}

}  // namespace

TEST_CASE("a DS record is a trust anchor, with or without its TTL and class") {
  const std::vector<TrustAnchor> expected{
      {"example.", RecordType::of(43), std::string("\x30\x39\x0d\x02", 4) + digest_bytes}};
  for (const auto* beginning :
       {"example. DS", "Example IN DS", "example. 3600 IN ds", "example. IN 1d DS"}) {
    CAPTURE(beginning);
    const auto anchors = parse_trust_anchors(beginning + (" 12345 13 2 " + digest));
    REQUIRE(anchors);
    CHECK(*anchors == expected);
  }
  CHECK(parse_trust_anchors("example. DS 12345 ECDSAP256SHA256 2 " + digest).value() == expected);
}

TEST_CASE("a DNSKEY record is a trust anchor") {
  const auto anchors = parse_trust_anchors(". IN DNSKEY 257 3 8 AwEA AQ==");
  REQUIRE(anchors);
  REQUIRE(anchors->size() == 1);
  CHECK((*anchors)[0].zone == ".");
  CHECK((*anchors)[0].type.text() == "DNSKEY");
  CHECK((*anchors)[0].data == std::string("\x01\x01\x03\x08\x03\x01\x00\x01", 8));
}

TEST_CASE("records may stretch over lines, and have comments") {
  const auto anchors =
      parse_trust_anchors("; anchors\n\nexample. DS ( 1 13\n  2 " + digest.substr(0, 32) +
                          " ; half\n\t" + digest.substr(32) + " )\r\nnet. DS 2 13 2 " + digest);
  REQUIRE(anchors);
  REQUIRE(anchors->size() == 2);
  CHECK((*anchors)[0].data.ends_with(digest_bytes));
  CHECK((*anchors)[1].zone == "net.");
}

TEST_CASE("a key that unbound has noted as not valid is passed over") {
  const std::string key = ". IN DNSKEY 257 3 8 AwEAAQ== ;{id = 1 (ksk)} ;;state=";
  CHECK(parse_trust_anchors(key + "2 [  VALID  ] ;;count=0\n" + key + "1 [ ADDPEND ]\n" + key +
                            "3 [ MISSING ]\n" + key + "4 [ REVOKED ]\n")
            .value()
            .size() == 2);
  CHECK(refused(key + "4 [ REVOKED ]") == "there is no record in it");
}

TEST_CASE("what is no trust anchor is refused, with its line") {
  CHECK(refused("") == "there is no record in it");
  CHECK(refused("; nothing\n") == "there is no record in it");
  CHECK(refused("\n$ORIGIN example.") == "line 2: \"$ORIGIN\" is no domain name");
  CHECK(refused("a..b DS") == "line 1: \"a..b\" is no domain name");
  CHECK(refused("example.") == "line 1: it has no type");
  CHECK(refused("example. A 192.0.2.1") == "line 1: \"A\" is not DS or DNSKEY");
  CHECK(refused(" DS 1 13 2 " + digest) == "line 1: the record has no name");
  CHECK(refused("example. DS 1 13 2") ==
        "line 1: a DS record has a key tag, an algorithm, a digest type and a digest");
  CHECK(refused("example. DS x 13 2 " + digest) == "line 1: \"x\" is no key tag");
  CHECK(refused("example. DS 65536 13 2 " + digest) == "line 1: \"65536\" is no key tag");
  CHECK(refused("example. DS 1 MD5 2 " + digest) == "line 1: \"MD5\" is no algorithm");
  CHECK(refused("example. DS 1 13 3 " + digest).starts_with("line 1: \"3\" is no digest type"));
  CHECK(refused("example. DS 1 13 2 xyz") == "line 1: the digest is not hexadecimal");
  CHECK(refused("example. DS 1 13 2 +a" + digest) == "line 1: the digest is not hexadecimal");
  CHECK(refused("example. DS 1 13 1 " + digest) == "line 1: the digest has 32 bytes; expected 20");
  CHECK(refused("example. DNSKEY 257 3 8") ==
        "line 1: a DNSKEY record has flags, the protocol 3, an algorithm and a key");
  CHECK(refused("example. DNSKEY 0 3 8 AAAA") ==
        "line 1: the flags \"0\" are not those of a zone's key");
  CHECK(refused("example. DNSKEY 385 3 8 AAAA") == "line 1: the key is revoked");
  CHECK(refused("example. DNSKEY 257 2 8 AAAA") == "line 1: the protocol is \"2\"; expected 3");
  CHECK(refused("example. DNSKEY 257 3 x AAAA") == "line 1: \"x\" is no algorithm");
  CHECK(refused("example. DNSKEY 257 3 8 AAA") == "line 1: the key is not base64");
  CHECK(refused("example. DNSKEY 257 3 8 A*AA") == "line 1: the key is not base64");
  CHECK(refused("example. DS ( 1 13 2 " + digest) == "a parenthesis is not closed");
  CHECK(refused("example. DS ) 1 13 2 " + digest) == "line 1: a parenthesis too many");
}

TEST_CASE("a name is in a zone when it is the zone, or ends with its labels") {
  CHECK(is_in_zone("example", "example."));
  CHECK(is_in_zone("www.Example.", "eXample"));
  CHECK(is_in_zone("www.example", "."));
  CHECK(is_in_zone(".", "."));
  CHECK_FALSE(is_in_zone("notexample.", "example."));
  CHECK_FALSE(is_in_zone("example.", "www.example."));
  CHECK_FALSE(is_in_zone(".", "example."));
}

TEST_CASE("the root is a domain name") {
  CHECK(parse_domain_name(".").value() == ".");
  CHECK_FALSE(parse_domain_name(".."));
  CHECK_FALSE(parse_domain_name(""));
}
