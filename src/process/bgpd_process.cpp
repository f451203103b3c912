#include "process/bgpd_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "as_result.hpp"
#include "core/outcome.hpp"
#include "files/regular_file.hpp"
#include "process/accounts.hpp"
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

/// The kernel keeps 15 bytes of a name.
bool bears_name(const ProcEntry& entry, const core::BgpdProcess& bgpd) {
  return entry.name == std::string_view(bgpd.name).substr(0, 15);
}

/// Whoever is called bgpd because somebody has linked or renamed something is none. True also where
/// we may not know.
bool runs_bgpd(pid_t pid, const core::BgpdProcess& bgpd) {
  const auto program = program_of(pid).filename().string();
  return program.empty() || program.find(bgpd.name) != program.npos ||
         program.find("bgpd") != program.npos;
}

/// Where nothing tells which account is bgpd's: any of the system's, but no ordinary user, who
/// could keep a bgpd that is down from being started by a program of that name.
bool may_run_bgpd(uid_t user, const Accounts& accounts) {
  constexpr uid_t first_ordinary = 1000;
  return accounts.knows(user) || (accounts.none() && user < first_ordinary);
}

core::Result<bool> is_bgpd(pid_t pid, const core::BgpdProcess& bgpd, const Accounts& accounts) {
  if (pid == ::getpid()) return false;
  const auto entry = read_proc_entry(pid);
  if (!entry) return std::unexpected(entry.error());
  return entry->has_value() && (*entry)->alive && (*entry)->ours && bears_name(**entry, bgpd) &&
         may_run_bgpd((*entry)->user, accounts) && may_run_bgpd((*entry)->acts_as, accounts) &&
         runs_bgpd(pid, bgpd);
}

/// Whoever listens on bgpd's socket is bgpd, unless it hands on what it is told, as a proxy.
bool is_bgpd(const VtyPeer& peer, const core::BgpdProcess& bgpd) {
  const auto entry = read_proc_entry(peer.pid);
  if (!entry || !*entry || peer.pid == ::getpid()) return false;
  return bears_name(**entry, bgpd) ? runs_bgpd(peer.pid, bgpd)
                                   : peer.identity.program.filename() == "bgpd";
}

/// None: there is no such file, so no bgpd has written it.
core::Result<std::optional<pid_t>> read_pid_file(const fs::path& file) {
  const auto tried = "read the pid file " + core::printable(file.string());
  const auto text = files::read(file, longest_pid_file);
  if (!text) {
    const auto& why = text.error();
    if (why.number == ENOENT) return std::nullopt;
    return std::unexpected(core::Error{
        tried, why.happened,
        why.number == EACCES ? "let withdrawd's user read it, or name no pid_file" : why.advice});
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

std::string join(std::string one, std::string_view other) {
  if (!one.empty() && !other.empty()) one += "; ";
  return one += other;
}

std::string listed(const std::vector<pid_t>& pids) {
  std::string text;
  for (const pid_t pid : pids) text = join(std::move(text), describe(pid));
  return text;
}

/// By name, in our own network namespace: another's bgpd announces for somebody else.
core::Result<std::optional<Sighting>> find_by_name(const core::BgpdProcess& bgpd,
                                                   const Accounts& accounts) {
  const auto all = all_processes();
  if (!all) {
    // Where others are hidden nothing contradicts the pid file.
    if (!bgpd.pid_file.empty()) return std::nullopt;
    return std::unexpected(all.error());
  }
  const auto here = network_of(::getpid());
  std::vector<pid_t> found;
  for (const auto pid : *all) {
    const auto fits = is_bgpd(pid, bgpd, accounts);
    if (!fits) return std::unexpected(fits.error());
    if (*fits && network_of(pid) == here) found.push_back(pid);
  }
  const auto tried = "find bgpd's process";
  if (!bgpd.pid_file.empty()) {
    // Those that write another one are not meant. One that writes this one is, whatever it says.
    const auto its = [&](pid_t pid) { return writes_pid_file(command_line(pid), bgpd.pid_file); };
    const auto others = [&](pid_t pid) {
      return !its(pid) && !option_of(command_line(pid), 'i', "pid_file").empty();
    };
    std::erase_if(found, others);
    if (found.size() == 1 && its(found.front())) {
      return Sighting{.pid = found.front(), .known_by = KnownBy::command_line};
    }
    if (found.empty()) return std::nullopt;
    return std::unexpected(core::Error{tried,
                                       fmt::format("{} names none, but there is \"{}\" ({})",
                                                   core::printable(bgpd.pid_file.string()),
                                                   core::printable(bgpd.name), listed(found)),
                                       "correct pid_file under [bgpd], or leave it out"});
  }
  if (found.size() > 1) {
    return std::unexpected(core::Error{
        tried,
        fmt::format("{} are called \"{}\", and none is killed, because nobody can tell which: {}",
                    found.size(), core::printable(bgpd.name), listed(found)),
        "name its socket or pid_file under [bgpd]"});
  }
  if (found.empty()) return std::nullopt;
  return Sighting{.pid = found.front(), .known_by = KnownBy::name};
}

/// In a container of our own nobody else can be seen, whoever runs.
bool is_alone() {
  const auto first = read_proc_entry(1);
  return first && *first && (*first)->name == "withdrawd";
}

struct Held {
  Sighting sighting;
  files::FileDescriptor pidfd;
};

/// Its pidfd, if it still is bgpd with that in hand: so no other gets its signal. None: it has
/// gone.
core::Result<std::optional<Held>> hold(const core::BgpdProcess& bgpd, const Evidence& evidence) {
  const auto found = find(bgpd, evidence);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  const auto identity = identity_of((*found)->pid);
  auto pidfd = open_pidfd((*found)->pid);
  if (!pidfd && errno != ESRCH) {
    return std::unexpected(
        core::Error{"kill " + core::printable(bgpd.name) + ", pid " + std::to_string((*found)->pid),
                    core::errno_text(errno), ""});
  }
  if (!pidfd || !identity) return std::nullopt;
  const auto still = find(bgpd, evidence);
  if (!still) return std::unexpected(still.error());
  if (!*still || (*still)->pid != (*found)->pid || identity_of((*found)->pid) != identity) {
    return std::nullopt;
  }
  return Held{**still, std::move(pidfd)};
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

}  // namespace

std::string_view name(KnownBy known_by) {
  switch (known_by) {
    case KnownBy::socket:
      return "its vty socket";
    case KnownBy::pid_file:
      return "its pid file";
    case KnownBy::command_line:
      return "its command line";
    case KnownBy::name:
      break;
  }
  return "its name";
}

core::Result<std::optional<Sighting>> find(const core::BgpdProcess& bgpd,
                                           const Evidence& evidence) {
  if (const auto& peer = evidence.peer) {
    if (peer->hidden()) {
      return std::unexpected(core::Error{
          "find bgpd's process",
          core::printable(peer->socket.string()) +
              " accepts connections, so bgpd runs, but in a PID namespace that cannot be seen from "
              "here",
          "run withdrawd in that PID namespace, or in the host's"});
    }
    if (peer->alive() && is_bgpd(*peer, bgpd)) {
      return Sighting{.pid = peer->pid, .known_by = KnownBy::socket};
    }
  }
  auto owned = evidence.sockets;
  owned.push_back(bgpd.pid_file);
  const Accounts accounts(owned);
  if (!bgpd.pid_file.empty()) {
    const auto pid = read_pid_file(bgpd.pid_file);
    if (!pid) return std::unexpected(pid.error());
    if (*pid) {
      const auto fits = is_bgpd(**pid, bgpd, accounts);
      if (!fits) return std::unexpected(fits.error());
      if (*fits) return Sighting{.pid = **pid, .known_by = KnownBy::pid_file};
    }
  }
  auto named = find_by_name(bgpd, accounts);
  if (named && !*named && is_alone()) {
    return std::unexpected(
        core::Error{"find bgpd's process",
                    "process 1 is withdrawd, so bgpd is in another PID namespace, or does not run",
                    "run withdrawd in bgpd's PID namespace, or in the host's"});
  }
  return named;
}

asio::awaitable<core::BgpdStopped> stop(core::BgpdProcess bgpd, Evidence evidence) {
  auto held = hold(bgpd, evidence);
  if (!held) co_return core::BgpdStopped{std::unexpected(std::move(held.error()))};
  if (!*held) co_return core::BgpdStopped{std::vector<pid_t>{}};
  const pid_t pid = (*held)->sighting.pid;
  const auto failed = [&bgpd, pid](std::string happened, std::string advice) {
    return core::BgpdStopped{std::unexpected(
        core::Error{"kill " + core::printable(bgpd.name) + ", pid " + std::to_string(pid),
                    std::move(happened), std::move(advice)})};
  };
  // As long as it is there it tells where it comes from.
  auto restart = origin_of(pid, ::getpid()).restart;
  const auto executor = co_await asio::this_coro::executor;
  // Who may not kill it must not end its sessions either.
  int error = send_signal((*held)->pidfd, 0);
  std::optional<BgpSessions> sessions;
  if (error == 0) {
    sessions.emplace(executor, pid, (*held)->pidfd);
    sessions->notify();
    error = send_signal((*held)->pidfd, SIGKILL);
  }
  if (error == ESRCH) co_return core::BgpdStopped{std::vector<pid_t>{}};
  if (error != 0) {
    co_return failed(core::errno_text(error),
                     error == EPERM ? "run as root, or with CAP_KILL" : "");
  }

  struct Dying {
    stream_descriptor pidfd;
    asio::steady_timer deadline;
    bool too_late = false;
  };
  const auto dying = std::make_shared<Dying>(
      Dying{stream_descriptor(executor), asio::steady_timer(executor, patience_after_kill)});
  error_code unusable;
  dying->pidfd.assign((*held)->pidfd.number(), unusable);
  if (unusable) co_return failed("its end cannot be waited for: " + unusable.message(), "");
  (*held)->pidfd.release();
  dying->deadline.async_wait([dying](error_code cancelled) {
    if (cancelled) return;
    dying->too_late = true;
    error_code ignored;
    dying->pidfd.cancel(ignored);
  });
  const auto [alive] = co_await dying->pidfd.async_wait(stream_descriptor::wait_read, as_result);
  dying->deadline.cancel();
  core::SessionsEnded ended = co_await sessions->ended();
  if (!alive) {
    co_return core::BgpdStopped{std::vector<pid_t>{pid}, std::move(restart), std::move(ended)};
  }
  if (!dying->too_late) co_return failed("cancelled before it was seen to be gone", "");
  co_return failed("still there " + core::describe(patience_after_kill) + " after SIGKILL",
                   "the kernel holds it, most likely for a disk or a network file system");
}

asio::awaitable<core::Result<std::string>> restart(core::BgpdProcess bgpd,
                                                   std::optional<core::RestartCommand> seen) {
  Command command;
  command.argv = bgpd.restart;
  command.limit = bgpd.restart_timeout;
  command.longest_output = std::size_t{64} * 1024;
  if (command.argv.empty() && seen) {
    if (seen->empty()) {
      co_return std::unexpected(
          core::Error{"restart bgpd", "what starts the one that ran here is not known",
                      "start it, and set `restart` under [bgpd] in the configuration"});
    }
    command.argv = std::move(*seen);
  }
  if (command.argv.empty()) {
    auto usual = default_restart(::getpid());
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

}  // namespace withdrawd::process
