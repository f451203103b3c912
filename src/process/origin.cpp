#include "process/origin.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "core/outcome.hpp"
#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

namespace fs = std::filesystem;

constexpr std::array names{"bgpd", "frr", "quagga"};
constexpr std::initializer_list<const char*> usual_pid_files{
    "/run/frr/bgpd.pid", "/var/run/frr/bgpd.pid", "/run/quagga/bgpd.pid",
    "/var/run/quagga/bgpd.pid"};
constexpr auto frr_script = "usr/lib/frr/frrinit.sh";

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

/// "frr@edge.service", "frr.service", ... that are started with the host, or are active: who starts
/// them by hand runs bgpd by them as well. An active one has a cgroup.
std::set<std::string> used_units(const fs::path& root) {
  std::set<std::string> found;
  const auto add_from = [&found](const fs::path& directory) {
    std::error_code failed;
    for (const auto& unit : fs::directory_iterator(directory, failed)) {
      if (unit.path().extension() == ".service") found.insert(unit.path().filename().string());
    }
  };
  const auto add_from_each = [&](const fs::path& directory, std::string_view extension) {
    std::error_code failed;
    for (const auto& one : fs::directory_iterator(directory, failed)) {
      if (one.path().extension() == extension) add_from(one.path());
    }
  };
  for (const auto* directory : {"etc/systemd/system", "run/systemd/system", "lib/systemd/system",
                                "usr/lib/systemd/system"}) {
    add_from_each(root / directory, ".wants");
    add_from_each(root / directory, ".requires");
  }
  for (const auto* tree : {"sys/fs/cgroup", "sys/fs/cgroup/systemd", "sys/fs/cgroup/unified"}) {
    add_from(root / tree / "system.slice");
    add_from_each(root / tree / "system.slice", ".slice");  // of frr@: system-frr.slice
  }
  return found;
}

bool is_program(const fs::path& file) {
  std::error_code failed;
  return fs::is_regular_file(file, failed) && ::access(file.c_str(), X_OK) == 0;
}

/// Under systemd, Debian's init scripts hand on to systemctl, those that ask for its functions: so
/// these start nothing of their own.
bool hands_on_to_systemd(const fs::path& root, const fs::path& script) {
  std::error_code failed;
  return fs::exists(root / "lib/lsb/init-functions.d/40-systemd", failed) &&
         read_small_file(script).value_or("").contains("/lib/lsb/init-functions");
}

/// `ends_with_us`: what is started from here.
std::optional<core::RestartCommand> scripted(const fs::path& root, const std::string& pathspace,
                                             bool ends_with_us) {
  if (pathspace.empty()) {
    for (const auto* name : names) {
      const auto script = root / "etc/init.d" / name;
      if (is_program(script) && (!ends_with_us || hands_on_to_systemd(root, script))) {
        return core::RestartCommand{script.string(), "restart"};
      }
    }
  }
  const auto script = root / frr_script;
  if (ends_with_us || !is_program(script)) return std::nullopt;
  core::RestartCommand command{script.string(), "restart"};
  if (!pathspace.empty()) command.push_back(pathspace);
  return command;
}

/// Do the host's own scripts start one like that? They name no files, or these.
bool is_the_hosts(const std::vector<std::string>& words) {
  const auto usual = [](const std::string& path, std::initializer_list<const char*> paths) {
    return path.empty() || std::ranges::find(paths, path) != paths.end();
  };
  return usual(option_of(words, 'f', "config_file"),
               {"/etc/frr/bgpd.conf", "/etc/frr/frr.conf", "/etc/quagga/bgpd.conf",
                "/etc/quagga/Quagga.conf"}) &&
         usual(option_of(words, 'i', "pid_file"), usual_pid_files) &&
         option_of(words, '\0', "vty_socket").empty();
}

bool belongs_to_root(const fs::path& program) {
  struct stat status{};
  return ::stat(program.c_str(), &status) == 0 && status.st_uid == 0;
}

std::string systemd_path(std::string_view cgroup) {
  std::string unified;
  while (!cgroup.empty()) {
    const auto line = cgroup.substr(0, cgroup.find('\n'));
    cgroup.remove_prefix(std::min(line.size() + 1, cgroup.size()));
    const auto path = line.find(":/");
    if (path == line.npos) continue;
    const auto within = line.substr(path + 1);
    // systemd's own tree, of the time before there was one for all. The kernel shows it also where
    // systemd does not use it, with all processes at its root.
    if (line.find(":name=systemd:") != line.npos && within != "/") return std::string(within);
    if (line.starts_with("0::")) unified = within;
  }
  return unified;
}

bool runs_systemd(const fs::path& root) {
  std::error_code failed;
  return fs::is_directory(root / "run/systemd/system", failed);
}

/// The service in which we are, and with which ends whatever is started from here: systemd ends all
/// that is in it. Empty: none. What cron started outlives cron's own (KillMode=process).
std::string ending_service(std::string_view our_cgroup, const fs::path& root) {
  const auto unit = runs_systemd(root) ? unit_of(our_cgroup, "") : "";
  const bool cron = unit == "cron.service" || unit == "crond.service" || unit == "cronie.service";
  return cron ? "" : unit;
}

std::string cgroup_of(pid_t pid) {
  return read_small_file(fmt::format("/proc/{}/cgroup", pid)).value_or("");
}

}  // namespace

std::string option_of(const std::vector<std::string>& words, char brief, std::string_view full) {
  std::string value;
  const std::string short_form{'-', brief};
  const std::string long_form = fmt::format("--{}", full);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == long_form || (brief && word == short_form)) {
      if (i + 1 < words.size()) value = words[++i];
    } else if (word.starts_with(long_form + "=")) {
      value = word.substr(long_form.size() + 1);
    } else if (brief && word.starts_with(short_form) && !word.starts_with("--")) {
      value = word.substr(short_form.size());
    }
  }
  return value;
}

bool writes_pid_file(const std::vector<std::string>& words, const fs::path& file) {
  const auto named = option_of(words, 'i', "pid_file");
  if (!named.empty()) return named == file;
  if (const auto space = option_of(words, 'N', "pathspace"); !space.empty()) {
    return file == "/run/frr/" + space + "/bgpd.pid" ||
           file == "/var/run/frr/" + space + "/bgpd.pid";
  }
  return std::ranges::find(usual_pid_files, file.string()) != usual_pid_files.end();
}

std::string unit_of(std::string_view cgroup, std::string_view our_cgroup) {
  const std::string path = systemd_path(cgroup);
  // The innermost would be a container's own; of the system's manager is the outermost.
  for (const fs::path& part : fs::path(path)) {
    const auto name = part.string();
    if (name.ends_with(".scope") || name.starts_with("user@")) return "";
    if (name.ends_with(".service")) {
      const auto ours = systemd_path(our_cgroup);
      const auto in_ours = fs::path(ours);
      return std::ranges::find(in_ours, part) == in_ours.end() ? name : "";
    }
  }
  return "";
}

Running running(pid_t pid) {
  Running bgpd{.words = command_line(pid), .program = program_of(pid), .cgroup = cgroup_of(pid)};
  const auto entry = read_proc_entry(pid);
  bgpd.foreign = !entry || !*entry || !(*entry)->ours || network_of(pid) != network_of(::getpid());
  return bgpd;
}

Origin origin_of(const Running& bgpd, std::string_view our_cgroup, const fs::path& root) {
  Origin origin;
  if (runs_systemd(root)) origin.unit = unit_of(bgpd.cgroup, our_cgroup);
  if (!origin.unit.empty()) {
    origin.restart = {"systemctl", "restart", origin.unit};
    return origin;
  }
  if (bgpd.foreign) {
    origin.unknown = "it is in other namespaces and in no systemd service of this host";
    return origin;
  }
  const auto ours = ending_service(our_cgroup, root);
  if (is_the_hosts(bgpd.words)) {
    const auto pathspace = option_of(bgpd.words, 'N', "pathspace");
    if (auto command = scripted(root, pathspace, !ours.empty())) {
      origin.restart = std::move(*command);
      return origin;
    }
  }
  const bool background =
      !bgpd.words.empty() && std::ranges::any_of(bgpd.words, [](const std::string& word) {
        return word == "-d" || word == "--daemon";
      });
  if (background && ours.empty() && belongs_to_root(bgpd.program)) {
    origin.restart = bgpd.words;
    origin.restart.front() = bgpd.program.string();
    return origin;
  }
  origin.unknown =
      fmt::format("it is in no systemd service, and {}",
                  !background    ? "does not go to the background itself"
                  : ours.empty() ? "which program it runs is not known"
                                 : fmt::format("started from {} it would end with that", ours));
  return origin;
}

Origin origin_of(pid_t pid, pid_t starter) {
  return origin_of(running(pid), cgroup_of(starter));
}

std::string describe(pid_t pid) {
  const auto bgpd = running(pid);
  std::string text = fmt::format("pid {}", pid);
  if (const auto unit = unit_of(bgpd.cgroup, ""); !unit.empty()) text += ", " + unit;
  if (network_of(pid) != network_of(::getpid())) text += ", in another network namespace";
  text += fmt::format(", {}", fmt::join(bgpd.words, " "));
  return core::printable(text, 160);
}

bool restarts_a_service(const core::RestartCommand& command) {
  if (command.size() < 2 || command.size() > 3 || command[1] != "restart") return false;
  const bool systemd = command[0] == "systemctl";
  const bool script = command[0] == fs::path("/") / frr_script ||
                      std::ranges::any_of(names, [&command](const std::string& name) {
                        return command[0] == "/etc/init.d/" + name;
                      });
  if (!systemd && !script) return false;
  if (command.size() == 2) return script;
  const auto& name = command[2];
  constexpr auto letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@:_.\\-";
  return !name.empty() && name.front() != '-' && name.find_first_not_of(letters) == name.npos &&
         name.ends_with(".service") == systemd;
}

core::Result<core::RestartCommand> default_restart(std::string_view our_cgroup,
                                                   const fs::path& root, Units units) {
  if (runs_systemd(root)) {
    const auto used = used_units(root);
    std::string unused;
    for (const std::string name : names) {
      const auto unit = name + ".service";
      if (!has_unit(root, unit)) continue;
      if (used.contains(unit)) return core::RestartCommand{"systemctl", "restart", unit};
      if (unused.empty()) unused = unit;
    }
    std::vector<std::string> instances;
    std::ranges::copy_if(used, std::back_inserter(instances), [](const std::string& unit) {
      return unit.starts_with("frr@") && unit != "frr@.service";
    });
    if (instances.size() == 1) {
      return core::RestartCommand{"systemctl", "restart", instances.front()};
    }
    if (instances.size() > 1) {
      return std::unexpected(
          core::Error{"find out how bgpd is restarted",
                      fmt::format("several services run one: {}", fmt::join(instances, ", ")),
                      "set `restart` under [bgpd] in the configuration"});
    }
    // What it would start may be another bgpd than the one that is meant, from another file.
    if (!unused.empty() && units == Units::installed) {
      return core::RestartCommand{"systemctl", "restart", unused};
    }
    if (!unused.empty()) {
      return std::unexpected(
          core::Error{"find out how bgpd is restarted",
                      unused + " is installed, but neither enabled nor active",
                      "set `restart` under [bgpd] in the configuration, or enable that"});
    }
  }
  const auto ours = ending_service(our_cgroup, root);
  if (auto command = scripted(root, "", !ours.empty())) return std::move(*command);
  const bool would_end = !ours.empty() && scripted(root, "", false);
  return std::unexpected(core::Error{
      "find out how bgpd is restarted",
      would_end
          ? fmt::format("this host has no systemd unit named bgpd, frr or quagga, and what its "
                        "script starts from {} ends with that",
                        ours)
          : "this host has neither a systemd unit nor an init script named bgpd, frr or quagga",
      "set `restart` under [bgpd] in the configuration"});
}

core::Result<core::RestartCommand> default_restart(pid_t starter, Units units) {
  return default_restart(cgroup_of(starter), "/", units);
}

}  // namespace withdrawd::process
