#include <doctest/doctest.h>

#include "written_config.hpp"

using namespace withdrawd;
using config::LogTarget;

namespace {

std::string with_log(const std::string& keys) {
  return "[log]\n" + keys + "\n" + std::string(sound);
}

}  // namespace

TEST_CASE(
    "the log goes to a file where one is named, else to standard error, or where it is told") {
  CHECK(parsed(sound).log_target == LogTarget::standard_error);
  CHECK(parsed(with_log("file = \"/l\"")).log_target == LogTarget::file);
  CHECK(parsed(with_log("to = \"journal\"")).log_target == LogTarget::journal);
  const auto syslog = parsed(with_log("to = \"syslog\"\nfacility = \"local3\""));
  CHECK(syslog.log_target == LogTarget::syslog);
  CHECK(syslog.log_facility == 19);
}

TEST_CASE("a log to a file needs one, and only that does") {
  CHECK(complaints(with_log("to = \"file\"")).size() == 1);
  CHECK(complaints(with_log("to = \"journal\"\nfile = \"/l\"")).size() == 1);
  CHECK(complaints(with_log("to = \"journald\"")).size() == 1);
}

TEST_CASE("what is of no use where the log goes is told") {
  for (const char* keys : {"to = \"journal\"\nformat = \"json\"", "facility = \"local0\""}) {
    const auto result = config::parse(with_log(keys), "t");
    REQUIRE(result);
    CHECK(result->warnings.size() == 1);
  }
}

TEST_CASE("a file of metrics has the name that node_exporter looks for") {
  const auto text = "[metrics]\nfile = \"/m.txt\"\n" + std::string(sound);
  const auto all = complaints(text);
  REQUIRE(all.size() == 1);
  CHECK(all[0].find("end with .prom") != std::string::npos);
}
