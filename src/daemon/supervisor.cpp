#include "daemon/supervisor.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/outcome.hpp"
#include "files/file_descriptor.hpp"

namespace withdrawd::daemon {
namespace {

/// So many names stand in a status line; it is one line of a terminal.
constexpr std::size_t most_listed = 3;
/// Four heartbeats within the patience: one that is late is no reason to be killed.
constexpr int beats = 4;

std::string taken_out(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const char* value = std::getenv(variable);
  std::string text = value ? value : "";
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  static_cast<void>(::unsetenv(variable));
  return text;
}

std::optional<long long> number(const std::string& text) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return {};
  return value;
}

}  // namespace

Supervisor Supervisor::from_environment() {
  auto socket = taken_out("NOTIFY_SOCKET");
  const auto microseconds = number(taken_out("WATCHDOG_USEC"));
  const auto pid_text = taken_out("WATCHDOG_PID");
  const bool for_us = pid_text.empty() || number(pid_text) == ::getpid();
  std::optional<core::Duration> patience;
  if (microseconds && for_us) patience = std::chrono::microseconds(*microseconds);
  return Supervisor(std::move(socket), patience);
}

Supervisor::Supervisor(std::string socket, std::optional<core::Duration> patience)
    : socket_(std::move(socket)), patience_(patience) {
  const bool usable = socket_.size() > 1 && (socket_[0] == '/' || socket_[0] == '@') &&
                      socket_.size() < sizeof(sockaddr_un::sun_path);
  if (!usable) socket_.clear();
  if (socket_.empty()) patience_.reset();
}

void Supervisor::reloading() {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &now));
  say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                  now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000));
}

void Supervisor::status(std::string_view text) {
  say("STATUS=" + core::printable(text, 500));
}

void Supervisor::say(const std::string& text) const {
  if (socket_.empty()) return;
  const files::FileDescriptor out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (out.number() < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  static_cast<void>(::sendto(out.number(), text.data(), text.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length));
}

Heartbeat::Heartbeat(boost::asio::any_io_executor executor, Supervisor& supervisor,
                     std::function<std::optional<core::Time>()> next_wake)
    : timer_(executor), supervisor_(supervisor), next_wake_(std::move(next_wake)) {}

void Heartbeat::start() {
  if (supervisor_.patience()) beat();
}

void Heartbeat::beat() {
  const auto patience = *supervisor_.patience();
  if (works(next_wake_(), std::chrono::steady_clock::now(), patience)) supervisor_.alive();
  timer_.expires_after(patience / beats);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) beat();
  });
}

bool works(std::optional<core::Time> next_wake, core::Time now, core::Duration patience) {
  return !next_wake || now - *next_wake < patience / 2;
}

std::string status_line(const core::Report& report) {
  std::size_t withdrawn = 0, degraded = 0, wrong = 0;
  std::string names;
  for (const core::PrefixReport& prefix : report.prefixes) {
    if (!prefix.fine()) ++wrong;
    if (prefix.desired == core::Desired::degraded) ++degraded;
    if (prefix.desired != core::Desired::withdrawn) continue;
    if (++withdrawn <= most_listed) {
      names += (names.empty() ? "" : ", ") + prefix.prefix.text();
    } else if (withdrawn == most_listed + 1) {
      names += ", ...";
    }
  }
  std::string text =
      fmt::format("{} prefix{}", report.prefixes.size(), report.prefixes.size() == 1 ? "" : "es");
  if (withdrawn > 0) text += fmt::format(", {} withdrawn ({})", withdrawn, names);
  if (degraded > 0) text += fmt::format(", {} degraded", degraded);
  if (wrong > 0) text += fmt::format(", {} not as desired", wrong);
  if (report.failing) text += "; a human is needed: see withdrawd status";
  if (report.bgpd_killed) {
    text += "; bgpd was killed";
  } else if (report.bgpd_gone) {
    text += "; bgpd does not run";
  } else if (!report.bgpd_reachable) {
    text += "; bgpd cannot be reached";
  }
  return text;
}

}  // namespace withdrawd::daemon
