#include "process/command.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "event_loop.hpp"
#include "scratch_directory.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using process::Command;
using process::Finished;

namespace {

using Result = core::Result<Finished>;

/// Longer than any test takes, for programs that are expected to end by themselves.
constexpr auto plenty = 60s;

Command shell(std::string script, core::Duration limit = plenty) {
  Command command;
  command.argv = {"/bin/sh", "-c", std::move(script)};
  command.limit = limit;
  return command;
}

Result result_of(Command command) {
  return test::run_to_end(process::run(std::move(command)));
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

/// One that started after its time was over is ended and reaped a moment later.
bool has_no_children() {
  for (int i = 0; i < 5000; ++i) {
    if (::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD)
      return true;
    ::usleep(1000);
  }
  return false;
}

/// Waits until the file is there and holds a line, and gives it as a number.
pid_t pid_in(const std::filesystem::path& file) {
  for (;;) {
    std::ifstream in(file);
    std::string line;
    if (std::getline(in, line) && !in.eof()) return std::stoi(line);
    ::usleep(1000);
  }
}

/// Orphans go to init, which may take its time to reap them: a zombie counts as gone.
bool is_gone(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  if (!std::getline(in, stat)) return true;
  const auto state = stat[stat.rfind(')') + 2];
  return state == 'Z' || state == 'X';
}

std::string memory_adjustment() {
  std::string text;
  std::getline(std::ifstream("/proc/self/oom_score_adj"), text);
  return text;
}

/// This process from now on, as the service manager does it for the unit. Root in a container may
/// not: then it is 500, which is as easily told from 0, and `claim` lies about it.
bool be_spared(const std::filesystem::path& claim) {
  std::ofstream("/proc/self/oom_score_adj") << "-500" << std::flush;
  if (memory_adjustment().starts_with('-')) return true;
  std::ofstream("/proc/self/oom_score_adj") << "500" << std::flush;
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(claim.c_str(), "/proc/self/oom_score_adj", nullptr, MS_BIND, nullptr) == 0 &&
         memory_adjustment().starts_with('-');
}

void wait_until_gone(pid_t pid) {
  while (!is_gone(pid)) ::usleep(1000);
}

}  // namespace

TEST_CASE("a program's exit status and both its outputs come back") {
  const auto finished = result_of(shell("echo to out; echo to err >&2; exit 7"));
  REQUIRE(finished);
  CHECK(finished->exit_status == 7);
  CHECK(finished->out == "to out\n");
  CHECK(finished->err == "to err\n");
}

TEST_CASE("a program ended by a signal has the status that a shell would give it") {
  const auto finished = result_of(shell("kill -TERM $$"));
  REQUIRE(finished);
  CHECK(finished->exit_status == 128 + SIGTERM);
}

TEST_CASE("arguments reach the program untouched by any shell") {
  Command command;
  command.argv = {"printf", "%s|", "a b", "$HOME", "`id`", "", "*"};
  command.limit = plenty;
  const auto finished = result_of(std::move(command));
  REQUIRE(finished);
  CHECK(finished->out == "a b|$HOME|`id`||*|");
}

TEST_CASE("standard input is at its end from the start") {
  const auto finished = result_of(shell("cat; readlink /proc/self/fd/0"));
  REQUIRE(finished);
  CHECK(finished->out == "/dev/null\n");
}

TEST_CASE("a program inherits the environment") {
  ::setenv("WITHDRAWD_TEST_VARIABLE", "kept", 1);
  const auto finished = result_of(shell("echo $WITHDRAWD_TEST_VARIABLE"));
  REQUIRE(finished);
  CHECK(finished->out == "kept\n");
}

TEST_CASE("a program inherits no descriptor of ours, close-on-exec or not") {
  const int ours = ::open("/dev/zero", O_RDONLY);
  REQUIRE(ours >= 0);
  const auto finished = result_of(shell("ls -l /proc/$$/fd"));
  ::close(ours);
  REQUIRE(finished);
  CHECK(finished->out.find("/dev/null") != std::string::npos);
  CHECK(finished->out.find("/dev/zero") == std::string::npos);
}

TEST_CASE("a program starts with default signals and none blocked, whatever we have") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  // Read by the shell itself: grep and its like catch signals of their own. The two real-time
  // signals that belong to the C library cannot be reset from outside it.
  const auto finished =
      result_of(shell("while read -r name value; do case $name in "
                      "SigBlk:|SigIgn:) echo $name $((0x$value & 0x7fffffff));; "
                      "esac; done < /proc/$$/status"));
  ::signal(SIGPIPE, pipe_before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  REQUIRE(finished);
  CHECK(finished->out == "SigBlk: 0\nSigIgn: 0\n");
}

TEST_CASE("a program leads a process group of its own") {
  const auto finished = result_of(shell("cut -d' ' -f5 /proc/$$/stat; echo $$"));
  REQUIRE(finished);
  const auto half = finished->out.find('\n') + 1;
  CHECK(finished->out.substr(0, half) == finished->out.substr(half));
}

TEST_CASE("output far larger than a pipe comes back whole, from both pipes at once") {
  const auto finished =
      result_of(shell("head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait"));
  REQUIRE(finished);
  CHECK(finished->out == std::string(3000000, '\0'));
  CHECK(finished->err == std::string(3000000, '\0'));
}

TEST_CASE(
    "output beyond the longest wanted is read and dropped, and the program ends as it would") {
  auto command = shell("head -c 1000000 /dev/zero; echo done >&2; exit 3");
  command.longest_output = 10;
  const auto finished = result_of(std::move(command));
  REQUIRE(finished);
  CHECK(finished->exit_status == 3);
  CHECK(finished->out == std::string(10, '\0'));
  CHECK(finished->err == "done\n");
}

TEST_CASE("what a program printed last is there even if it ended at once") {
  for (int i = 0; i < 50; ++i) {
    const auto finished = result_of(shell("printf 'last words'"));
    REQUIRE(finished);
    CHECK(finished->out == "last words");
  }
}

TEST_CASE("a program that ends is over although a daemon that it started holds its output") {
  test::ScratchDirectory scratch;
  const auto pid_file = scratch.path() / "pid";
  const auto finished =
      result_of(shell("setsid sleep 600 & echo $! > " + pid_file.string() + "; echo started"));
  REQUIRE(finished);
  CHECK(finished->exit_status == 0);
  CHECK(finished->out == "started\n");
  const pid_t daemon = pid_in(pid_file);
  CHECK_FALSE(is_gone(daemon));
  ::kill(daemon, SIGKILL);
}

TEST_CASE("a program that ends is over although a daemon that it started never stops talking") {
  test::ScratchDirectory scratch;
  const auto pid_file = scratch.path() / "pid";
  const auto finished = result_of(shell("setsid yes & echo $! > " + pid_file.string()));
  ::kill(pid_in(pid_file), SIGKILL);
  REQUIRE(finished);
  CHECK(finished->exit_status == 0);
}

TEST_CASE("a program over its limit is killed with its whole group, and its last words are told") {
  test::ScratchDirectory scratch;
  const auto pid_file = scratch.path() / "pid";
  const auto finished = result_of(shell("echo out; sleep 600 & echo $! > " + pid_file.string() +
                                            "; echo first >&2; echo 'stuck\there' >&2; wait",
                                        300ms));
  REQUIRE_FALSE(finished);
  CHECK(finished.error().text().find("/bin/sh -c") != std::string::npos);
  CHECK(finished.error().happened ==
        "not finished after 300 ms, killed; its last words: stuck\\x09here");
  wait_until_gone(pid_in(pid_file));
  CHECK(has_no_children());
}

TEST_CASE("a program over its limit that only wrote to standard output has last words as well") {
  const auto finished = result_of(shell("echo waiting; sleep 600", 200ms));
  REQUIRE_FALSE(finished);
  CHECK(finished.error().happened == "not finished after 200 ms, killed; its last words: waiting");
}

TEST_CASE("a stopped program that ignores SIGTERM is killed at its limit as well") {
  const auto finished = result_of(shell("trap '' TERM; kill -STOP $$", 200ms));
  REQUIRE_FALSE(finished);
  CHECK(finished.error().happened == "not finished after 200 ms, killed");
  CHECK(has_no_children());
}

TEST_CASE("a program that cannot be started is an error that says why") {
  test::ScratchDirectory scratch;
  Command command;
  command.limit = plenty;
  const auto failure = [&](std::string program) {
    command.argv = {std::move(program), "argument"};
    const auto finished = result_of(command);
    REQUIRE_FALSE(finished);
    return finished.error();
  };
  const auto with_mode = [&](const std::filesystem::path& file, std::filesystem::perms mode) {
    std::filesystem::permissions(file, mode);
    return file.string();
  };
  const auto executable = std::filesystem::perms(0755);

  const std::string path = ::getenv("PATH");
  ::setenv("PATH", "/usr/bin:/bin", 1);  // all of it may be entered
  CHECK(failure("withdrawd-no-such-program").happened == "there is no such program in PATH");
  with_mode(scratch.write("here/shut", "#!/bin/sh\n"), std::filesystem::perms(0644));
  ::setenv("PATH", (scratch.path() / "here").c_str(), 1);
  CHECK(failure("shut").happened == "nothing in PATH by that name may be executed");
  ::setenv("PATH", path.c_str(), 1);
  CHECK(failure("withdrawd-no-such-program").tried == "run withdrawd-no-such-program argument");
  CHECK(failure((scratch.path() / "nothing").string()).happened == "there is no such program");
  CHECK(failure(with_mode(scratch.write("plain", "#!/bin/sh\n"), std::filesystem::perms(0644)))
            .happened == "it may not be executed");
  CHECK(failure(with_mode(scratch.write("lost", "#!/no/such/shell\n"), executable)).happened ==
        "the interpreter that its first line names does not exist");
  CHECK(failure(with_mode(scratch.write("data", "no program\n"), executable)).happened ==
        "it is neither a program nor a script");
  CHECK(failure("").happened == "it has no name");

  std::filesystem::copy_file("/bin/sleep", scratch.path() / "busy");
  const int writer = ::open((scratch.path() / "busy").c_str(), O_WRONLY);
  CHECK(failure((scratch.path() / "busy").string()).happened ==
        "somebody is writing to the program's file");
  ::close(writer);
}

TEST_CASE("a command without words is an error") {
  CHECK_FALSE(result_of(Command{{}, plenty}));
}

TEST_CASE("the exit status is known although our parent made us ignore SIGCHLD") {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  const auto finished = result_of(shell("exit 5"));
  ::signal(SIGCHLD, before);
  REQUIRE(finished);
  CHECK(finished->exit_status == 5);
}

TEST_CASE("a run that is cancelled kills and reaps its group before it ends") {
  test::ScratchDirectory scratch;
  const auto pid_file = scratch.path() / "pid";
  boost::asio::io_context loop;
  boost::asio::cancellation_signal cancel;
  std::optional<Result> result;
  boost::asio::co_spawn(
      loop, process::run(shell("sleep 600 & echo $! > " + pid_file.string() + "; wait")),
      boost::asio::bind_cancellation_slot(cancel.slot(),
                                          [&](const std::exception_ptr&, Result value) {
                                            CHECK(has_no_children());
                                            result.emplace(std::move(value));
                                          }));
  loop.poll();
  const pid_t grandchild = pid_in(pid_file);
  cancel.emit(boost::asio::cancellation_type::terminal);
  loop.restart();
  loop.run();
  REQUIRE(result);
  CHECK_FALSE(*result);
  CHECK(result->error().happened == "cancelled, and so killed");
  wait_until_gone(grandchild);
}

TEST_CASE("a loop torn down in the middle of a run leaves neither the program nor a zombie") {
  test::ScratchDirectory scratch;
  const auto pid_file = scratch.path() / "pid";
  pid_t grandchild = 0;
  {
    boost::asio::io_context loop;
    boost::asio::co_spawn(
        loop, process::run(shell("sleep 600 & echo $! > " + pid_file.string() + "; wait")),
        [](const std::exception_ptr&, const Result&) {});
    loop.poll();
    grandchild = pid_in(pid_file);
  }
  CHECK(has_no_children());
  wait_until_gone(grandchild);
}

TEST_CASE("the loop stays free while a program runs") {
  boost::asio::io_context loop;
  bool ended = false;
  int ticks = 0;
  boost::asio::co_spawn(loop, process::run(shell("sleep 0.3")),
                        [&](const std::exception_ptr&, const Result&) { ended = true; });
  boost::asio::co_spawn(
      loop,
      [](bool& stop, int& count) -> boost::asio::awaitable<void> {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
        while (!stop) {
          timer.expires_after(10ms);
          co_await timer.async_wait(boost::asio::use_awaitable);
          ++count;
        }
      }(ended, ticks),
      [](const std::exception_ptr&) {});
  loop.run();
  CHECK(ticks >= 5);
}

TEST_CASE("two hundred runs, good, failing, killed and impossible, leak no descriptor or zombie") {
  const auto before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    CHECK(result_of(shell("exit 0")));
    CHECK(result_of(shell("echo text; exit 1")));
    CHECK_FALSE(result_of(shell("sleep 600", 1ms)));
    CHECK_FALSE(result_of(Command{{"/no/such/program"}, plenty}));
  }
  // One that started after its time was over is ended and reaped a moment later.
  for (int i = 0; i < 5000 && open_descriptors() != before; ++i) ::usleep(1000);
  CHECK(open_descriptors() == before);
  CHECK(has_no_children());
}

TEST_CASE("without a free descriptor a run fails with that reason, and works again afterwards") {
  boost::asio::io_context loop;
  const auto result_in_loop = [&loop] {
    std::optional<Result> result;
    boost::asio::co_spawn(loop, process::run(shell("exit 0")),
                          [&](const std::exception_ptr& thrown, Result value) {
                            REQUIRE_FALSE(thrown);
                            result.emplace(std::move(value));
                          });
    loop.restart();
    loop.run();
    return std::move(*result);
  };
  REQUIRE(result_in_loop());  // the loop has its own descriptors from here on

  std::vector<int> hoard;
  for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY)) {
    hoard.push_back(fd);
  }
  // Two pipes and a pidfd are what it takes: five.
  for (std::size_t spare = 0; spare < 5; ++spare) {
    const auto result = result_in_loop();
    CHECK(has_no_children());
    CHECK_FALSE(result);
    if (!result) CHECK(result.error().happened == "Too many open files");
    ::close(hoard.back());
    hoard.pop_back();
  }
  CHECK(result_in_loop());
  for (const int fd : hoard) ::close(fd);
}

TEST_CASE("what is run may be killed for memory, although this process is spared") {
  // In a process of its own: a process looks at how it is spared once.
  if (!memory_adjustment().starts_with('-')) {
    const test::ScratchDirectory scratch;
    const auto claim = scratch.write("claim", "-500\n");
    const pid_t spared = ::fork();
    if (spared == 0) {
      if (!be_spared(claim)) ::_exit(77);
      ::execl("/proc/self/exe", "test_process", "--no-intro", "--minimal",
              "--test-case=what is run may be killed for memory*", nullptr);
      ::_exit(127);
    }
    int status = 0;
    REQUIRE(::waitpid(spared, &status, 0) == spared);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
      MESSAGE("only root may spare a process");
    } else {
      CHECK(WEXITSTATUS(status) == 0);
    }
    return;
  }
  // It is written once the program runs already; what that starts then has it from it.
  const auto finished = result_of(shell(
      "i=0; while [ $i -lt 200 ] && [ \"$(cat /proc/$$/oom_score_adj)\" != 0 ]; "
      "do sleep 0.01; i=$((i+1)); done; cat /proc/$$/oom_score_adj /proc/self/oom_score_adj"));
  REQUIRE(finished);
  CHECK(finished->out == "0\n0\n");
  CHECK(memory_adjustment().starts_with('-'));
}
