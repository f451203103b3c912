#include "cli/service_user.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "process/proc_entry.hpp"

namespace withdrawd::cli {
namespace fs = std::filesystem;
namespace {

// linux/capability.h
constexpr unsigned cap_kill = 5;
constexpr unsigned cap_sys_ptrace = 19;

bool has_capability(std::string_view status, unsigned number) {
  std::uint64_t set = 0;
  const auto text = process::status_value(status, "CapEff");
  std::from_chars(text.data(), text.data() + text.size(), set, 16);
  return (set >> number & 1) != 0;
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

struct Unit {
  std::string user = "root";
  bool may_kill = false;
  bool may_trace = false;
  bool lets_copy = true;  ///< pidfd_getfd(2), which is not among the calls of @system-service
};

/// None: there is none.
std::optional<Unit> read_unit(const fs::path& root) {
  const auto files = unit_files(root);
  if (files.empty()) return std::nullopt;
  Unit unit;
  bool filtered = false;
  for (const auto& file : files) {
    std::istringstream lines(process::read_small_file(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      const std::string_view view = line;
      if (view.starts_with("User=")) unit.user = view.substr(view.find('=') + 1);
      if (view.starts_with("AmbientCapabilities=")) {
        const bool none = view.ends_with('=');
        unit.may_kill = !none && (unit.may_kill || view.contains("CAP_KILL"));
        unit.may_trace = !none && (unit.may_trace || view.contains("CAP_SYS_PTRACE"));
      }
      if (view.starts_with("SystemCallFilter=")) {
        const bool was_filtered = std::exchange(filtered, true);
        unit.lets_copy = (was_filtered && unit.lets_copy) || view.contains("pidfd_getfd");
      }
    }
  }
  return unit;
}

}  // namespace

std::optional<ServiceUser> find_service_user(pid_t daemon, const fs::path& root) {
  const auto unit = read_unit(root);
  if (daemon > 0) {
    auto user = process::user_of(daemon);
    const auto status = process::read_small_file(fmt::format("/proc/{}/status", daemon));
    if (!user || !status) return std::nullopt;
    // Whether it has a filter the kernel says, but not which one.
    const bool filtered = process::status_value(*status, "Seccomp") == "2";
    return ServiceUser{
        *std::move(user), has_capability(*status, cap_kill),
        has_capability(*status, cap_sys_ptrace) && (!filtered || !unit || unit->lets_copy),
        fmt::format("the daemon, pid {}", daemon)};
  }
  if (!unit) return std::nullopt;
  auto user = process::find_user(unit->user);
  if (!user) return std::nullopt;
  const bool is_root = user->uid == 0;
  return ServiceUser{*std::move(user), is_root || unit->may_kill,
                     (is_root || unit->may_trace) && unit->lets_copy, "withdrawd.service"};
}

}  // namespace withdrawd::cli
