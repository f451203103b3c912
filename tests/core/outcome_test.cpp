#include "core/outcome.hpp"

#include <doctest/doctest.h>

#include "core/error.hpp"

using namespace withdrawd::core;

TEST_CASE("only ok is healthy") {
  CHECK(Outcome{.kind = OutcomeKind::ok}.healthy());
  CHECK_FALSE(Outcome{.kind = OutcomeKind::nxdomain}.healthy());
  CHECK_FALSE(Outcome{.kind = OutcomeKind::timeout}.healthy());
  CHECK_FALSE(Outcome{.kind = OutcomeKind::error}.healthy());
  CHECK_FALSE(Outcome{.kind = OutcomeKind::unable}.healthy());
}

TEST_CASE("outcomes have the names that logs and status show") {
  CHECK(name(OutcomeKind::ok) == "ok");
  CHECK(name(OutcomeKind::nxdomain) == "nxdomain");
  CHECK(name(OutcomeKind::timeout) == "timeout");
  CHECK(name(OutcomeKind::error) == "error");
  CHECK(name(OutcomeKind::unable) == "unable");
}

TEST_CASE("printable text is left alone") {
  CHECK(printable("a \"b\" ~ 'c'") == "a \"b\" ~ 'c'");
}

TEST_CASE("bytes that a terminal or a log could act on are escaped") {
  CHECK(printable("a\x1b[31mb\r\n\t") == "a\\x1b[31mb\\x0d\\x0a\\x09");
  CHECK(printable(std::string_view("\0\x7f\x80\xff", 4)) == "\\x00\\x7f\\x80\\xff");
  CHECK(printable("a\\x00") == "a\\\\x00");
}

TEST_CASE("long text is cut, but never inside an escape") {
  CHECK(printable("abcdef", 6) == "abcdef");
  CHECK(printable("abcdefg", 6) == "abcdef...");
  CHECK(printable("abc\n", 7) == "abc\\x0a");
  CHECK(printable("abc\n", 6) == "abc...");
  CHECK(printable(std::string(500, 'x')).size() == 403);
}

TEST_CASE("an error is one line, without empty parts") {
  CHECK(Error{"connect to /run/frr/bgpd.vty", "permission denied", "add the user to group frrvty"}
            .text() ==
        "connect to /run/frr/bgpd.vty: permission denied (add the user to group frrvty)");
  CHECK(Error{"read /etc/x", "no such file", ""}.text() == "read /etc/x: no such file");
  CHECK(Error{"", "no such file", ""}.text() == "no such file");
}
