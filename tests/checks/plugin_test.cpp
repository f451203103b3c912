#include <doctest/doctest.h>

#include <chrono>

#include "asked.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using test::asked;
using test::in_words;

namespace {

std::string run(std::vector<std::string> command, core::Duration timeout = 20s) {
  return in_words(asked(core::ExecCheck{std::move(command), timeout}));
}

std::string shell(const std::string& script) {
  return run({"/bin/sh", "-c", script});
}

}  // namespace

TEST_CASE("a command that exits with 0 is ok, and its first line the detail") {
  CHECK(shell("printf '\\n  DNS OK: 0.01 s |time=1\\t\\nmore\\n'") == "ok: DNS OK: 0.01 s |time=1");
  CHECK(shell("exit 0") == "ok: ");
}

TEST_CASE("a command that exits with anything else is an error with its first line") {
  CHECK(shell("echo 'CRITICAL: no answer'; echo more; exit 2") ==
        "error: exit 2: CRITICAL: no answer");
  CHECK(shell("echo 'cannot' >&2; exit 1") == "error: exit 1: cannot");
  CHECK(shell("exit 3") == "error: exit 3");
  CHECK(shell("kill -KILL $$") == "error: exit 137");
}

TEST_CASE("what a command prints is shown without its control characters, and cut") {
  CHECK(shell("printf 'a\\033[31mb\\n'") == "ok: a\\x1b[31mb");
  const auto shown = shell("head -c 100000 /dev/zero | tr '\\0' x");
  CHECK(shown == "ok: " + std::string(200, 'x') + "...");
}

TEST_CASE("a command gets its words as they are: there is no shell") {
  CHECK(run({"/bin/echo", "$HOME;", "*", "a  b"}) == "ok: $HOME; * a  b");
}

TEST_CASE("a command that takes too long is killed and timed out") {
  const auto outcome = asked(core::ExecCheck{{"/bin/sleep", "1000"}, 50ms});
  CHECK(core::name(outcome.kind) == "timeout");
  CHECK(outcome.detail.starts_with("not finished after 50 ms, killed"));
  CHECK(outcome.latency >= 50ms);
}

TEST_CASE("a command that cannot be started is an error that says why") {
  const auto outcome = asked(core::ExecCheck{{"/nonexistent/check"}, 20s});
  CHECK(core::name(outcome.kind) == "error");
  CHECK(outcome.detail == "there is no such program");
}
