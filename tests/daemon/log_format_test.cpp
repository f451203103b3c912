#include "daemon/log_format.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <boost/json.hpp>

using namespace withdrawd;
using core::LogLine;
using core::Severity;

namespace {

const LogLine withdrawn{Severity::warning,
                        "rule \"anycast\": 192.0.2.0/24 withdrawn",
                        {.rule = "anycast", .prefix = "192.0.2.0/24", .topic = "withdrawn"}};
// 2026-11-03T03:31:21.123Z
const daemon::WallTime moment{std::chrono::milliseconds(1'793'676'681'123)};

}  // namespace

TEST_CASE("a line of JSON has the time, the level, the text, and what is known besides") {
  const std::string text = daemon::json_line(withdrawn, moment);
  CHECK(text.find('\n') == std::string::npos);
  const auto line = boost::json::parse(text).as_object();
  CHECK(line.at("time") == "2026-11-03T03:31:21.123Z");
  CHECK(line.at("level") == "warning");
  CHECK(line.at("message") == "rule \"anycast\": 192.0.2.0/24 withdrawn");
  CHECK(line.at("rule") == "anycast");
  CHECK(line.at("prefix") == "192.0.2.0/24");
  CHECK(line.at("topic") == "withdrawn");
  CHECK_FALSE(line.contains("check"));
}

TEST_CASE("the journal gets each field by its name, and the priority as it numbers them") {
  CHECK(daemon::journal_datagram(withdrawn) ==
        "MESSAGE=rule \"anycast\": 192.0.2.0/24 withdrawn\nPRIORITY=4\n"
        "SYSLOG_IDENTIFIER=withdrawd\nWITHDRAWD_RULE=anycast\nWITHDRAWD_PREFIX=192.0.2.0/24\n"
        "WITHDRAWD_TOPIC=withdrawn\n");
  CHECK(daemon::journal_datagram({Severity::critical, "x", {.check = "resolver"}}) ==
        "MESSAGE=x\nPRIORITY=2\nSYSLOG_IDENTIFIER=withdrawd\nWITHDRAWD_CHECK=resolver\n");
}

TEST_CASE("a text of several lines cannot become another field of the journal") {
  const std::string datagram = daemon::journal_datagram({Severity::info, "a\nPRIORITY=0"});
  const std::string length("\x0c\0\0\0\0\0\0\0", 8);
  CHECK(datagram.starts_with("MESSAGE\n" + length + "a\nPRIORITY=0\nPRIORITY=6\n"));
}

TEST_CASE("syslog gets facility and severity as a number, local time, name and process id") {
  ::setenv("TZ", "UTC-1", 1);
  ::tzset();
  CHECK(daemon::syslog_datagram(withdrawn, 3, moment, 42) ==
        "<28>Nov  3 04:31:21 withdrawd[42]: rule \"anycast\": 192.0.2.0/24 withdrawn");
  CHECK(daemon::syslog_datagram({Severity::error, "x"}, 16, moment, 1).starts_with("<131>"));
  ::unsetenv("TZ");
  ::tzset();
}
