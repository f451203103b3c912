#include "vty/answers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transcript.hpp"

using namespace withdrawd::vty;

TEST_CASE("every way of saying that the configuration is locked is understood") {
  for (const std::string answer :
       {"VTY configuration is locked by other VTY\n", "% Configuration is locked by other client\n",
        "% Can't enter config; running datastore locked by another session\n",
        "running configuration is locked by another client\n",
        "% command failed, could not lock candidate DS\n",
        "% command failed, could not lock running DS\n"}) {
    CAPTURE(answer);
    CHECK(says_locked(answer));
  }
}

TEST_CASE("no other refusal is taken for the lock") {
  for (const std::string answer :
       {"", "% Can't find static route specified\n", "BGP is already running; AS is 65001\n",
        "% [BGP] Unknown command: configure terminal\n", "% Command incomplete.\n"}) {
    CAPTURE(answer);
    CHECK_FALSE(says_locked(answer));
  }
}

TEST_CASE("an answer of several lines becomes one for the log") {
  CHECK(one_line("BGP view name and AS number mismatch\r\n\nBGP is already running\n") ==
        "BGP view name and AS number mismatch; BGP is already running");
  CHECK(one_line("\x1b[2J\n") == "\\x1b[2J");
  CHECK(one_line("\n\n").empty());
  CHECK(one_line("abcdef", 3) == "abc...");
}

TEST_CASE("who is on the vty is told in bgpd's own words") {
  using Names = std::vector<std::string>;
  for (const std::string bgpd : {"frr-8.4.4", "quagga-1.2.4"}) {
    CAPTURE(bgpd);
    const auto transcript = withdrawd::test::Transcript::load(bgpd + "-socket-reach");
    CHECK(read_who(transcript.answer("who")).empty());  // only we, through the socket
    const auto last = read_who(transcript.answer("who", bgpd == "frr-8.4.4" ? 2 : 1));
    CHECK(last == Names{bgpd == "frr-8.4.4" ? "vty[12] connected from 127.0.0.1"
                                            : "vty[10] connected from 127.0.0.1"});
  }
  CHECK(read_who("*vty[9] connected from ns1.\r\n") ==
        Names{"vty[9] connected from ns1 (in configuration mode)"});
  CHECK(read_who("% Unknown command: who\n").empty());
}
