#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "checks/ask.hpp"
#include "cli/doctor_facts.hpp"
#include "cli/service_user.hpp"
#include "daemon/control_socket.hpp"
#include "files/regular_file.hpp"
#include "process/bgpd_process.hpp"
#include "process/proc_entry.hpp"
#include "vty/local_listener.hpp"
#include "vty/neighbors.hpp"
#include "vty/running_config.hpp"
#include "vty/socket_transport.hpp"
#include "vty/telnet_transport.hpp"
#include "vty/vtysh_transport.hpp"

namespace withdrawd::cli {
namespace {

/// Far more than any configuration of bgpd or cron.
constexpr std::size_t longest_file = std::size_t{64} * 1024 * 1024;

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// 0, or why not.
int access_problem(const fs::path& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

// The user.

std::string user_name() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const auto* entry = ::getpwuid(::geteuid());
  return entry ? entry->pw_name : std::to_string(::geteuid());
}

UserFacts user_facts(const config::Config& config, const std::string& known_by) {
  UserFacts user{.name = user_name(), .known_by = known_by, .root = ::geteuid() == 0};
  struct stat status{};
  const auto folder = config.state_file.parent_path();
  const bool owner = ::stat(folder.c_str(), &status) == 0 && status.st_uid == ::geteuid();
  user.acts = user.root || owner || !known_by.empty();
  return user;
}

bool has_group(gid_t group) {
  if (::getegid() == group) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  if (groups.empty()) return false;
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return std::find(groups.begin(), groups.begin() + std::max(count, 0), group) !=
         groups.begin() + std::max(count, 0);
}

bool listed_in(const struct group& group, const std::string& user) {
  for (char** member = group.gr_mem; *member; ++member) {
    if (user == *member) return true;
  }
  return false;
}

// bgpd's socket.

SocketFacts socket_facts(const config::Config& config) {
  SocketFacts socket;
  socket.path = config.access.socket;
  if (socket.path.empty()) {
    for (const auto* folder : {"/run/frr", "/var/run/frr", "/run/quagga", "/var/run/quagga"}) {
      struct stat status{};
      if (::lstat((fs::path(folder) / "bgpd.vty").c_str(), &status) != 0 && errno == ENOENT)
        continue;
      socket.path = fs::path(folder) / "bgpd.vty";
      break;
    }
  }
  if (socket.path.empty()) return socket;
  fs::path above;
  for (const auto& part : socket.path.parent_path()) {
    above /= part;
    if (socket.barred_by.empty() && access_problem(above, X_OK) == EACCES) {
      socket.barred_by = above.string();
    }
  }
  struct stat status{};
  const bool seen = ::stat(socket.path.c_str(), &status) == 0;
  socket.is_socket = seen && S_ISSOCK(status.st_mode);
  socket.reaches = access_problem(socket.path, R_OK | W_OK) == 0;
  // A folder that only a group may enter says as well which one it is.
  constexpr mode_t use = S_IRGRP | S_IWGRP;
  bool usable_by_group = seen && (status.st_mode & use) == use;
  if (!seen && !socket.barred_by.empty() && ::stat(socket.barred_by.c_str(), &status) == 0) {
    usable_by_group = (status.st_mode & S_IXGRP) != 0;
  }
  if (usable_by_group && status.st_gid != 0) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    if (const auto* group = ::getgrgid(status.st_gid)) {
      socket.group = group->gr_name;
      socket.listed_in_group = listed_in(*group, user_name());
      socket.in_group = has_group(status.st_gid);
    }
  }
  return socket;
}

// Questions to bgpd and to the checks.

struct Way {
  std::unique_ptr<vty::Transport> transport;
  TransportFacts facts;
  std::string config_text;
  std::vector<vty::Reply> replies;
};

/// Shared with the coroutines, some of which may outlive the wait for them.
struct Inquiry {
  explicit Inquiry(asio::io_context& context) : io(context) {}

  /// The kept connections would keep it running.
  void one_done() {
    if (--unanswered == 0) io.stop();
  }
  template <class Question>
  void begin(Question question) {
    ++unanswered;
    asio::co_spawn(io, std::move(question), asio::detached);
  }
  /// Until all is answered, or time is up.
  void wait(core::Duration limit) {
    if (unanswered == 0) return;
    io.restart();
    io.run_for(limit);
  }

  asio::io_context& io;
  std::size_t unanswered = 0;
  std::vector<Way> ways;
  std::vector<CheckFacts> checks;
};

/// Of a coroutine, however it ends.
class Done {
 public:
  explicit Done(std::shared_ptr<Inquiry> inquiry) : inquiry_(std::move(inquiry)) {}
  ~Done() { inquiry_->one_done(); }
  Done(const Done&) = delete;
  Done& operator=(const Done&) = delete;

 private:
  std::shared_ptr<Inquiry> inquiry_;
};

asio::awaitable<void> try_way(std::shared_ptr<Inquiry> inquiry, std::size_t index) {
  const Done done(inquiry);
  auto& way = inquiry->ways[index];
  const auto begun = Clock::now();
  std::vector<std::string> commands{"show running-config"};
  auto replies = co_await way.transport->show(std::move(commands));
  way.facts.took = Clock::now() - begun;
  if (!replies) {
    way.facts.failure = std::move(replies.error());
    co_return;
  }
  const auto text = replies->empty() ? "" : replies->front().text;
  auto config = vty::read_running_config(text);
  if (!config) {
    way.facts.failure = core::Failure{core::Trouble::refused, std::move(config.error())};
    co_return;
  }
  for (const auto& instance : config->instances) {
    way.facts.statements[instance.key] = instance.networks.size();
  }
  way.config_text = text;
  way.facts.text = way.transport->text();
  way.facts.failure.reset();
}

asio::awaitable<void> look_up(std::shared_ptr<Inquiry> inquiry, std::size_t index,
                              std::vector<std::string> commands) {
  const Done done(inquiry);
  auto& way = inquiry->ways[index];
  auto replies = co_await way.transport->show(std::move(commands));
  if (replies) way.replies = std::move(*replies);
}

asio::awaitable<void> ask(std::shared_ptr<Inquiry> inquiry, std::size_t index, core::Probe probe) {
  const Done done(inquiry);
  auto outcome = co_await checks::ask(std::move(probe));
  inquiry->checks[index].outcome = std::move(outcome);
}

asio::awaitable<void> ask_at(std::shared_ptr<Inquiry> inquiry, std::size_t index,
                             core::DnsQuestion question) {
  const Done done(inquiry);
  const auto address = question.server.address;
  core::Probe probe(std::move(question));
  auto outcome = co_await checks::ask(std::move(probe));
  inquiry->checks[index].at_service_addresses.emplace_back(address, std::move(outcome));
}

/// The addresses of this host that belong to prefixes of rules with this check, unless the check
/// asks one of them already.
std::set<core::Address> service_addresses(const core::Settings& settings, std::size_t check,
                                          const std::vector<LocalAddress>& local) {
  constexpr std::size_t enough = 8;
  const auto* dns = std::get_if<core::DnsQuestion>(&settings.checks[check].probe);
  std::set<core::Address> found;
  if (!dns) return found;
  for (const auto& rule : settings.rules) {
    if (std::ranges::find(rule.checks, check) == rule.checks.end()) continue;
    for (const auto& prefix : rule.prefixes) {
      for (const auto& one : local) {
        const auto host = core::Prefix::containing(one.address, one.address.bits());
        if (host.family() != prefix.family() || !prefix.contains(host)) continue;
        if (one.address == dns->server.address) return {};
        if (found.size() < enough) found.insert(one.address);
      }
    }
  }
  return found;
}

void begin_checks(const std::shared_ptr<Inquiry>& inquiry, const core::Settings& settings,
                  const std::vector<LocalAddress>& local) {
  inquiry->checks.resize(settings.checks.size());
  for (std::size_t i = 0; i < settings.checks.size(); ++i) {
    inquiry->begin(ask(inquiry, i, settings.checks[i].probe));
    for (const auto& address : service_addresses(settings, i, local)) {
      auto question = std::get<core::DnsQuestion>(settings.checks[i].probe);
      question.server.address = address;
      question.interface.clear();
      question.source.reset();
      inquiry->begin(ask_at(inquiry, i, std::move(question)));
    }
  }
}

std::string listener_text(const core::BgpdAccess& access) {
  const auto listener = vty::listener_at(vty::telnet_endpoint(access), access);
  if (listener.kind == vty::Listener::Kind::trusted) return listener.who + " listens there";
  if (listener.kind != vty::Listener::Kind::elsewhere) return "";
  return "on another host: who listens there cannot be known, and passwords go over the network";
}

void begin_ways(const std::shared_ptr<Inquiry>& inquiry, const core::BgpdAccess& access) {
  for (const auto kind : access.transports) {
    Way way;
    switch (kind) {
      case core::TransportKind::socket:
        way.transport =
            std::make_unique<vty::SocketTransport>(inquiry->io.get_executor(), access, nullptr);
        break;
      case core::TransportKind::vtysh:
        way.transport = std::make_unique<vty::VtyshTransport>(inquiry->io.get_executor(), access);
        break;
      case core::TransportKind::telnet:
        way.transport =
            std::make_unique<vty::TelnetTransport>(inquiry->io.get_executor(), access, nullptr);
        way.facts.listener = listener_text(access);
        break;
    }
    way.facts.kind = kind;
    way.facts.text = way.transport->text();
    way.facts.failure =
        core::Failure{core::Trouble::silent, {"", "no answer when doctor's time was up", ""}};
    inquiry->ways.push_back(std::move(way));
  }
  for (std::size_t i = 0; i < inquiry->ways.size(); ++i) {
    inquiry->begin(try_way(inquiry, i));
  }
}

std::vector<PrefixFacts> prefixes_of(const core::Settings& settings,
                                     const core::RunningConfig& config) {
  std::vector<PrefixFacts> all;
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    const auto instance = core::choose_instance(config, settings.rules[i].instance);
    for (const auto& prefix : settings.rules[i].prefixes) {
      all.push_back({.rule = i,
                     .prefix = prefix,
                     .instance = instance ? std::optional((*instance)->key) : std::nullopt});
    }
  }
  return all;
}

/// Through the first way that works.
std::optional<BgpdFacts> ask_bgpd(const std::shared_ptr<Inquiry>& inquiry,
                                  const core::Settings& settings, core::Duration limit) {
  const auto way = std::ranges::find_if(
      inquiry->ways, [](const Way& one) { return !one.facts.failure.has_value(); });
  if (way == inquiry->ways.end()) return std::nullopt;
  auto config = vty::read_running_config(way->config_text);
  if (!config) return std::nullopt;
  BgpdFacts bgpd{std::move(*config), vty::read_survey(way->config_text), {}};
  bgpd.prefixes = prefixes_of(settings, bgpd.config);
  std::vector<PrefixFacts*> asked;
  std::vector<std::string> commands;
  for (auto& prefix : bgpd.prefixes) {
    if (!prefix.instance) continue;
    asked.push_back(&prefix);
    commands.push_back(vty::show_command(prefix.prefix, *prefix.instance));
  }
  const auto index = static_cast<std::size_t>(way - inquiry->ways.begin());
  commands.emplace_back("show version");
  if (bgpd.config.graceful_restart) commands.emplace_back("show ip bgp neighbors");
  inquiry->begin(look_up(inquiry, index, std::move(commands)));
  inquiry->wait(limit);
  const auto& replies = inquiry->ways[index].replies;
  for (std::size_t i = 0; i < std::min(asked.size(), replies.size()); ++i) {
    const auto entry = vty::read_table_entry(replies[i].text);
    if (!entry) continue;
    asked[i]->answered = true;
    asked[i]->in_table = entry->sourced_locally();
    asked[i]->sources = entry->sources;
    asked[i]->advertised_to = entry->advertised_to;
    asked[i]->other = entry->other;
  }
  if (replies.size() > asked.size()) bgpd.release = vty::read_release(replies[asked.size()].text);
  if (replies.size() > asked.size() + 1) {
    bgpd.neighbors = vty::read_neighbors(replies.back().text);
  }
  return bgpd;
}

// This host.

std::vector<LocalAddress> local_addresses() {
  std::vector<LocalAddress> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const auto* one = list; one; one = one->ifa_next) {
    if (!one->ifa_addr || !one->ifa_netmask) continue;
    std::array<std::uint8_t, 16> bytes{}, mask{};
    const auto family = one->ifa_addr->sa_family;
    if (family == AF_INET) {
      sockaddr_in address{}, netmask{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      std::memcpy(&netmask, one->ifa_netmask, sizeof netmask);
      std::memcpy(bytes.data(), &address.sin_addr, 4);
      std::memcpy(mask.data(), &netmask.sin_addr, 4);
    } else if (family == AF_INET6) {
      sockaddr_in6 address{}, netmask{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      std::memcpy(&netmask, one->ifa_netmask, sizeof netmask);
      std::memcpy(bytes.data(), &address.sin6_addr, 16);
      std::memcpy(mask.data(), &netmask.sin6_addr, 16);
    } else {
      continue;
    }
    int length = 0;
    for (const auto byte : mask) length += std::popcount(byte);
    found.push_back(
        {core::Address(family == AF_INET ? core::Family::ipv4 : core::Family::ipv6, bytes), length,
         one->ifa_name});
  }
  ::freeifaddrs(list);
  return found;
}

bool in_path(const std::string& program) {
  if (program.find('/') != program.npos) return access_problem(program, X_OK) == 0;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::istringstream folders(path ? path : "/usr/bin:/bin:/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access_problem(fs::path(folder) / program, X_OK) == 0) return true;
  }
  return false;
}

/// `withdrawd`: who would start bgpd again.
ProcessFacts process_facts(const config::Config& config, pid_t withdrawd) {
  ProcessFacts facts;
  facts.restart = config.process.restart;
  process::Evidence known;
  for (const auto& place : vty::socket_places(config.access)) known.sockets.emplace_back(place);
  const auto without_peer = process::find(config.process, known);
  if (config.settings.mode == core::Mode::soft) {
    known.peer = process::look_for_peer(vty::talking_sockets(config.access));
  }
  const auto found = process::find(config.process, known);
  if (!found) {
    facts.hidden = found.error();
  } else if (*found) {
    const pid_t pid = (*found)->pid;
    facts.pid = pid;
    facts.known_by = process::name((*found)->known_by);
    facts.text = process::describe(pid);
    facts.may_signal = ::kill(pid, 0) == 0;
    if (!config.process.pid_file.empty() &&
        (!without_peer || !*without_peer || (*without_peer)->pid != pid)) {
      facts.denied = fmt::format("{} does not name it", config.process.pid_file.string());
    }
    auto origin = process::origin_of(pid, withdrawd);
    facts.unit = std::move(origin.unit);
    if (facts.restart.empty()) facts.restart = std::move(origin.restart);
    if (facts.restart.empty()) {
      facts.restart_problem = "nobody knows what starts this one: " + origin.unknown;
      return facts;
    }
  }
  if (facts.restart.empty()) {
    auto usual = process::default_restart(withdrawd);
    if (!usual) {
      facts.restart_problem = usual.error().happened;
      return facts;
    }
    facts.restart = std::move(*usual);
  }
  if (!in_path(facts.restart.front())) {
    facts.restart_problem =
        fmt::format("{} is no program that can be run", core::printable(facts.restart.front(), 80));
  }
  return facts;
}

struct Process {
  pid_t pid;
  std::string name;
};

std::vector<Process> processes() {
  std::vector<Process> found;
  const auto all = process::all_processes();
  if (!all) return found;
  for (const auto pid : *all) {
    const auto entry = process::read_proc_entry(pid);
    if (entry && *entry && (*entry)->alive && (*entry)->ours)
      found.push_back({pid, (*entry)->name});
  }
  return found;
}

std::vector<WatcherFacts> watcher_facts(const std::vector<Process>& all, const std::string& bgpd) {
  std::vector<WatcherFacts> found;
  for (const auto& [pid, name] : all) {
    if (name != "watchfrr" && name != "watchquagga") continue;
    const auto words = process::command_line(pid);
    found.push_back({name, pid, std::ranges::find(words, bgpd) != words.end()});
  }
  return found;
}

/// What bgpd reads when it starts: named by its command line, in its pathspace and its namespace.
std::vector<StartFileFacts> start_files(std::optional<pid_t> pid) {
  std::vector<fs::path> candidates;
  if (pid) {
    const auto bgpd = process::running(*pid);
    const auto space = process::option_of(bgpd.words, 'N', "pathspace");
    if (const auto file = process::option_of(bgpd.words, 'f', "config_file"); !file.empty()) {
      candidates.emplace_back(file);
    } else if (!space.empty()) {
      for (const auto* name : {"frr.conf", "bgpd.conf"}) {
        const auto path = fs::path("/etc/frr") / space / name;
        if (access_problem(path, F_OK) == 0) candidates.push_back(path);
      }
    }
    if (bgpd.foreign) {
      for (auto& path : candidates) {
        path = fs::path(fmt::format("/proc/{}/root", *pid)) / path.relative_path();
      }
    }
  }
  const bool named = !candidates.empty();
  if (!named) {
    candidates = {"/etc/frr/frr.conf", "/etc/frr/bgpd.conf", "/etc/quagga/Quagga.conf",
                  "/etc/quagga/bgpd.conf"};
  }
  std::vector<StartFileFacts> found;
  for (const auto& path : candidates) {
    const int problem = access_problem(path, R_OK);
    if (problem == ENOENT && !named) continue;
    if (problem != 0) {
      found.push_back({path, core::errno_text(problem)});
      continue;
    }
    const auto text = files::read(path, longest_file);
    if (!text) {
      found.push_back({path, text.error().happened});
      continue;
    }
    auto survey = vty::read_survey(*text);
    if (named || !survey.instances.empty()) found.push_back({path, "", std::move(survey)});
  }
  return found;
}

/// Who holds the flock on it, as the kernel says; 0: held by somebody outside of our view.
std::optional<pid_t> lock_holder(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  const auto wanted = fmt::format("{:02x}:{:02x}:{}", ::major(status.st_dev),
                                  ::minor(status.st_dev), status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, manner, access, place;
    pid_t pid = 0;
    words >> number >> kind >> manner >> access >> pid >> place;
    if (kind == "FLOCK" && place == wanted) return pid;
  }
  return std::nullopt;
}

/// "/etc/cron.d/withdrawd:3"
void find_cron_lines(const fs::path& file, std::vector<std::string>& found) {
  std::istringstream text(files::read(file, longest_file).value_or(""));
  unsigned number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    const auto start = line.find_first_not_of(" \t");
    if (start == line.npos || line[start] == '#') continue;
    const auto program = line.find("withdrawd");
    if (program == line.npos || line.find(" cron", program) == line.npos) continue;
    found.push_back(fmt::format("{}:{}", file.string(), number));
  }
}

void find_cron_entries(RunnerFacts& facts) {
  find_cron_lines("/etc/crontab", facts.cron_entries);
  for (const auto* folder : {"/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron"}) {
    std::error_code failed;
    fs::directory_iterator entry(folder, failed);
    if (failed == std::errc::permission_denied) facts.crontabs_hidden = true;
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored)) find_cron_lines(entry->path(), facts.cron_entries);
    }
  }
}

/// Do both reach the same bgpd, as far as the configurations say?
bool same_bgpd(const core::BgpdAccess& one, const core::BgpdAccess& other) {
  return one.socket == other.socket && one.vtysh_socket_dir == other.vtysh_socket_dir &&
         one.telnet == other.telnet;
}

std::vector<std::string> rivals(const config::Config& config, const std::vector<Process>& all,
                                pid_t holder) {
  std::vector<std::string> found;
  for (const auto& [pid, name] : all) {
    if (name != "withdrawd" || pid == holder) continue;
    const auto words = process::command_line(pid);
    if (words.size() < 2 || (words[1] != "run" && words[1] != "cron")) continue;
    fs::path file = process::option_of(words, 'c', "config");
    if (file.empty()) file = "/etc/withdrawd/withdrawd.toml";
    if (file.is_relative()) file = fmt::format("/proc/{}/cwd", pid) / file;
    const auto theirs = config::load(file);
    if (!theirs || theirs->config.lock_file == config.lock_file) continue;
    if (!same_bgpd(theirs->config.access, config.access)) continue;
    found.push_back(
        fmt::format("`withdrawd {}` (pid {}, {})", words[1], pid, core::printable(file.string())));
  }
  return found;
}

RunnerFacts runner_facts(const config::Config& config, const std::vector<Process>& all) {
  RunnerFacts facts;
  if (const auto holder = lock_holder(config.lock_file)) {
    facts.lock_held = true;
    std::istringstream note(files::read(config.lock_file, 4096).value_or(""));
    std::string mode;
    note >> mode >> facts.pid;
    facts.mode = core::printable(mode, 20);
    if (*holder > 0) facts.pid = *holder;
    const auto answer = daemon::ask_control(config.control_socket, "status");
    facts.control_answers = answer.has_value();
    if (!answer) facts.control_problem = answer.error().happened;
  }
  find_cron_entries(facts);
  for (const auto* wants : {"/etc/systemd/system/multi-user.target.wants",
                            "/etc/systemd/system/default.target.wants"}) {
    std::error_code failed;
    if (fs::is_symlink(fs::path(wants) / "withdrawd.service", failed)) facts.unit_enabled = true;
  }
  facts.rivals = rivals(config, all, facts.pid);
  return facts;
}

/// Could a file be made or replaced there? Missing folders are made by whoever writes.
PlaceFacts place_of(std::string key, const fs::path& path) {
  PlaceFacts place{.key = std::move(key), .path = path};
  std::error_code failed;
  for (auto folder = fs::absolute(path, failed).parent_path();; folder = folder.parent_path()) {
    struct stat status{};
    int problem = 0;
    if (::stat(folder.c_str(), &status) != 0) {
      if (errno == ENOENT && folder != folder.parent_path()) continue;
      problem = errno;
    } else if (S_ISDIR(status.st_mode)) {
      problem = access_problem(folder, W_OK | X_OK);
    } else {
      place.problem = folder.string() + " is no folder";
    }
    if (problem != 0) {
      place.problem = fmt::format("{}: {}", folder.string(), core::errno_text(problem));
    }
    place.not_permitted = problem == EACCES || problem == EPERM;
    return place;
  }
}

std::vector<PlaceFacts> place_facts(const config::Config& config) {
  const std::pair<std::string, fs::path> all[] = {
      {"state_file", config.state_file},         {"lock_file", config.lock_file},
      {"control_socket", config.control_socket}, {"history_file", config.history_file},
      {"file under [log]", config.log_file},     {"file under [metrics]", config.metrics.file}};
  std::vector<PlaceFacts> facts;
  for (const auto& [key, path] : all) {
    if (path.empty()) continue;
    facts.push_back(place_of(key, path));
    // Those that are replaced need only their folder.
    const bool replaced =
        path == config.state_file || path == config.control_socket || path == config.metrics.file;
    if (const int problem = access_problem(path, W_OK);
        !replaced && facts.back().problem.empty() && problem != 0 && problem != ENOENT) {
      facts.back().problem = core::errno_text(problem);
      facts.back().itself = true;
    }
  }
  return facts;
}

void clock_facts(const config::Config& config, Facts& facts) {
  constexpr std::time_t written = 1'763'000'000;  // November 2025
  constexpr std::time_t tolerance = 60;
  const auto now = std::time(nullptr);
  facts.clock_unset = now < written;
  struct stat status{};
  facts.clock_behind =
      ::stat(config.state_file.c_str(), &status) == 0 && status.st_mtime > now + tolerance;
  timex state{};
  facts.clock_unsynchronised = ::adjtimex(&state) == TIME_ERROR;
}

}  // namespace

Facts gather_facts(const config::Config& config, core::Duration limit) {
  Facts facts;
  // What root may do says nothing of what a service may do that runs as somebody else.
  std::optional<ServiceUser> service;
  std::optional<process::ActingUser> acting;
  const auto daemon = lock_holder(config.lock_file);
  if (::geteuid() == 0) {
    service = find_service_user(daemon.value_or(0));
    if (service && service->user.uid != 0) acting.emplace(service->user);
    if (acting && !acting->acts()) acting.reset();
  }
  facts.user = user_facts(config, acting ? service->known_by : "");
  facts.addresses = local_addresses();
  facts.socket = socket_facts(config);

  asio::io_context io;
  const auto inquiry = std::make_shared<Inquiry>(io);
  begin_checks(inquiry, config.settings, facts.addresses);
  const bool soft = config.settings.mode == core::Mode::soft;
  if (soft) begin_ways(inquiry, config.access);
  inquiry->wait(limit * 2 / 3);
  if (soft) facts.bgpd = ask_bgpd(inquiry, config.settings, limit / 3);
  for (auto& way : inquiry->ways) {
    facts.transports.push_back(way.facts);
    way.transport->close();
  }
  facts.checks = inquiry->checks;
  facts.places = place_facts(config);
  acting.reset();

  const auto all = processes();
  facts.process = process_facts(config, daemon.value_or(::getpid()));
  if (service) facts.process.may_signal = facts.process.may_signal && service->may_kill;
  facts.watchers = watcher_facts(all, config.process.name);
  facts.start_files = start_files(facts.process.pid);
  facts.runner = runner_facts(config, all);
  if (!soft || std::ranges::any_of(config.settings.rules, &core::Rule::may_fall_back)) {
    if (facts.process.pid) facts.process.sessions = gather_sessions(*facts.process.pid);
    if (service && !service->may_end_sessions && facts.process.sessions.problem.empty()) {
      facts.process.sessions.problem = service->user.name + " has not the right to";
    }
  }
  if (config.settings.fleet) facts.fleet = gather_fleet(config, limit / 5);
  clock_facts(config, facts);
  return facts;
}

}  // namespace withdrawd::cli
