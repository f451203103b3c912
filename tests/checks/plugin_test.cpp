#include <doctest/doctest.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>

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

/// Asks, and then the loop is kept from all else by `work`.
template <class Work>
core::Outcome asked_before(Work work, core::ExecCheck check) {
  boost::asio::io_context loop;
  core::Outcome outcome{core::OutcomeKind::error, {}, "not asked"};
  boost::asio::co_spawn(
      loop, checks::ask(std::move(check)),
      [&outcome](const std::exception_ptr&, core::Outcome result) { outcome = std::move(result); });
  loop.poll();
  work();
  loop.run();
  return outcome;
}

void wait_until_a_child_has_ended() {
  siginfo_t info{};
  for (int i = 0; i < 20'000 && info.si_pid == 0; ++i) {
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
      std::this_thread::sleep_for(1ms);
  }
  REQUIRE(info.si_pid != 0);
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

TEST_CASE(
    "a command that is killed late is no failure of what it looks at: this host stood still") {
  const auto outcome = asked_before([] { std::this_thread::sleep_for(300ms); },
                                    core::ExecCheck{{"/bin/sleep", "5"}, 100ms});
  CHECK(core::name(outcome.kind) == "unable");
  CHECK(outcome.detail.starts_with("cannot ask (this host stood still for "));
  CHECK(outcome.latency < 5s);
}

TEST_CASE("a command that ended in time counts, also where the loop hears of it too late") {
  const auto late = [] {
    const auto begun = std::chrono::steady_clock::now();
    wait_until_a_child_has_ended();
    std::this_thread::sleep_until(begun + 300ms);
  };
  for (const int status : {0, 2}) {
    const auto script = "echo fine; exit " + std::to_string(status);
    const auto outcome = asked_before(late, core::ExecCheck{{"/bin/sh", "-c", script}, 100ms});
    CHECK(in_words(outcome) == (status == 0 ? "ok: fine" : "error: exit 2: fine"));
    CHECK(outcome.latency >= 100ms);
  }
}
