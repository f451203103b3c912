#include "vty/vtysh_transport.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "core/outcome.hpp"
#include "process/command.hpp"
#include "vty/answers.hpp"
#include "vty/vtysh_output.hpp"

namespace withdrawd::vty {
namespace {

namespace asio = boost::asio;

// Linux refuses a single argument of 128 KiB and more (MAX_ARG_STRLEN).
constexpr std::size_t longest_argument = std::size_t{64} * 1024;
// What a run may take for each command on top of the time limit for a run: measured at 0.1 to 0.3
// ms on Quagga and FRR; thousands of statements on a slow host must not look like a frozen bgpd.
constexpr auto time_per_command = std::chrono::milliseconds(1);
constexpr std::size_t longest_output = std::size_t{64} * std::size_t{1024} * 1024;

/// How many bytes of commands one command line may carry.
std::size_t longest_command_line() {
  // The kernel's limit is for arguments and environment together; POSIX promises 4096, Linux 128
  // KiB.
  const long limit = ::sysconf(_SC_ARG_MAX);
  const auto half = limit > 0 ? static_cast<std::size_t>(limit) / 2 : std::size_t{2048};
  return std::min(half, std::size_t{1024} * 1024);
}

std::unexpected<Failure> failed_run(Trouble trouble, std::string happened,
                                    std::string advice = "") {
  return std::unexpected(Failure{trouble, {"run vtysh", std::move(happened), std::move(advice)}});
}

/// 0 if `path` is a file that we may run, else why not.
int why_not_runnable(const std::filesystem::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return errno;
  if (!S_ISREG(found.st_mode)) return EACCES;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

std::string last_line(std::string_view text) {
  const auto end = text.find_last_not_of("\r\n\t ");
  if (end == text.npos) return "";
  text = text.substr(0, end + 1);
  const auto line_feed = text.rfind('\n');
  return core::printable(line_feed == text.npos ? text : text.substr(line_feed + 1), 160);
}

/// vtysh ended without running even the first command.
std::unexpected<Failure> did_nothing(const process::Finished& finished) {
  if (finished.err.find("failed to connect to any daemons") != finished.err.npos) {
    return failed_run(Trouble::unreachable, "it failed to connect to bgpd",
                      "is bgpd running, and withdrawd in group frrvty or quaggavty?");
  }
  auto said = last_line(finished.err);
  if (said.empty()) said = last_line(finished.out);
  return failed_run(Trouble::unreachable,
                    fmt::format("it exited with status {} and ran nothing{}{}",
                                finished.exit_status, said.empty() ? "" : ": ", said));
}

}  // namespace

VtyshTransport::VtyshTransport(asio::any_io_executor, const core::BgpdAccess& access)
    : program_(access.vtysh), socket_dir_(access.vtysh_socket_dir), timeout_(access.vtysh_timeout) {
  // FRR's vtysh adds every command to the user's history file: ours would push out the operator's
  // own. Our children inherit this; nothing else reads it.
  static_cast<void>(
      ::setenv("VTYSH_HISTFILE", "", 0));  // NOLINT(concurrency-mt-unsafe): one thread
}

std::string VtyshTransport::text() const {
  return program_ == "vtysh" ? "vtysh" : "vtysh " + program_.string();
}

std::expected<std::string, Failure> VtyshTransport::find_program() const {
  int why = ENOENT;
  if (program_.string().find('/') != std::string::npos) {
    why = why_not_runnable(program_);
    if (why == 0) return program_.string();
  } else {
    const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
    const std::string places = std::string(path ? path : "") + ":/usr/bin:/usr/local/bin";
    for (std::size_t start = 0; start <= places.size();) {
      const auto end = std::min(places.find(':', start), places.size());
      if (end > start) {
        const auto candidate = std::filesystem::path(places.substr(start, end - start)) / program_;
        const int one = why_not_runnable(candidate);
        if (one == 0) return candidate.string();
        if (one != ENOENT && one != ENOTDIR) why = one;
      }
      start = end + 1;
    }
  }
  if (why == ENOENT || why == ENOTDIR) {
    return failed_run(Trouble::unreachable, "there is no such program",
                      "install it, or name it with bgpd.vtysh");
  }
  return failed_run(Trouble::unreachable, "it is not executable",
                    "for the user that withdrawd runs as");
}

asio::awaitable<std::expected<VtyshTransport::Run, Failure>> VtyshTransport::run(
    std::vector<std::string> commands) {
  auto program = find_program();
  if (!program) co_return std::unexpected(std::move(program.error()));

  process::Command command;
  command.argv = {std::move(*program)};
  if (!socket_dir_.empty()) {
    command.argv.insert(command.argv.end(), {"--vty_socket", socket_dir_.string()});
  }
  // -E: see vtysh_output.hpp.
  command.argv.insert(command.argv.end(), {"-d", "bgpd", "-E"});
  for (std::size_t i = 0; i < commands.size();) {
    std::string several = commands[i++];
    while (i < commands.size() && several.size() + commands[i].size() < longest_argument) {
      several += '\n';
      several += commands[i++];
    }
    command.argv.insert(command.argv.end(), {"-c", std::move(several)});
  }
  command.limit = limit.within(timeout_) + time_per_command * static_cast<long>(commands.size());
  command.longest_output = longest_output;

  const auto allowed = command.limit;
  const auto started = std::chrono::steady_clock::now();
  auto finished = co_await process::run(std::move(command));
  if (!finished) {
    const bool time_up = std::chrono::steady_clock::now() - started >= allowed;
    finished.error().tried = "run vtysh";
    co_return std::unexpected(
        Failure{time_up ? Trouble::silent : Trouble::unreachable, std::move(finished.error())});
  }
  Run run{split_vtysh_output(finished->out, commands), false};
  limit.answered(run.answers.size());
  if (run.answers.empty()) co_return did_nothing(*finished);
  run.stopped = finished->exit_status != 0 || run.answers.size() < commands.size();
  co_return run;
}

asio::awaitable<std::expected<std::vector<Reply>, Failure>> VtyshTransport::show(
    std::vector<std::string> commands) {
  std::vector<Reply> replies;
  while (replies.size() < commands.size()) {
    std::vector<std::string> batch;
    std::size_t bytes = 0;
    for (auto i = replies.size(); i < commands.size() && bytes < longest_command_line(); ++i) {
      bytes += commands[i].size() + 1;
      batch.push_back(commands[i]);
    }
    auto run = co_await this->run(std::move(batch));
    if (!run) co_return std::unexpected(std::move(run.error()));
    for (std::size_t i = 0; i < run->answers.size(); ++i) {
      const bool refused = run->stopped && i + 1 == run->answers.size();
      replies.push_back({std::move(run->answers[i]), refused ? 2 : 0, commands[replies.size()]});
    }
  }
  co_return replies;
}

asio::awaitable<std::expected<std::vector<Reply>, Failure>> VtyshTransport::configure(
    std::vector<std::string> lines) {
  std::vector<Reply> replies;
  for (std::size_t position = 0; position < lines.size();) {
    auto batch = way_to(lines, position);
    const auto way = batch.size();
    std::size_t bytes = 0;
    for (auto i = position; i < lines.size() && bytes < longest_command_line(); ++i) {
      bytes += lines[i].size() + 1;
      batch.push_back(lines[i]);
    }
    auto run = co_await this->run(batch);
    if (!run) co_return std::unexpected(std::move(run.error()));

    for (std::size_t i = 0; i < run->answers.size(); ++i) {
      const bool refused = run->stopped && i + 1 == run->answers.size();
      Reply reply{std::move(run->answers[i]), refused ? 2 : 0, batch[i]};
      if (!reply.text.empty() && says_locked(reply.text)) {
        co_return failed_run(Trouble::locked,
                             fmt::format("bgpd answered \"{}\"", one_line(reply.text)),
                             "somebody sits in configuration mode");
      }
      if (!reply.mere_success()) replies.push_back(std::move(reply));
    }
    if (!run->stopped) {
      position += batch.size() - way;
    } else if (run->answers.size() <= way) {
      // Even what was entered before is refused now: nothing is left to be typed into.
      break;
    } else {
      position = next_after_refusal(lines, position + run->answers.size() - way - 1);
      if (position + 1 == lines.size() && lines.back() == "end") break;
    }
  }
  co_return replies;
}

}  // namespace withdrawd::vty
