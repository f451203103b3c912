#include "daemon/log.hpp"

#include <doctest/doctest.h>

#include <regex>

#include "scratch.hpp"

using namespace withdrawd;
using core::Severity;
using daemon::Log;
using daemon::testing::ScratchDirectory;

TEST_CASE("a line bears the time in UTC, its severity and its text, and is there at once") {
  const ScratchDirectory scratch;
  auto log = Log::open(scratch / "log", Severity::info);
  REQUIRE(log);
  log->tell(Severity::warning, "192.0.2.0/24 withdrawn {not a format}");
  const std::string text = daemon::testing::read(scratch / "log");
  CHECK(std::regex_match(
      text,
      std::regex(
          R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning 192\.0\.2\.0/24 withdrawn \{not a format\}\n)")));
}

TEST_CASE("lines below the level are dropped, and a log is added to") {
  const ScratchDirectory scratch;
  daemon::testing::write(scratch / "log", "before\n");
  auto log = Log::open(scratch / "log", Severity::error);
  REQUIRE(log);
  log->tell(Severity::warning, "quiet");
  log->tell(Severity::critical, "loud");
  const std::string text = daemon::testing::read(scratch / "log");
  CHECK(text.starts_with("before\n"));
  CHECK(text.find("quiet") == std::string::npos);
  CHECK(text.find(" critical loud\n") != std::string::npos);
}

TEST_CASE("a log that cannot be opened says which file and why") {
  const ScratchDirectory scratch;
  const auto log = Log::open(scratch / "no/such/directory/log", Severity::info);
  REQUIRE_FALSE(log);
  CHECK(log.error().text().find("no/such/directory/log") != std::string::npos);
  CHECK(log.error().text().find("No such file or directory") != std::string::npos);
}
