#include "cli/change_log.hpp"

#include <doctest/doctest.h>
#include <fmt/chrono.h>

using namespace withdrawd;
using namespace withdrawd::cli;

namespace {

const Terminal plain(-1);
const Terminal unbroken = [] {
  Terminal terminal(-1);
  terminal.columns = std::string::npos;
  return terminal;
}();

const daemon::HistoryEntry entry{.time = "2026-11-23T03:31:21.123Z",
                                 .kind = "changed",
                                 .rule = "anycast",
                                 .prefix = "192.0.2.0/24",
                                 .was = "announced",
                                 .is = "withdrawn",
                                 .cause = "check \"resolver\" timed out 1 of 1",
                                 .by = "withdrawd through socket"};

}  // namespace

TEST_CASE("a change is one line for other programs, and fits a terminal") {
  CHECK(change_line(entry, unbroken) ==
        "2026-11-23T03:31:21.123Z 192.0.2.0/24 announced -> withdrawn (rule \"anycast\"): check "
        "\"resolver\" timed out 1 of 1; by withdrawd through socket\n");
  CHECK(change_line(entry, plain) ==
        "2026-11-23T03:31:21.123Z 192.0.2.0/24 announced -> withdrawn (rule \"anycast\"):\n"
        "    check \"resolver\" timed out 1 of 1; by withdrawd through socket\n");
}

TEST_CASE("what befell all of bgpd says so") {
  daemon::HistoryEntry killed;
  killed.time = "T";
  killed.kind = "killed";
  killed.cause = "it is frozen";
  CHECK(change_line(killed, plain) == "T bgpd killed: it is frozen\n");
}

TEST_CASE("nothing in the file can talk to the terminal") {
  auto odd = entry;
  odd.cause = "\x1b[2J";
  CHECK(change_line(odd, unbroken).find('\x1b') == std::string::npos);
}

TEST_CASE("changes are picked by rule or prefix, however that is written") {
  CHECK(is_about(entry, ""));
  CHECK(is_about(entry, "anycast"));
  CHECK(is_about(entry, "192.0.2.0/24"));
  CHECK_FALSE(is_about(entry, "other"));
  CHECK_FALSE(is_about(entry, "192.0.2.0/25"));
  auto six = entry;
  six.prefix = "2001:db8:53::/48";
  CHECK(is_about(six, "2001:DB8:0053:0::/48"));
  daemon::HistoryEntry killed;
  killed.kind = "killed";
  CHECK(is_about(killed, "192.0.2.0/24"));
}

TEST_CASE("a time is typed as a moment or as how long ago") {
  using namespace std::chrono;
  const auto now = system_clock::from_time_t(1795575081);
  const auto typed = [&](const std::string& text) { return typed_time(text, now).value_or("?"); };
  CHECK(typed("2026-11-23") == "2026-11-23");
  CHECK(typed("2026-11-23T03:31") == "2026-11-23T03:31");
  CHECK(typed("2026-11-23 03:31:21Z") == "2026-11-23T03:31:21");
  CHECK(typed("90m") == fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(1795575081 - 5400)));
  CHECK(typed("1d") == fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(1795575081 - 86400)));
  // As text they stand in the order of time.
  CHECK(typed("2026-11-23T03:31") < entry.time);
  CHECK(typed("2026-11-23T03:32") > entry.time);
  for (const auto* wrong : {"", "yesterday", "2026-11-2", "2026-11-23T", "2026-11-23X03:31", "3"}) {
    CAPTURE(wrong);
    CHECK_FALSE(typed_time(wrong, now));
  }
  CHECK(typed_time("soon", now).error().text() ==
        "\"soon\" is neither a time nor how long ago (expected such as \"2h\" or "
        "\"2026-11-23T03:31Z\")");
}
