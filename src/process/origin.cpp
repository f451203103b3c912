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

/// "frr@edge.service", "frr.service", ... as far as they are started with the host.
std::set<std::string> enabled_units(const fs::path& root) {
  std::set<std::string> found;
  std::error_code failed;
  for (const auto& wants : fs::directory_iterator(root / "etc/systemd/system", failed)) {
    if (wants.path().extension() != ".wants") continue;
    std::error_code ignored;
    for (const auto& unit : fs::directory_iterator(wants.path(), ignored)) {
      found.insert(unit.path().filename().string());
    }
  }
  return found;
}

bool is_program(const fs::path& file) {
  std::error_code failed;
  return fs::is_regular_file(file, failed) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<core::RestartCommand> init_script(const fs::path& root) {
  for (const auto* name : names) {
    const auto script = root / "etc/init.d" / name;
    if (is_program(script)) return core::RestartCommand{script.string(), "restart"};
  }
  return std::nullopt;
}

std::optional<core::RestartCommand> scripted(const fs::path& root, const std::string& pathspace) {
  if (pathspace.empty()) {
    if (auto script = init_script(root)) return script;
  }
  const auto script = root / frr_script;
  if (!is_program(script)) return std::nullopt;
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
    // systemd's own tree, of the time before there was one for all.
    if (line.find(":name=systemd:") != line.npos) return std::string(line.substr(path + 1));
    if (line.starts_with("0::")) unified = line.substr(path + 1);
  }
  return unified;
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
  Running bgpd{
      .pid = pid, .words = command_line(pid), .program = program_of(pid), .cgroup = cgroup_of(pid)};
  const auto entry = read_proc_entry(pid);
  bgpd.foreign = !entry || !*entry || !(*entry)->ours || network_of(pid) != network_of(::getpid());
  return bgpd;
}

Origin origin_of(const Running& bgpd, std::string_view our_cgroup, const fs::path& root) {
  Origin origin;
  origin.pathspace = option_of(bgpd.words, 'N', "pathspace");
  std::error_code failed;
  if (fs::is_directory(root / "run/systemd/system", failed)) {
    origin.unit = unit_of(bgpd.cgroup, our_cgroup);
  }
  if (!origin.unit.empty()) {
    origin.restart = {"systemctl", "restart", origin.unit};
    return origin;
  }
  if (bgpd.foreign) {
    origin.unknown = "it is in other namespaces and in no systemd service of this host";
    return origin;
  }
  if (is_the_hosts(bgpd.words)) {
    if (auto command = scripted(root, origin.pathspace)) {
      origin.restart = std::move(*command);
      return origin;
    }
  }
  const bool background =
      !bgpd.words.empty() && std::ranges::any_of(bgpd.words, [](const std::string& word) {
        return word == "-d" || word == "--daemon";
      });
  if (background && belongs_to_root(bgpd.program)) {
    origin.restart = bgpd.words;
    origin.restart.front() = bgpd.program.string();
    return origin;
  }
  origin.unknown = background
                       ? "it is in no systemd service, and which program it runs is not known"
                       : "it is in no systemd service, and does not go to the background itself";
  return origin;
}

Origin origin_of(pid_t pid) {
  return origin_of(running(pid), cgroup_of(::getpid()));
}

std::string describe(pid_t pid) {
  const auto bgpd = running(pid);
  std::string text = fmt::format("pid {}", pid);
  if (const auto unit = unit_of(bgpd.cgroup, ""); !unit.empty()) text += ", " + unit;
  if (network_of(pid) != network_of(::getpid())) text += ", in another network namespace";
  text += fmt::format(", {}", fmt::join(bgpd.words, " "));
  return core::printable(text, 160);
}

core::Result<core::RestartCommand> default_restart(const fs::path& root) {
  std::error_code failed;
  if (fs::is_directory(root / "run/systemd/system", failed)) {
    const auto enabled = enabled_units(root);
    std::vector<std::string> instances;
    std::ranges::copy_if(enabled, std::back_inserter(instances), [](const std::string& unit) {
      return unit.starts_with("frr@") && unit.ends_with(".service") && unit != "frr@.service";
    });
    for (const std::string name : names) {
      const auto unit = name + ".service";
      if (!has_unit(root, unit)) continue;
      // Not enabled beside another that is: it is not how bgpd is run here.
      if (!enabled.contains(unit) && !instances.empty()) continue;
      return core::RestartCommand{"systemctl", "restart", unit};
    }
    if (instances.size() == 1) {
      return core::RestartCommand{"systemctl", "restart", instances.front()};
    }
    if (instances.size() > 1) {
      return std::unexpected(
          core::Error{"find out how bgpd is restarted",
                      fmt::format("several services run one: {}", fmt::join(instances, ", ")),
                      "set `restart` under [bgpd] in the configuration"});
    }
  }
  if (auto command = scripted(root, "")) return std::move(*command);
  return std::unexpected(core::Error{
      "find out how bgpd is restarted",
      "this host has neither a systemd unit nor an init script named bgpd, frr or quagga",
      "set `restart` under [bgpd] in the configuration"});
}

}  // namespace withdrawd::process
