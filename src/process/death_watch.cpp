#include "process/death_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "files/regular_file.hpp"
#include "process/pidfd.hpp"
#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::posix::stream_descriptor;

/// More than a server has; each takes a descriptor.
constexpr std::size_t most_watched = 64;

/// The kernel keeps 15 bytes of a name, and prints it with a line feed. Servers with several
/// processes tell them apart by what follows a colon: "nsd: main", "nsd: server 1".
bool bears_name(pid_t pid, std::string_view name) {
  const auto comm = read_small_file(fs::path("/proc") / std::to_string(pid) / "comm");
  if (!comm) return false;
  const auto its = std::string_view(*comm).substr(0, comm->find('\n'));
  name = name.substr(0, 15);
  return its.starts_with(name) && (its.size() == name.size() || its[name.size()] == ':');
}

std::optional<pid_t> pid_in(const fs::path& file) {
  const auto text = files::read(file, longest_pid_file);
  if (!text) return std::nullopt;
  const auto begin = std::min(text->find_first_not_of(" \t\n"), text->size());
  pid_t pid = 0;
  const auto [end, failed] =
      std::from_chars(text->data() + begin, text->data() + text->size(), pid);
  return failed == std::errc() && pid > 0 ? std::optional(pid) : std::nullopt;
}

}  // namespace

struct DeathWatch::Watched {
  std::function<void()> died;
  std::map<pid_t, stream_descriptor> processes;
  bool one_has_died = false;  ///< since it was looked at last
  std::optional<core::Time> death;
};

DeathWatch::DeathWatch(asio::any_io_executor executor, core::WatchedProcess what,
                       std::function<void()> died)
    : executor_(std::move(executor)),
      what_(std::move(what)),
      watched_(std::make_shared<Watched>(Watched{std::move(died), {}, false, {}})) {}

DeathWatch::~DeathWatch() = default;

std::size_t DeathWatch::watched() const {
  return watched_->processes.size();
}

void DeathWatch::look(core::Time now) {
  if (std::exchange(watched_->one_has_died, false)) watched_->death = now;
  if (looked_ && now - *looked_ < least_pause) return;
  // What takes the place of a dead process may be long in coming.
  const bool unsettled = watched_->death && now - *watched_->death < longest_pause;
  const bool settled = looked_ && !watched_->processes.empty() && !unsettled;
  if (settled && now - *looked_ < longest_pause) return;
  looked_ = now;
  find();
}

void DeathWatch::find() {
  if (!what_.pid_file.empty()) {
    if (const auto pid = pid_in(what_.pid_file)) watch(*pid);
    return;
  }
  const auto all = all_processes();
  if (!all) return;
  for (const pid_t pid : *all) {
    if (!watched_->processes.contains(pid) && bears_name(pid, what_.name)) watch(pid);
  }
}

void DeathWatch::watch(pid_t pid) {
  auto& processes = watched_->processes;
  if (processes.contains(pid) || processes.size() >= most_watched) return;
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return;
  // Only now, with the pidfd in hand, is it sure that what is looked at is what is watched.
  const auto entry = read_proc_entry(pid);
  if (!entry || !*entry || !(*entry)->alive || !(*entry)->ours) return;
  if (!what_.name.empty() && !bears_name(pid, what_.name)) return;
  // In a network namespace of its own it serves somebody else.
  if (network_of(pid) != network_of(::getpid())) return;

  stream_descriptor descriptor(executor_);
  boost::system::error_code failed;
  descriptor.assign(pidfd.number(), failed);
  if (failed) return;
  pidfd.release();
  const auto placed = processes.emplace(pid, std::move(descriptor)).first;
  placed->second.async_wait(
      stream_descriptor::wait_read,
      [weak = std::weak_ptr(watched_), pid](const boost::system::error_code& cancelled) {
        const auto watched = weak.lock();
        if (cancelled || !watched) return;
        watched->processes.erase(pid);
        watched->one_has_died = true;
        watched->died();
      });
}

}  // namespace withdrawd::process
