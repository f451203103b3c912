#include "core/record_type.hpp"

#include <doctest/doctest.h>

using withdrawd::core::RecordType;

TEST_CASE("a record type is a mnemonic in any case, or a number") {
  CHECK(RecordType().text() == "A");
  CHECK(RecordType::parse("a").value() == RecordType::a());
  CHECK(RecordType::parse("aaaa").value().number() == 28);
  CHECK(RecordType::parse("Caa").value().text() == "CAA");
  CHECK(RecordType::parse("TYPE65280").value().text() == "TYPE65280");
  CHECK(RecordType::parse("type28").value().text() == "AAAA");
  CHECK(RecordType::parse("CAA").value().known());
  CHECK_FALSE(RecordType::parse("TYPE65280").value().known());
}

TEST_CASE("what cannot be asked for is no record type") {
  for (const auto* text : {"", "B", "ANY", "AXFR", "OPT", "TYPE", "TYPE0", "TYPE41", "TYPE255",
                           "TYPE65536", "TYPE1x", "TYPE-1", " A"}) {
    CAPTURE(text);
    REQUIRE_FALSE(RecordType::parse(text));
    CHECK(RecordType::parse(text).error().happened == "it is not a type that can be asked for");
  }
}
