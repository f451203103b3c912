#include <doctest/doctest.h>

#include "fleet/base64.hpp"

using namespace withdrawd::fleet;

TEST_CASE("bytes become base64 and come back, whatever their number") {
  // RFC 4648, section 10
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(from_base64(base64(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST_CASE("what is not base64 gives nothing") {
  for (const auto* text : {"Zg", "Zg=", "Z===", "====", "Zm9*", "Zg==Zg==", "Zm 8"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
}
