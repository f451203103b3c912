#include "vty/release.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

using namespace withdrawd::vty;

TEST_CASE("bgpd says what it is") {
  const auto frr = read_release(
      "FRRouting 8.4.4 (edge) on Linux(6.1.0).\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n");
  REQUIRE(frr);
  CHECK(frr->text() == "FRRouting 8.4.4");
  const auto quagga = read_release("\r\nQuagga 0.99.24.1 ().\r\nCopyright 1996-2005\r\n");
  REQUIRE(quagga);
  CHECK(quagga->text() == "Quagga 0.99.24.1");
  CHECK_FALSE(read_release("% Unknown command: show version\n"));
  CHECK_FALSE(read_release("FRRouting\n"));
  CHECK_FALSE(read_release(""));
}

TEST_CASE("a version has been tried when one of its series has") {
  CHECK(Release{"FRRouting", "8.4.4"}.is_tried());
  CHECK(Release{"FRRouting", "10.3-1"}.is_tried());
  CHECK(Release{"FRRouting", "10.7"}.is_tried());
  CHECK(Release{"Quagga", "1.2.4"}.is_tried());
  CHECK_FALSE(Release{"FRRouting", "10.30"}.is_tried());
  CHECK_FALSE(Release{"FRRouting", "9.1"}.is_tried());
  CHECK_FALSE(Release{"Quagga", "8.4"}.is_tried());
  CHECK(tried_releases() == "FRRouting 8.4, 10.3, 10.7, Quagga 0.99.24, 1.2.4");
}

TEST_CASE("README says how each version was tried") {
  std::ifstream file(WITHDRAWD_TRANSCRIPTS "/../../README.md");
  const std::string readme(std::istreambuf_iterator<char>(file), {});
  const auto table = readme.substr(readme.find("## Where it runs"));
  for (const auto* name : {"FRR 8.4", "FRR 10.3", "FRR 10.7", "Quagga 0.99.24 and 1.2.4"}) {
    CAPTURE(name);
    CHECK(table.find(name) != std::string::npos);
  }
}
