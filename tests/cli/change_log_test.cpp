#include "cli/change_log.hpp"

#include <doctest/doctest.h>

using namespace withdrawd;
using namespace withdrawd::cli;

namespace {

const Palette plain(-1);

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
  CHECK(change_line(entry, plain, 0) ==
        "2026-11-23T03:31:21.123Z 192.0.2.0/24 announced -> withdrawn (rule \"anycast\"): check "
        "\"resolver\" timed out 1 of 1; by withdrawd through socket\n");
  CHECK(change_line(entry, plain, 80) ==
        "2026-11-23T03:31:21.123Z 192.0.2.0/24 announced -> withdrawn (rule \"anycast\"):\n"
        "    check \"resolver\" timed out 1 of 1; by withdrawd through socket\n");
}

TEST_CASE("what befell all of bgpd says so") {
  daemon::HistoryEntry killed;
  killed.time = "T";
  killed.kind = "killed";
  killed.cause = "it is frozen";
  CHECK(change_line(killed, plain, 80) == "T bgpd killed: it is frozen\n");
}

TEST_CASE("nothing in the file can talk to the terminal") {
  auto odd = entry;
  odd.cause = "\x1b[2J";
  CHECK(change_line(odd, plain, 0).find('\x1b') == std::string::npos);
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
