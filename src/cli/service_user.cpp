#include "cli/service_user.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "process/proc_entry.hpp"

namespace withdrawd::cli {
namespace fs = std::filesystem;
namespace {

// linux/capability.h
constexpr unsigned cap_kill = 5;
constexpr unsigned cap_sys_ptrace = 19;

bool has_capability(pid_t pid, unsigned number) {
  const auto status = process::read_small_file(fmt::format("/proc/{}/status", pid));
  if (!status) return false;
  constexpr std::string_view key = "CapEff:\t";
  const auto at = status->find(key);
  if (at == status->npos) return false;
  return (std::stoull(status->substr(at + key.size(), 16), nullptr, 16) >> number & 1) != 0;
}

/// The unit's file and its drop-ins, in the order in which systemd reads them: what it says last
/// counts.
std::vector<fs::path> unit_files(const fs::path& root) {
  constexpr std::array folders{"etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system",
                               "lib/systemd/system"};
  constexpr std::string_view unit = "withdrawd.service";
  std::vector<fs::path> files, drop_ins;
  for (const auto* folder : folders) {
    std::error_code failed;
    if (files.empty() && fs::exists(root / folder / unit, failed)) {
      files.push_back(root / folder / unit);
    }
    fs::directory_iterator entry(root / folder / (std::string(unit) + ".d"), failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
      if (entry->path().extension() == ".conf") drop_ins.push_back(entry->path());
    }
  }
  if (files.empty()) return {};
  std::ranges::sort(drop_ins, {}, [](const fs::path& file) { return file.filename(); });
  files.insert(files.end(), drop_ins.begin(), drop_ins.end());
  return files;
}

}  // namespace

std::optional<ServiceUser> find_service_user(pid_t daemon, const fs::path& root) {
  if (daemon > 0) {
    auto user = process::user_of(daemon);
    if (!user) return std::nullopt;
    return ServiceUser{*std::move(user), has_capability(daemon, cap_kill),
                       has_capability(daemon, cap_sys_ptrace),
                       fmt::format("the daemon, pid {}", daemon)};
  }
  std::string name = "root";
  bool may_kill = false;
  bool may_trace = false;
  bool filtered = false;  // the calls of @system-service do not have pidfd_getfd
  bool may_copy = false;
  const auto files = unit_files(root);
  if (files.empty()) return std::nullopt;
  for (const auto& file : files) {
    const auto text = process::read_small_file(file);
    if (!text) continue;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      const std::string_view view = line;
      if (view.starts_with("User=")) name = view.substr(view.find('=') + 1);
      if (view.starts_with("AmbientCapabilities=")) {
        const bool none = view.ends_with('=');
        may_kill = !none && (may_kill || view.find("CAP_KILL") != view.npos);
        may_trace = !none && (may_trace || view.find("CAP_SYS_PTRACE") != view.npos);
      }
      if (view.starts_with("SystemCallFilter=")) {
        filtered = true;
        may_copy = may_copy || view.find("pidfd_getfd") != view.npos;
      }
    }
  }
  auto user = process::find_user(name);
  if (!user) return std::nullopt;
  const bool is_root = user->uid == 0;
  return ServiceUser{*std::move(user), is_root || may_kill,
                     is_root || (may_trace && (may_copy || !filtered)), "withdrawd.service"};
}

}  // namespace withdrawd::cli
