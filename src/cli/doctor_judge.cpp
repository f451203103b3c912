#include "cli/doctor_judge.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/listed.hpp"
#include "core/reach.hpp"

namespace withdrawd::cli {
namespace {

using Verdict = Finding::Verdict;
using core::Family;

constexpr std::size_t most_listed = 5;

std::string_view family_name(Family family) {
  return family == Family::ipv4 ? "ipv4" : "ipv6";
}

bool within(const LocalAddress& local, const core::Prefix& prefix) {
  return local.address.family() == prefix.family() &&
         prefix.contains(core::Prefix::containing(local.address, local.address.bits()));
}

/// "redistribute connected" of "redistribute connected route-map X": what `no` takes.
std::string without_options(const std::string& line) {
  return line.substr(0, std::min(line.find(" route-map"), line.find(" metric")));
}

class Judge {
 public:
  Judge(const config::Config& config, const Facts& facts) : config_(config), facts_(facts) {}

  std::vector<Finding> all() {
    const bool soft = config_.settings.mode == core::Mode::soft;
    if (!facts_.user.known_by.empty()) {
      add(Verdict::ok, "user", facts_.user.name,
          fmt::format("withdrawd's own user, by {}: what follows is as that user sees it",
                      facts_.user.known_by));
    }
    if (soft) {
      for (const auto& transport : facts_.transports) judge(transport);
      same_bgpd();
      release();
    }
    process();
    if ((facts_.bgpd || !soft) && may_fall_back() && facts_.process.pid) {
      core::KnownGracefulRestart known;
      std::vector<vty::Neighbor> neighbors;
      if (facts_.bgpd) {
        known = facts_.bgpd->config.graceful_restart;
        neighbors = facts_.bgpd->neighbors;
      }
      findings_.push_back(
          judge_sessions(known, neighbors, facts_.process.sessions, facts_.user.acts));
    }
    for (const auto& watcher : facts_.watchers) judge(watcher);
    if (soft && facts_.bgpd) {
      instances();
      for (const auto& prefix : facts_.bgpd->prefixes) judge(prefix);
      redistribution();
      route_maps();
      notation();
      for (const auto& file : facts_.start_files) judge(file);
    }
    for (std::size_t i = 0; i < facts_.checks.size(); ++i) {
      judge(config_.settings.checks[i], facts_.checks[i]);
    }
    if (facts_.fleet) {
      std::ranges::move(judge_fleet(config_, *facts_.fleet, facts_.user.acts),
                        std::back_inserter(findings_));
    }
    runner();
    places();
    clock();
    return std::move(findings_);
  }

 private:
  Finding& add(Verdict verdict, std::string item, std::string subject, std::string text) {
    findings_.push_back({verdict, std::move(item), std::move(subject), std::move(text)});
    return findings_.back();
  }
  static void cure(Finding& finding, std::string words) { finding.cure = std::move(words); }
  static void command(Finding& finding, std::string line) {
    finding.cure = std::move(line);
    finding.cure_is_command = true;
  }

  /// A command line that types these into bgpd.
  std::string vtysh(const std::vector<std::string>& lines) const {
    std::string text = quoted_for_shell(config_.access.vtysh.string());
    if (!config_.access.vtysh_socket_dir.empty()) {
      text += " --vty_socket " + quoted_for_shell(config_.access.vtysh_socket_dir.string());
    }
    text += " -d bgpd";
    for (const auto& line : lines) text += " -c " + quoted_for_shell(line);
    return text;
  }

  std::string vtysh_in(const core::Instance& instance, Family family,
                       std::vector<std::string> lines) const {
    lines.insert(lines.begin(), {"configure terminal", instance.text(),
                                 fmt::format("address-family {} unicast", family_name(family))});
    return vtysh(lines);
  }

  const core::Instance* instance_of(const PrefixFacts& prefix) const {
    if (!prefix.instance) return nullptr;
    const auto& all = facts_.bgpd->config.instances;
    const auto found = std::ranges::find(all, *prefix.instance, &core::Instance::key);
    return found == all.end() ? nullptr : &*found;
  }

  const vty::OtherSources& others(const core::InstanceKey& key, Family family) const {
    static const vty::OtherSources none;
    const auto* instance = facts_.bgpd->survey.find(key);
    if (!instance) return none;
    const auto found = instance->others.find(family);
    return found == instance->others.end() ? none : found->second;
  }

  /// By one answer of each check. None: not all have answered.
  std::optional<bool> looks_up(const core::Rule& rule) const {
    std::size_t up = 0, known = 0;
    for (const auto index : rule.checks) {
      const auto& outcome = facts_.checks[index].outcome;
      if (outcome) ++known;
      if (outcome && outcome->healthy()) ++up;
    }
    const auto required = rule.required == 0 ? rule.checks.size() : rule.required;
    if (up >= required) return true;
    return known == rule.checks.size() ? std::optional(false) : std::nullopt;
  }

  // Ways into bgpd.

  void judge(const TransportFacts& transport) {
    if (!transport.failure) {
      add(Verdict::ok, "transport", transport.text,
          fmt::format("bgpd answers, in {}{}{}", core::describe(transport.took),
                      transport.listener.empty() ? "" : "; ", transport.listener));
      return;
    }
    const auto& error = transport.failure->error;
    using Code = core::Error::Code;
    // Nobody has set it up: an operator who does not want it need not be told off.
    const bool unused = transport.kind == core::TransportKind::telnet &&
                        config_.access.password_file.empty() && facts_.bgpd;
    auto& finding = add(unused ? Verdict::note : Verdict::wrong, "transport", transport.text,
                        error.tried.empty() ? error.happened : error.tried + ": " + error.happened);
    if (unused) {
      finding.text += "; it is passed over";
      cure(finding, "drop \"telnet\" from transports under [bgpd], or set password_file there");
    } else if (transport.kind == core::TransportKind::socket) {
      socket_cure(finding);
    } else if (transport.kind == core::TransportKind::vtysh && !facts_.socket.reaches &&
               !facts_.socket.group.empty()) {
      socket_cure(finding);
    }
    if (!finding.cure.empty()) return;
    if (!facts_.user.acts &&
        (error.code == Code::private_file || error.code == Code::mode_too_open)) {
      finding.verdict = Verdict::unseen;  // it is for withdrawd's own user
      return;
    }
    finding.cure_is_command = error.code == Code::mode_too_open;
    finding.cure = error.advice;
    if (transport.failure->trouble == core::Trouble::silent) {
      cure(finding, "see what bgpd is busy with (top, gdb -p); restart it if it is frozen");
    }
  }

  void socket_cure(Finding& finding) const {
    const auto& socket = facts_.socket;
    if (socket.path.empty() || socket.reaches) return;
    const auto user = quoted_for_shell(facts_.user.name);
    if (!socket.barred_by.empty() && socket.group.empty()) {
      finding.text += fmt::format("; {} may not be entered", socket.barred_by);
      command(finding, "chmod o+x " + quoted_for_shell(socket.barred_by));
    } else if (!socket.group.empty() && !socket.in_group && socket.listed_in_group) {
      cure(finding, fmt::format("log in again (a service: restart it): {} is in group {}, but was "
                                "not when this began",
                                facts_.user.name, socket.group));
    } else if (!socket.group.empty() && !socket.in_group) {
      command(finding, fmt::format("usermod -aG {} {}", quoted_for_shell(socket.group), user));
    } else if (!socket.barred_by.empty()) {
      finding.text += fmt::format("; {} may not be entered", socket.barred_by);
      command(finding, "chmod o+x " + quoted_for_shell(socket.barred_by));
    } else if (socket.is_socket) {
      command(finding, "chmod g+rw " + quoted_for_shell(socket.path.string()));
    }
  }

  /// Do all ways lead to the same bgpd?
  void same_bgpd() {
    const TransportFacts* first = nullptr;
    for (const auto& transport : facts_.transports) {
      if (transport.failure) continue;
      if (!first) first = &transport;
      if (transport.statements == first->statements) continue;
      auto& finding = add(Verdict::wrong, "transport", transport.text,
                          fmt::format("it shows another configuration than {}: is that another "
                                      "bgpd?",
                                      first->text));
      cure(finding,
           "let socket, vtysh_socket_dir and telnet under [bgpd] name the same bgpd, or drop one "
           "of the transports");
    }
  }

  void release() {
    if (!facts_.bgpd || !facts_.bgpd->release) return;
    const auto& release = *facts_.bgpd->release;
    if (release.is_tried()) {
      add(Verdict::ok, "release", "bgpd", release.text());
      return;
    }
    auto& finding = add(Verdict::note, "release", "bgpd",
                        fmt::format("{}: withdrawd has not been tried with it, but with {}",
                                    release.text(), vty::tried_releases()));
    cure(finding,
         "try it on another host first: tests/assumptions/run of the source says in a "
         "minute whether withdrawd understands it");
  }

  // bgpd as a process.

  bool may_fall_back() const {
    return config_.settings.mode == core::Mode::hard ||
           std::ranges::any_of(config_.settings.rules, &core::Rule::may_fall_back);
  }

  void process() {
    const auto& process = facts_.process;
    if (process.hidden) {
      auto& finding = add(Verdict::wrong, "process", "bgpd's process",
                          process.hidden->tried + ": " + process.hidden->happened);
      cure(finding, process.hidden->advice);
      if (!facts_.user.acts) finding.verdict = Verdict::unseen;
    } else if (!process.pid) {
      const bool by_file = !config_.process.pid_file.empty();
      auto& finding =
          add(Verdict::wrong, "process", "bgpd's process",
              by_file ? fmt::format("none is running as {} says", config_.process.pid_file.string())
                      : fmt::format("none is called \"{}\"", config_.process.name));
      if (facts_.bgpd) {
        finding.text += ", although bgpd answers: a fallback would find nothing to kill";
        cure(finding,
             by_file ? "name the pid file that bgpd writes (its option -i) with pid_file under "
                       "[bgpd], or none"
                     : "set process_name or pid_file under [bgpd]");
      } else if (!process.restart.empty() && process.restart_problem.empty()) {
        std::vector<std::string> words;
        for (const auto& word : process.restart) words.push_back(quoted_for_shell(word));
        command(finding, fmt::format("{}", fmt::join(words, " ")));
      }
    } else {
      found_process();
    }
    restart_command();
  }

  void found_process() {
    const auto& process = facts_.process;
    const auto pids = fmt::format("{}, known by {}", process.text, process.known_by);
    if (!process.denied.empty()) {
      auto& finding =
          add(Verdict::wrong, "process", "bgpd's process",
              fmt::format("{}, but {}: without an answer of its socket nobody would know which "
                          "one to kill",
                          pids, process.denied));
      cure(finding,
           "name the pid file that bgpd writes (its option -i) with pid_file under [bgpd], "
           "or none");
    } else if (!may_fall_back()) {
      add(Verdict::ok, "process", "bgpd's process", pids + "; no rule's fallback kills it");
    } else if (process.may_signal) {
      add(Verdict::ok, "process", "bgpd's process", pids + ", and the fallback can kill it");
    } else if (facts_.user.acts) {
      auto& finding = add(
          Verdict::wrong, "process", "bgpd's process",
          fmt::format("{} may not kill it ({}): the fallback cannot work", facts_.user.name, pids));
      cure(finding,
           "run withdrawd as root or with CAP_KILL (hard.conf gives that to the unit: see "
           "docs/install.md), or set fallback = \"never\" in every rule");
    } else {
      add(Verdict::unseen, "process", "bgpd's process",
          fmt::format("{}; whether withdrawd's own user can kill it, {} cannot see", pids,
                      facts_.user.name));
    }
  }

  /// Does it restart another systemd service than the one that bgpd is in?
  bool restarts_another() const {
    const auto& process = facts_.process;
    const auto& words = process.restart;
    return !process.unit.empty() && words.size() == 3 && words[0].ends_with("systemctl") &&
           words[2] != process.unit && words[2] + ".service" != process.unit;
  }

  void restart_command() {
    const auto& process = facts_.process;
    if (!may_fall_back()) return;
    if (restarts_another()) {
      auto& finding = add(Verdict::wrong, "process", "restart of bgpd",
                          fmt::format("{} would be restarted, but bgpd (pid {}) belongs to {}",
                                      core::printable(process.restart[2], 80), *process.pid,
                                      core::printable(process.unit, 80)));
      cure(finding, "leave out restart under [bgpd], or name that service there");
      return;
    }
    if (process.restart_problem.empty()) {
      add(Verdict::ok, "process", "restart of bgpd",
          core::printable(fmt::format("{}", fmt::join(process.restart, " ")), 120));
      return;
    }
    auto& finding =
        add(Verdict::wrong, "process", "restart of bgpd",
            process.restart_problem + ": once the fallback had killed bgpd, it would stay down");
    cure(finding, "set restart = [\"systemctl\", \"restart\", \"frr\"] or the like under [bgpd]");
  }

  void judge(const WatcherFacts& watcher) {
    const auto subject = fmt::format("{} (pid {})", watcher.name, watcher.pid);
    if (!watcher.watches_bgpd) {
      add(Verdict::ok, "watcher", subject, "it does not watch bgpd");
      return;
    }
    add(Verdict::note, "watcher", subject,
        "it watches bgpd: one that the fallback has killed is started again within seconds the "
        "first "
        "time (55 and 90 s after the next kills), with all that its start-up file announces, until "
        "withdrawd has withdrawn it or killed bgpd again");
  }

  // What bgpd says.

  void instances() {
    std::set<std::string> chosen;
    for (const auto& rule : config_.settings.rules) {
      const auto instance = core::choose_instance(facts_.bgpd->config, rule.instance);
      if (instance) {
        chosen.insert((*instance)->text());
        continue;
      }
      const auto& error = instance.error();
      auto& finding = add(Verdict::wrong, "instance", "rule " + rule.name, error.happened);
      if (!error.tried.empty()) finding.text = error.tried + ": " + error.happened;
      cure(finding, error.advice.empty() ? "configure bgpd first"
                                         : "in [rule." + rule.name + "]: " + error.advice);
    }
    for (const auto& text : chosen) add(Verdict::ok, "instance", text, "chosen by the rules");
  }

  void judge(const PrefixFacts& prefix) {
    const auto* instance = instance_of(prefix);
    if (!instance) return;  // said of the rule
    if (!prefix.answered) {
      add(Verdict::unseen, "prefix", prefix.prefix.text(),
          "bgpd did not say whether it is in the table");
      return;
    }
    const auto statement = instance->networks.find(prefix.prefix);
    const bool stated = statement != instance->networks.end();
    if (prefix.sources.redistributed) {
      redistributed(prefix, *instance, stated);
    } else if (prefix.sources.aggregated) {
      aggregated(prefix, *instance, stated);
    } else if (stated && prefix.in_table) {
      announced(prefix, *instance, statement->second);
    } else if (stated) {
      held_back(prefix, *instance, statement->second);
    } else {
      not_stated(prefix, *instance);
    }
    reach(prefix, *instance);
    neighbours(prefix, *instance);
  }

  void reach(const PrefixFacts& prefix, const core::Instance& instance) {
    std::vector<core::InstanceKey> looked_after;
    for (const auto& other : facts_.bgpd->prefixes) {
      if (other.prefix == prefix.prefix && other.instance) looked_after.push_back(*other.instance);
    }
    for (const auto& one : core::judge_reach({.config = facts_.bgpd->config,
                                              .instance = instance,
                                              .prefix = prefix.prefix,
                                              .in_table = prefix.in_table,
                                              .peers = prefix.advertised_to,
                                              .other = prefix.other ? &*prefix.other : nullptr,
                                              .looked_after = looked_after})) {
      auto& finding = add(one.fault() ? Verdict::wrong : Verdict::note, "reach",
                          prefix.prefix.text(), "it " + one.text);
      if (one.kind == core::Reach::Kind::unheard) command(finding, vtysh({"show bgp summary"}));
    }
  }

  void announced(const PrefixFacts& prefix, const core::Instance& instance,
                 const core::NetworkOptions& options) {
    const auto text = fmt::format("stated in {}{}, in the table", instance.text(), options.text());
    if (prefix.advertised_to.value_or(0) == 0) {
      add(Verdict::ok, "prefix", prefix.prefix.text(), text);  // what is odd, reach() says
    } else {
      add(Verdict::ok, "prefix", prefix.prefix.text(),
          fmt::format("{}, advertised to {} peer{}", text, *prefix.advertised_to,
                      *prefix.advertised_to == 1 ? "" : "s"));
    }
  }

  std::vector<std::string> restated(const PrefixFacts& prefix, std::string mending,
                                    bool stated) const {
    std::vector<std::string> lines{std::move(mending)};
    if (!stated) {
      const auto& map = config_.settings.rules[prefix.rule].route_map;
      lines.push_back("network " + prefix.prefix.text() + (map ? " route-map " + map->text() : ""));
    }
    return lines;
  }

  void redistributed(const PrefixFacts& prefix, const core::Instance& instance, bool stated) {
    const auto& lines = others(instance.key, prefix.prefix.family()).redistribute;
    // An address of ours tells which of several it is.
    const auto connected = std::ranges::find_if(
        lines, [](const std::string& line) { return line.starts_with("redistribute connected"); });
    const bool on_interface = std::ranges::any_of(facts_.addresses, [&](const LocalAddress& local) {
      return core::Prefix::containing(local.address, local.length) == prefix.prefix;
    });
    const auto named = on_interface && connected != lines.end() ? connected : lines.begin();
    std::string which = "a `redistribute` line";
    if (named != lines.end()) {
      const bool sure = lines.size() == 1 || (on_interface && connected != lines.end());
      which = sure ? "\"" + *named + "\"" : "one of \"" + core::listed(lines, most_listed) + "\"";
    }
    auto& finding = add(Verdict::wrong, "prefix", prefix.prefix.text(),
                        fmt::format("{}it comes from {} in {}: no `no network` withdraws that",
                                    stated ? "besides its statement " : "without a statement, ",
                                    which, instance.text()));
    if (named == lines.end()) return;
    command(finding, vtysh_in(instance, prefix.prefix.family(),
                              restated(prefix, "no " + without_options(*named), stated)));
  }

  void aggregated(const PrefixFacts& prefix, const core::Instance& instance, bool stated) {
    auto& finding =
        add(Verdict::wrong, "prefix", prefix.prefix.text(),
            fmt::format("{}it comes from \"aggregate-address {}\" in {}: no `no network` withdraws "
                        "that",
                        stated ? "besides its statement " : "without a statement, ",
                        prefix.prefix.text(), instance.text()));
    command(finding,
            vtysh_in(instance, prefix.prefix.family(),
                     restated(prefix, "no aggregate-address " + prefix.prefix.text(), stated)));
  }

  void held_back(const PrefixFacts& prefix, const core::Instance& instance,
                 const core::NetworkOptions& options) {
    const auto stated =
        fmt::format("stated in {}{}, but not in the table", instance.text(), options.text());
    const auto* surveyed = facts_.bgpd->survey.find(instance.key);
    const auto import_check = surveyed ? surveyed->import_check : std::nullopt;
    auto& finding = add(Verdict::wrong, "prefix", prefix.prefix.text(), stated);
    if (options.route_map && !facts_.bgpd->config.route_maps.contains(options.route_map->text())) {
      finding.text += ": bgpd has no such route-map, and takes that as a refusal";
      command(finding, vtysh({"configure terminal",
                              "route-map " + options.route_map->text() + " permit 10"}));
    } else if (import_check == false && options.route_map) {
      finding.text += ": does the route-map deny it?";
      command(finding, vtysh({"show route-map " + options.route_map->text()}));
    } else if (import_check == false) {
      finding.text += ": a backdoor, or bgpd has not come to it yet";
      command(finding, vtysh({vty::show_command(prefix.prefix, instance.key)}));
    } else {
      finding.text +=
          ": `bgp network import-check` (the default of newer FRR) holds it back, because this "
          "host has no route for exactly this prefix";
      command(finding,
              vtysh({"configure terminal", instance.text(), "no bgp network import-check"}));
    }
  }

  void not_stated(const PrefixFacts& prefix, const core::Instance& instance) {
    const auto& rule = config_.settings.rules[prefix.rule];
    const auto up = looks_up(rule);
    const auto text =
        prefix.other
            ? fmt::format("no statement in {}, and a path {} in the table", instance.text(),
                          prefix.other->imported_from.empty()
                              ? "of another site (from " + prefix.other->from + ")"
                              : "imported from " + prefix.other->imported_from)
            : fmt::format("no statement in {}, and not in the table", instance.text());
    add(Verdict::note, "prefix", prefix.prefix.text(),
        up == true ? text + ": rule " + rule.name +
                         " looks up now, so withdrawd states it when it next acts"
        : up == false ? text + ", as rule " + rule.name + " looks down now"
                      : text);
  }

  /// What attracts its traffic, or part of it, while it is withdrawn.
  void neighbours(const PrefixFacts& prefix, const core::Instance& instance) {
    for (const auto& [network, options] : instance.networks) {
      if (network == prefix.prefix || !network.overlaps(prefix.prefix)) continue;
      if (in_a_rule(network)) continue;
      add(Verdict::note, "prefix", prefix.prefix.text(),
          fmt::format("\"network {}\", in no rule, {}", network.text(),
                      network.contains(prefix.prefix)
                          ? "covers it, and goes on attracting its traffic when it is withdrawn"
                          : "is part of it, and stays announced when it is withdrawn"));
    }
    const auto& other = others(instance.key, prefix.prefix.family());
    for (const auto& aggregate : other.aggregates) {
      if (aggregate.prefix == prefix.prefix || !aggregate.prefix.contains(prefix.prefix)) continue;
      add(Verdict::note, "prefix", prefix.prefix.text(),
          fmt::format("\"{}\" covers it: it attracts its traffic as long as anything else within "
                      "{} is announced",
                      aggregate.line, aggregate.prefix.text()));
    }
    for (const auto& line : other.redistribute) {
      if (line.starts_with("redistribute connected")) connected_parts(prefix, line);
    }
  }

  void connected_parts(const PrefixFacts& prefix, const std::string& line) {
    for (const auto& local : facts_.addresses) {
      const auto part = core::Prefix::containing(local.address, local.length);
      if (!within(local, prefix.prefix) || part == prefix.prefix || !prefix.prefix.contains(part)) {
        continue;
      }
      add(Verdict::note, "prefix", prefix.prefix.text(),
          fmt::format("{} on {} is part of it: \"{}\" announces that, if it lets it through, also "
                      "while the prefix is withdrawn",
                      part.text(), local.interface, line));
    }
  }

  bool in_a_rule(const core::Prefix& prefix) const {
    return std::ranges::any_of(config_.settings.rules, [&](const core::Rule& rule) {
      return std::ranges::find(rule.prefixes, prefix) != rule.prefixes.end();
    });
  }

  /// Lines that announce none of ours now, and could.
  void redistribution() {
    std::set<std::pair<core::InstanceKey, Family>> tables, at_work;
    for (const auto& prefix : facts_.bgpd->prefixes) {
      if (!prefix.instance) continue;
      tables.emplace(*prefix.instance, prefix.prefix.family());
      if (prefix.sources.redistributed) {
        at_work.emplace(*prefix.instance, prefix.prefix.family());
      }
    }
    for (const auto& table : tables) {
      const auto& lines = others(table.first, table.second).redistribute;
      if (lines.empty() || at_work.contains(table)) continue;
      add(Verdict::note, "redistribution",
          fmt::format("{}, {} unicast", table.first.text(), family_name(table.second)),
          fmt::format("\"{}\" announces none of the prefixes now, but would as soon as this host "
                      "had such a route for one",
                      core::listed(lines, most_listed)));
    }
  }

  void route_maps() {
    std::set<std::string> named;
    for (const auto& rule : config_.settings.rules) {
      const std::pair<std::string_view, const std::optional<core::RouteMapName>*> keys[] = {
          {"route_map", &rule.route_map}, {"on_down", &rule.on_down}, {"on_drain", &rule.on_drain}};
      for (const auto& [key, map] : keys) {
        if (!*map) continue;
        const auto& text = (*map)->text();
        const bool there = facts_.bgpd->config.route_maps.contains(text);
        if (there) {
          named.insert(text);
          continue;
        }
        auto& finding =
            add(Verdict::wrong, "route-map", "route-map " + text,
                fmt::format("bgpd has none of that name, which rule {} names in {}: "
                            "withdrawd refuses to use it, because bgpd would withdraw the prefix",
                            rule.name, key));
        command(finding, vtysh({"configure terminal", "route-map " + text + " permit 10"}));
      }
    }
    for (const auto& text : named)
      add(Verdict::ok, "route-map", "route-map " + text, "bgpd has it");
  }

  void notation() {
    if (!facts_.bgpd->survey.cisco_style) return;
    add(Verdict::ok, "instance", "bgp config-type cisco",
        "statements have masks instead of lengths; withdrawd reads both");
  }

  void judge(const StartFileFacts& file) {
    const auto path = file.path.string();
    if (!file.problem.empty()) {
      add(Verdict::unseen, "start-up", path,
          fmt::format("{}: whether it announces the prefixes when bgpd starts cannot be told",
                      file.problem));
      return;
    }
    std::vector<std::string> in, out;
    for (const auto& prefix : facts_.bgpd->prefixes) {
      if (!prefix.instance) continue;
      const auto* instance = file.survey.find(*prefix.instance);
      const bool stated = instance && instance->networks.contains(prefix.prefix);
      (stated ? in : out).push_back(prefix.prefix.text());
    }
    if (!in.empty()) {
      add(Verdict::ok, "start-up", path,
          fmt::format("states {}: when bgpd starts it announces {} until withdrawd has acted. "
                      "`write memory` while one is withdrawn takes its statement out",
                      core::listed(in, most_listed), in.size() == 1 ? "it" : "them"));
    }
    if (!out.empty()) {
      auto& finding =
          add(Verdict::note, "start-up", path,
              fmt::format("does not state {}: after a restart of bgpd only withdrawd announces {}",
                          core::listed(out, most_listed), out.size() == 1 ? "it" : "them"));
      cure(finding, "unless that is wanted: `write memory` in vtysh, while announced");
    }
  }

  // Checks.

  static core::Duration timeout_of(const core::Probe& probe) {
    if (const auto* dns = std::get_if<core::DnsQuestion>(&probe)) return dns->timeout;
    if (const auto* exec = std::get_if<core::ExecCheck>(&probe)) return exec->timeout;
    return {};
  }

  void judge(const core::Check& check, const CheckFacts& facts) {
    const auto subject = "check " + check.name;
    if (!facts.outcome) {
      add(Verdict::unseen, "check", subject,
          fmt::format("{}: it had not answered when doctor's time was up", check.text()));
      return;
    }
    const auto& outcome = *facts.outcome;
    const auto timeout = timeout_of(check.probe);
    const auto detail = outcome.detail.empty() ? "" : ": " + outcome.detail;
    if (!outcome.healthy() && thrown_switch(check, outcome)) {
      add(Verdict::note, "check", subject, fmt::format("{} ({})", outcome.detail, check.text()));
    } else if (!outcome.healthy()) {
      auto& finding = add(Verdict::wrong, "check", subject,
                          fmt::format("{}{} ({})", core::name(outcome.kind), detail, check.text()));
      command(finding, "withdrawd check " + quoted_for_shell(check.name));
    } else {
      const auto seen = check.policy.interval * check.policy.fall + timeout;
      add(Verdict::ok, "check", subject,
          fmt::format("ok{}, in {} ({}); a fault is seen within {}", detail,
                      core::describe(outcome.latency), check.text(), core::describe(seen)));
      if (timeout > core::Duration::zero() && outcome.latency > timeout / 2) {
        auto& finding =
            add(Verdict::note, "check", subject,
                fmt::format("its timeout of {} is tight for that", core::describe(timeout)));
        cure(finding, fmt::format("set timeout in [check.{}] to twice the usual latency or more",
                                  check.name));
      }
    }
    for (const auto& [address, at_service] : facts.at_service_addresses) {
      service_address(check, address, at_service);
    }
  }

  /// A file that is there, or not, because somebody wants it so.
  static bool thrown_switch(const core::Check& check, const core::Outcome& outcome) {
    return std::holds_alternative<core::FileCheck>(check.probe) &&
           (outcome.detail == "present" || outcome.detail == "absent");
  }

  void service_address(const core::Check& check, const core::Address& address,
                       const core::Outcome& outcome) {
    if (outcome.healthy()) {
      add(Verdict::ok, "service-address", address.text(),
          "answers what check " + check.name + " asks, from that address");
      return;
    }
    auto& finding =
        add(Verdict::wrong, "service-address", address.text(),
            fmt::format("users ask this address, and it does not answer what check {} asks: {}{}",
                        check.name, core::name(outcome.kind),
                        outcome.detail.empty() ? "" : ": " + outcome.detail));
    cure(finding, fmt::format("let the DNS server listen on {}; then set server = \"{}\" in "
                              "[check.{}], to ask what users ask",
                              address.text(), address.text(), check.name));
  }

  // withdrawd itself.

  void runner() {
    const auto& runner = facts_.runner;
    const bool daemon = runner.lock_held && runner.mode == "run";
    if (runner.lock_held) {
      add(Verdict::ok, "withdrawd", "withdrawd " + runner.mode,
          fmt::format("at work, pid {}", runner.pid));
      if (!runner.control_answers) {
        auto& finding = add(facts_.user.acts ? Verdict::wrong : Verdict::unseen, "withdrawd",
                            config_.control_socket.string(),
                            "withdrawd does not answer there: " + runner.control_problem);
        cure(finding, facts_.user.acts ? "see its log; is it another configuration's?"
                                       : "ask as root, or as a member of its group");
      }
    }
    for (const auto& rival : runner.rivals) {
      auto& finding = add(Verdict::wrong, "withdrawd", "another withdrawd",
                          rival + " is at work on the same bgpd, with another lock file");
      cure(finding, "end it, or give both the same lock_file");
    }
    for (const auto& entry : runner.cron_entries) {
      if (!daemon && !runner.unit_enabled) {
        add(Verdict::ok, "withdrawd", entry, "cron starts withdrawd");
        continue;
      }
      auto& finding =
          add(Verdict::wrong, "withdrawd", entry,
              daemon ? "cron starts withdrawd beside the daemon"
                     : "cron starts withdrawd, and so does the enabled withdrawd.service");
      cure(finding, "take the line out, or `systemctl disable --now withdrawd`");
    }
    if (runner.crontabs_hidden && runner.cron_entries.empty()) {
      add(Verdict::unseen, "withdrawd", "/var/spool/cron/crontabs",
          "only root may read users' crontabs");
    }
    if (!runner.lock_held && !runner.unit_enabled && runner.cron_entries.empty()) {
      auto& finding = add(Verdict::note, "withdrawd", "",
                          "neither a daemon nor a cron job of withdrawd is at work here");
      command(finding, "systemctl enable --now withdrawd");
    } else if (!runner.lock_held && runner.unit_enabled) {
      auto& finding = add(Verdict::wrong, "withdrawd", "withdrawd.service",
                          "it is enabled, but nobody holds " + config_.lock_file.string());
      command(finding, "systemctl start withdrawd");
    }
  }

  void places() {
    if (!facts_.user.acts) {
      add(Verdict::unseen, "files", "",
          fmt::format("whether withdrawd's own user may write its files, {} cannot see",
                      facts_.user.name));
      return;
    }
    bool fine = true;
    for (const auto& place : facts_.places) {
      if (place.problem.empty()) continue;
      fine = false;
      auto& finding = add(Verdict::wrong, "files", place.path.string(), place.problem);
      if (place.itself) {
        finding.text = fmt::format("{} may not write to it: {}", facts_.user.name, place.problem);
        command(finding, fmt::format("chown {} {}", quoted_for_shell(facts_.user.name),
                                     quoted_for_shell(place.path.string())));
      } else if (place.not_permitted) {
        command(finding, fmt::format("install -d -o {} {}", quoted_for_shell(facts_.user.name),
                                     quoted_for_shell(place.path.parent_path().string())));
      } else {
        cure(finding, fmt::format("set {} in the configuration to another place", place.key));
      }
    }
    if (fine && !facts_.places.empty()) {
      add(Verdict::ok, "files", "", "state, lock, control socket and log can be written");
    }
  }

  void clock() {
    if (facts_.clock_unset || facts_.clock_behind) {
      auto& finding = add(Verdict::wrong, "clock", "",
                          facts_.clock_unset ? "it is set to a time long ago"
                                             : config_.state_file.string() +
                                                   " is from the future: the clock went back");
      command(finding, "timedatectl set-ntp true");
    } else if (facts_.clock_unsynchronised) {
      add(Verdict::note, "clock", "",
          "the kernel knows of nobody who keeps it right; drains and DNSSEC go by it");
    } else {
      add(Verdict::ok, "clock", "", "kept right by NTP or the like");
    }
  }

  const config::Config& config_;
  const Facts& facts_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge(const config::Config& config, const Facts& facts) {
  return Judge(config, facts).all();
}

}  // namespace withdrawd::cli
