#include "process/bgpd_process.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/outcome.hpp"
#include "process/bgp_sessions.hpp"
#include "process/command.hpp"
#include "process/pidfd.hpp"
#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::posix::stream_descriptor;
using boost::system::error_code;

constexpr auto patience_after_kill = std::chrono::seconds(2);

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// The kernel keeps 15 bytes of a name.
bool bears_name(const ProcEntry& entry, const core::BgpdProcess& bgpd) {
  return entry.name == std::string_view(bgpd.name).substr(0, 15);
}

core::Result<bool> is_bgpd(pid_t pid, const core::BgpdProcess& bgpd) {
  if (pid == ::getpid()) return false;
  const auto entry = read_proc_entry(pid);
  if (!entry) return std::unexpected(entry.error());
  return entry->has_value() && (*entry)->alive && (*entry)->ours && bears_name(**entry, bgpd);
}

/// None: there is no such file, so no bgpd has written it.
core::Result<std::optional<pid_t>> read_pid_file(const fs::path& file) {
  const auto tried = "read the pid file " + core::printable(file.string());
  const auto text = read_small_file(file);
  if (!text) {
    if (text.error() == ENOENT) return std::nullopt;
    return std::unexpected(core::Error{
        tried, reason(text.error()),
        text.error() == EACCES ? "let withdrawd's user read it, or name no pid_file" : ""});
  }
  std::string_view digits = *text;
  const auto begin = std::min(digits.find_first_not_of(" \t"), digits.size());
  const auto end = std::min(digits.find_last_not_of(" \t\r\n") + 1, digits.size());
  digits = digits.substr(begin, std::max(begin, end) - begin);
  pid_t pid = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (error != std::errc() || stop != digits.data() + digits.size() || pid <= 0) {
    return std::unexpected(
        core::Error{tried,
                    digits.empty() ? "it is empty"
                                   : "it holds no number: \"" + core::printable(digits, 40) + "\"",
                    "name the pid file that bgpd writes, or none"});
  }
  return pid;
}

/// The processes that stop() waits for.
struct Dying {
  struct One {
    pid_t pid;
    stream_descriptor pidfd;
    BgpSessions sessions;
  };
  explicit Dying(const asio::any_io_executor& executor) : deadline(executor) {}

  std::list<One> all;
  asio::steady_timer deadline;
  bool too_late = false;
};

std::string join(std::string one, std::string_view other) {
  if (!one.empty() && !other.empty()) one += "; ";
  return one += other;
}

struct Killed {
  FileDescriptor pidfd;
  BgpSessions sessions;
};

/// Kills the process if it is still bgpd. None: it was not, or had already gone.
core::Result<std::optional<Killed>> kill_if_bgpd(const asio::any_io_executor& executor, pid_t pid,
                                                 const core::BgpdProcess& bgpd) {
  const auto failed = [&](int error) {
    return std::unexpected(
        core::Error{"kill " + core::printable(bgpd.name) + ", pid " + std::to_string(pid),
                    reason(error), error == EPERM ? "run as root, or with CAP_KILL" : ""});
  };
  auto pidfd = open_pidfd(pid);
  if (!pidfd) {
    if (errno == ESRCH) return std::nullopt;
    return failed(errno);
  }
  // Only now, with the pidfd in hand, is it sure that who bears the name is who gets the signal.
  const auto still = is_bgpd(pid, bgpd);
  if (!still) return std::unexpected(still.error());
  if (!*still) return std::nullopt;
  // Who may not kill it must not end its sessions either.
  int error = send_signal(pidfd, 0);
  std::optional<BgpSessions> sessions;
  if (error == 0) {
    sessions.emplace(executor, pid, pidfd);
    sessions->notify();
    error = send_signal(pidfd, SIGKILL);
  }
  if (error == ESRCH) return std::nullopt;
  if (error != 0) return failed(error);
  return Killed{std::move(pidfd), *std::move(sessions)};
}

/// The last lines in one; the end says more than the beginning.
std::string last_words(std::string_view printed) {
  constexpr std::size_t enough = 300;
  printed = printed.substr(printed.size() - std::min(printed.size(), enough));
  std::string words;
  while (!printed.empty()) {
    const auto line = printed.substr(0, printed.find('\n'));
    printed.remove_prefix(std::min(line.size() + 1, printed.size()));
    words = join(std::move(words), line.substr(0, line.find_last_not_of(" \t\r") + 1));
  }
  return core::printable(words);
}

bool is_masked(const fs::path& unit) {
  std::error_code failed;
  return fs::read_symlink(unit, failed) == "/dev/null";
}

bool has_unit(const fs::path& root, const std::string& unit) {
  for (const auto* directory :
       {"etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system"}) {
    const auto file = root / directory / unit;
    if (is_masked(file)) return false;
    std::error_code failed;
    if (fs::is_regular_file(file, failed)) return true;
  }
  return false;
}

bool is_program(const fs::path& file) {
  std::error_code failed;
  return fs::is_regular_file(file, failed) && ::access(file.c_str(), X_OK) == 0;
}

}  // namespace

core::Result<std::vector<pid_t>> find(const core::BgpdProcess& bgpd) {
  std::vector<pid_t> candidates;
  if (!bgpd.pid_file.empty()) {
    const auto pid = read_pid_file(bgpd.pid_file);
    if (!pid) return std::unexpected(pid.error());
    if (*pid) candidates.push_back(**pid);
  } else {
    auto all = all_processes();
    if (!all) return std::unexpected(all.error());
    candidates = std::move(*all);
  }

  std::vector<pid_t> found;
  for (const auto pid : candidates) {
    const auto bgpd_here = is_bgpd(pid, bgpd);
    if (!bgpd_here) return std::unexpected(bgpd_here.error());
    if (*bgpd_here) found.push_back(pid);
  }
  return found;
}

asio::awaitable<core::Result<std::vector<pid_t>>> stop(core::BgpdProcess bgpd,
                                                       core::SessionsEnded* sessions) {
  const auto pids = find(bgpd);
  if (!pids) co_return std::unexpected(pids.error());

  const auto executor = co_await asio::this_coro::executor;
  const auto dying = std::make_shared<Dying>(executor);
  std::optional<core::Error> trouble;
  for (const auto pid : *pids) {
    auto killed = kill_if_bgpd(executor, pid, bgpd);
    if (!killed) {
      if (!trouble) trouble = killed.error();
      continue;
    }
    if (!*killed) continue;
    dying->all.push_back({pid, stream_descriptor(executor), std::move((*killed)->sessions)});
    error_code failed;
    dying->all.back().pidfd.assign((*killed)->pidfd.number(), failed);
    if (failed) {
      co_return std::unexpected(
          core::Error{"wait for the end of pid " + std::to_string(pid), failed.message(), ""});
    }
    (*killed)->pidfd.release();
  }

  dying->deadline.expires_after(patience_after_kill);
  dying->deadline.async_wait([dying](error_code cancelled) {
    if (cancelled) return;
    dying->too_late = true;
    for (auto& one : dying->all) {
      error_code ignored;
      one.pidfd.cancel(ignored);
    }
  });
  std::vector<pid_t> gone;
  std::string remaining;
  for (auto& [pid, pidfd, ignored] : dying->all) {
    if (!dying->too_late) {
      const auto [failed] = co_await pidfd.async_wait(stream_descriptor::wait_read,
                                                      asio::as_tuple(asio::use_awaitable));
      if (!failed) {
        gone.push_back(pid);
        continue;
      }
      if (!dying->too_late) {
        dying->deadline.cancel();
        co_return std::unexpected(core::Error{"kill " + core::printable(bgpd.name),
                                              "cancelled before it was seen to be gone", ""});
      }
    }
    remaining = join(std::move(remaining), "pid " + std::to_string(pid));
  }
  dying->deadline.cancel();
  for (auto& one : dying->all) {
    auto ended = co_await one.sessions.ended();
    if (!sessions) continue;
    sessions->ended += ended.ended;
    std::ranges::move(ended.left, std::back_inserter(sessions->left));
    if (sessions->problem.empty()) sessions->problem = std::move(ended.problem);
  }

  if (trouble) co_return std::unexpected(std::move(*trouble));
  if (!remaining.empty()) {
    co_return std::unexpected(core::Error{
        "kill " + core::printable(bgpd.name),
        "still there " + core::describe(patience_after_kill) + " after SIGKILL: " + remaining,
        "the kernel holds it, most likely for a disk or a network file system"});
  }
  co_return gone;
}

asio::awaitable<core::Result<std::string>> restart(core::BgpdProcess bgpd) {
  Command command;
  command.argv = bgpd.restart;
  command.limit = bgpd.restart_timeout;
  command.longest_output = std::size_t{64} * 1024;
  if (command.argv.empty()) {
    auto usual = default_restart();
    if (!usual) co_return std::unexpected(usual.error());
    command.argv = std::move(*usual);
  }
  const auto tried = "restart with \"" + command.text() + "\"";

  auto finished = co_await run(std::move(command));
  if (!finished) co_return std::unexpected(finished.error());
  std::string printed = std::move(finished->out);
  if (!printed.empty() && !printed.ends_with('\n') && !finished->err.empty()) printed += '\n';
  printed += finished->err;
  if (finished->exit_status != 0) {
    std::string happened = "exit status " + std::to_string(finished->exit_status);
    if (const auto said = last_words(printed); !said.empty()) happened += "; it said: " + said;
    co_return std::unexpected(core::Error{tried, std::move(happened), ""});
  }
  co_return last_words(printed);
}

core::Result<std::vector<std::string>> default_restart(const fs::path& root) {
  constexpr std::array names{"bgpd", "frr", "quagga"};
  std::error_code failed;
  if (fs::is_directory(root / "run/systemd/system", failed)) {
    for (const std::string name : names) {
      const auto unit = name + ".service";
      if (has_unit(root, unit)) return std::vector<std::string>{"systemctl", "restart", unit};
    }
  }
  for (const auto* name : names) {
    const auto script = root / "etc/init.d" / name;
    if (is_program(script)) return std::vector<std::string>{script.string(), "restart"};
  }
  return std::unexpected(core::Error{
      "find out how bgpd is restarted",
      "this host has neither a systemd unit nor an init script named bgpd, frr or quagga",
      "set `restart` under [bgpd] in the configuration"});
}

}  // namespace withdrawd::process
