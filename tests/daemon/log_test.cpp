#include "daemon/log.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <regex>
#include <thread>

#include "scratch.hpp"

using namespace withdrawd;
using core::Severity;
using daemon::Log;
using daemon::LogPlan;
using daemon::testing::ScratchDirectory;

namespace {

LogPlan to_file(const std::filesystem::path& file, Severity least) {
  LogPlan plan;
  plan.target = config::LogTarget::file;
  plan.file = file;
  plan.least = least;
  return plan;
}

core::Time soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

/// A socket that takes datagrams, as journal and syslog have it.
class Taker {
 public:
  explicit Taker(std::filesystem::path path) : path_(std::move(path)) {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Taker() {
    ::close(fd_);
    std::filesystem::remove(path_);
  }
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;

  /// The next datagram; empty: there is none.
  std::string next() {
    std::string text(100'000, '\0');
    const ssize_t got = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

/// Standard error is a pipe for as long as it lives.
class StandardErrorIsAPipe {
 public:
  StandardErrorIsAPipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read_end_ = ends[0];
    REQUIRE(::dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    ::close(ends[1]);
  }
  ~StandardErrorIsAPipe() {
    give_back();
    if (reader_.joinable()) reader_.join();
    ::close(read_end_);
    ::close(before_);
  }
  StandardErrorIsAPipe(const StandardErrorIsAPipe&) = delete;
  StandardErrorIsAPipe& operator=(const StandardErrorIsAPipe&) = delete;

  /// From now on somebody reads it.
  void drain() {
    reader_ = std::thread([this] {
      char buffer[65536];
      ssize_t got = 0;
      while ((got = ::read(read_end_, buffer, sizeof buffer)) > 0)
        text_.append(buffer, static_cast<std::size_t>(got));
    });
  }
  /// All that was read. Standard error is what it was before.
  const std::string& text() {
    give_back();
    reader_.join();
    return text_;
  }

 private:
  void give_back() { ::dup2(before_, STDERR_FILENO); }

  int before_ = ::dup(STDERR_FILENO);
  int read_end_ = -1;
  std::string text_;
  std::thread reader_;
};

std::size_t count(const std::string& text, const std::regex& pattern) {
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), pattern), {}));
}

}  // namespace

TEST_CASE("a line bears the time in UTC, its severity and its text, and is there at once") {
  const ScratchDirectory scratch;
  auto log = Log::open(to_file(scratch / "log", Severity::info));
  REQUIRE(log);
  log->tell(Severity::warning, "192.0.2.0/24 withdrawn {not a format}");
  REQUIRE(log->finish(soon()));
  const std::string text = daemon::testing::read(scratch / "log");
  CHECK(std::regex_match(
      text,
      std::regex(
          R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning 192\.0\.2\.0/24 withdrawn \{not a format\}\n)")));
}

TEST_CASE("lines below the level are dropped, and a log is added to") {
  const ScratchDirectory scratch;
  daemon::testing::write(scratch / "log", "before\n");
  auto log = Log::open(to_file(scratch / "log", Severity::error));
  REQUIRE(log);
  log->tell(Severity::warning, "quiet");
  log->tell(Severity::critical, "loud");
  REQUIRE(log->finish(soon()));
  const std::string text = daemon::testing::read(scratch / "log");
  CHECK(text.starts_with("before\n"));
  CHECK(text.find("quiet") == std::string::npos);
  CHECK(text.find(" critical loud\n") != std::string::npos);
}

TEST_CASE("a log that cannot be opened says which file and why") {
  const ScratchDirectory scratch;
  const auto log = Log::open(to_file(scratch / "no/such/directory/log", Severity::info));
  REQUIRE_FALSE(log);
  CHECK(log.error().text().find("no/such/directory/log") != std::string::npos);
  CHECK(log.error().text().find("No such file or directory") != std::string::npos);
}

TEST_CASE("a log whose file was renamed goes on in the old one until it is opened again") {
  const ScratchDirectory scratch;
  const LogPlan plan = to_file(scratch / "log", Severity::info);
  auto log = Log::open(plan);
  REQUIRE(log);
  std::filesystem::rename(scratch / "log", scratch / "log.1");
  log->tell(Severity::info, "before");
  log->use(Log::prepare(plan).value());
  log->tell(Severity::info, "after");
  REQUIRE(log->finish(soon()));
  CHECK(daemon::testing::read(scratch / "log.1").ends_with(" info before\n"));
  CHECK(daemon::testing::read(scratch / "log").ends_with(" info after\n"));
}

TEST_CASE("a log that cannot be opened again goes on as it was") {
  const ScratchDirectory scratch;
  auto log = Log::open(to_file(scratch / "log", Severity::info));
  REQUIRE(log);
  CHECK_FALSE(Log::prepare(to_file(scratch / "no/such/log", Severity::info)));
  log->tell(Severity::info, "still here");
  REQUIRE(log->finish(soon()));
  CHECK(daemon::testing::read(scratch / "log").ends_with(" info still here\n"));
}

TEST_CASE("a log in JSON has an object a line") {
  const ScratchDirectory scratch;
  LogPlan plan = to_file(scratch / "log", Severity::info);
  plan.format = config::LogFormat::json;
  auto log = Log::open(plan);
  REQUIRE(log);
  log->tell({Severity::warning, "a \"b\"", {.rule = "r"}});
  REQUIRE(log->finish(soon()));
  const std::string text = daemon::testing::read(scratch / "log");
  CHECK(text.starts_with("{\"time\":\""));
  CHECK(text.ends_with(",\"level\":\"warning\",\"message\":\"a \\\"b\\\"\",\"rule\":\"r\"}\n"));
}

TEST_CASE("the journal takes a datagram a line, with its fields") {
  const ScratchDirectory scratch;
  LogPlan plan;
  plan.target = config::LogTarget::journal;
  plan.journal_socket = scratch / "journal";
  Taker journal(plan.journal_socket);
  auto log = Log::open(plan);
  REQUIRE(log);
  log->tell({Severity::debug, "quiet"});
  log->tell({Severity::error, "loud", {.rule = "r", .prefix = "192.0.2.0/24"}});
  CHECK(journal.next() ==
        "MESSAGE=loud\nPRIORITY=3\nSYSLOG_IDENTIFIER=withdrawd\nWITHDRAWD_RULE=r\n"
        "WITHDRAWD_PREFIX=192.0.2.0/24\n");
}

TEST_CASE("syslog that is started again is found again") {
  const ScratchDirectory scratch;
  LogPlan plan;
  plan.target = config::LogTarget::syslog;
  plan.syslog_socket = scratch / "log";
  auto taker = std::make_unique<Taker>(plan.syslog_socket);
  auto log = Log::open(plan);
  REQUIRE(log);
  log->tell(Severity::info, "one");
  CHECK(taker->next().ends_with(": one"));
  taker.reset();
  taker = std::make_unique<Taker>(plan.syslog_socket);
  log->tell(Severity::info, "two");
  CHECK(taker->next().starts_with("<30>"));
}

TEST_CASE("who takes no lines holds up nobody, and is told how many were lost") {
  const ScratchDirectory scratch;
  LogPlan plan;
  plan.target = config::LogTarget::syslog;
  plan.syslog_socket = scratch / "log";
  Taker taker(plan.syslog_socket);
  auto log = Log::open(plan);
  REQUIRE(log);
  constexpr std::size_t many = 20'000;  // more than any socket keeps
  for (std::size_t i = 0; i < many; ++i) log->tell(Severity::info, "line");
  std::size_t taken = 0;
  while (!taker.next().empty()) ++taken;
  REQUIRE(taken < many);
  log->tell(Severity::info, "after");
  CHECK(taker.next().ends_with(": " + std::to_string(many - taken) +
                               " lines of the log were lost: nobody took them"));
  CHECK(taker.next().ends_with(": after"));
}

TEST_CASE("standard error that nobody reads holds up nobody; each line arrives or is counted") {
  std::size_t told = 0;
  std::uint64_t lost = 0;
  std::string text;
  {
    StandardErrorIsAPipe pipe;
    auto log = Log::open({});
    REQUIRE(log);
    const std::string line(1000, 'x');
    for (; log->lost() < 100 && told < 100'000; ++told) log->tell(Severity::info, line);
    lost = log->lost();
    REQUIRE(lost == 100);
    pipe.drain();
    REQUIRE(log->finish(soon()));
    log->tell(Severity::info, "after");
    CHECK(log->lost() == lost);
    REQUIRE(log->finish(soon()));
    text = pipe.text();
  }
  CHECK(text.ends_with(" info after\n"));
  CHECK(count(text, std::regex(" info xxx")) == told - lost);
  // Where there is room for so short a line it comes while others still find none.
  std::uint64_t counted = 0;
  const std::regex note(R"( error (\d+) lines of the log were lost: nobody took them\n)");
  for (std::sregex_iterator it(text.begin(), text.end(), note), end; it != end; ++it)
    counted += std::stoul((*it)[1]);
  CHECK(counted == lost);
}
