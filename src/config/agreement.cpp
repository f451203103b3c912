#include "config/agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "config/duration.hpp"
#include "config/near_miss.hpp"
#include "config/overlap.hpp"

namespace withdrawd::config {
namespace {

using core::Mode;

constexpr core::Duration shortest_try = std::chrono::milliseconds(10);
constexpr std::uint16_t dns_port = 53;

void agree_on_port(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& server_port = check.draft.question.server.port;
  // One's own goes before that of the server in [defaults].
  if (check.gives("port") && !check.gives("server")) server_port = 0;
  if (server_port != 0 && check.gives("port")) {
    complaints.error(check.where("port"),
                     fmt::format("\"port\" in [check.{}] is one port too many: \"server\" names {} "
                                 "already",
                                 check.name, server_port));
  }
  if (server_port == 0) server_port = check.draft.port.value_or(dns_port);
}

/// One outcome decides in hard mode, and there is no faster pace near a change: so did the script.
void agree_on_pace(ReadSection<CheckDraft>& check, std::optional<Mode> mode,
                   Complaints& complaints) {
  auto& policy = check.draft.policy;
  if (mode == Mode::hard) {
    if (!check.has("rise")) policy.rise = 1;
    if (!check.has("fall")) policy.fall = 1;
    if (!check.has("fast_interval")) policy.fast_interval = policy.interval;
  }
  if (!check.gives("fast_interval")) {
    policy.fast_interval = std::min(policy.fast_interval, policy.interval);
  } else if (policy.fast_interval > policy.interval) {
    complaints.error(
        check.where("fast_interval"),
        fmt::format("\"fast_interval\" in [{}] is \"{}\"; expected at most the "
                    "interval, \"{}\"",
                    check.title, written(policy.fast_interval), written(policy.interval)));
  }
}

void agree_on_tries(const ReadSection<CheckDraft>& check, Complaints& complaints) {
  const auto& question = check.draft.question;
  if (question.timeout / question.tries < shortest_try) {
    complaints.error(
        check.where(check.gives("tries") ? "tries" : "timeout"),
        fmt::format("[check.{}] has {} tries in a timeout of \"{}\"; expected \"{}\" "
                    "or more for each",
                    check.name, question.tries, written(question.timeout), written(shortest_try)));
  }
}

/// Addresses are compared as text, so they are all written in the same way.
void agree_on_expected(const ReadSection<CheckDraft>& check, std::string_view key,
                       core::RecordType type, std::vector<std::string>& expected,
                       Complaints& complaints) {
  const bool ipv4 = type == core::RecordType::a();
  if (!ipv4 && type != core::RecordType::aaaa()) return;
  for (auto& text : expected) {
    const auto address = core::Address::parse(text);
    if (address && (address->family() == core::Family::ipv4) == ipv4) {
      text = address->text();
      continue;
    }
    complaints.error(
        check.where(key),
        fmt::format("\"{}\" in [check.{}] has {}; expected an {} address, as an {} "
                    "record has it",
                    key, check.name, in_quotes(text), ipv4 ? "IPv4" : "IPv6", type.text()));
  }
}

/// What is expected of records makes no sense where none are expected.
void agree_on_rcode(const ReadSection<CheckDraft>& check, Complaints& complaints) {
  if (check.draft.question.expect.rcode == core::Rcode::noerror) return;
  // What [defaults] has of them is for the others.
  for (const auto* key : {"expect_any", "expect_all", "min_answers", "serial_from"}) {
    if (!check.gives(key)) continue;
    complaints.error(check.where(key),
                     fmt::format("\"{}\" in [check.{}] is about records; expected it with the "
                                 "rcode \"NOERROR\" only",
                                 key, check.name));
  }
}

void agree_on_serial(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& draft = check.draft;
  const bool is_soa = draft.question.type == core::RecordType::soa();
  if (draft.serial_from && (is_soa || check.gives("serial_from"))) {
    draft.question.serial_from = core::SerialReference{*draft.serial_from, draft.serial_lag};
    if (is_soa) return;
    complaints.error(check.where("serial_from"),
                     fmt::format("\"serial_from\" in [check.{}] compares SOA records; expected it "
                                 "with the qtype \"SOA\" only",
                                 check.name));
  } else if (check.gives("serial_lag") && !check.has("serial_from")) {
    complaints.error(
        check.where("serial_lag"),
        fmt::format("\"serial_lag\" in [check.{}] is of no use without \"serial_from\"",
                    check.name));
  }
}

/// What has signatures that can be validated, and where that begins.
std::string what_hinders_validation(const core::DnsQuestion& question, const core::Dnssec& dnssec) {
  if (question.klass != core::DnsClass::in) return "is for the class \"IN\" only";
  if (question.type.text() == "RRSIG") return "cannot be had with the qtype \"RRSIG\"";
  const auto rcode = question.expect.rcode;
  if (rcode != core::Rcode::noerror && rcode != core::Rcode::nxdomain)
    return "is for the rcodes \"NOERROR\" and \"NXDOMAIN\" only: other answers are not signed";
  if (dnssec.anchors.empty())
    return "needs a \"trust_anchor\", such as [\"example. DS 12345 13 2 0123...\"], or a file";
  const bool covered = std::ranges::any_of(dnssec.anchors, [&](const auto& anchor) {
    return core::is_in_zone(question.name, anchor.zone);
  });
  if (!covered)
    return fmt::format("needs a \"trust_anchor\" at {} or above it; there is one for {}",
                       question.name, dnssec.anchors.front().zone);
  return "";
}

void agree_on_validation(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& draft = check.draft;
  if (!draft.validate) {
    for (const auto* key : {"trust_anchor", "signature_margin"}) {
      if (!check.given.contains(key)) continue;
      complaints.error(check.where(key),
                       fmt::format("\"{}\" in [check.{}] is of no use without dnssec = "
                                   "\"validate\"",
                                   key, check.name));
    }
    return;
  }
  // An anchor that could not be read has been complained of.
  const bool unread = check.given.contains("trust_anchor") && draft.dnssec.anchors.empty();
  const auto hindrance = what_hinders_validation(draft.question, draft.dnssec);
  if (!hindrance.empty() && !unread)
    complaints.error(check.where("dnssec"),
                     fmt::format("\"dnssec\" in [check.{}] {}", check.name, hindrance));
  draft.edns.dnssec_ok = true;
  draft.question.dnssec = std::move(draft.dnssec);
}

void agree_on_question(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& question = check.draft.question;
  agree_on_expected(check, "expect_any", question.type, question.expect.any, complaints);
  agree_on_expected(check, "expect_all", question.type, question.expect.all, complaints);
  agree_on_rcode(check, complaints);
  agree_on_serial(check, complaints);
  agree_on_validation(check, complaints);
  const auto& edns = check.draft.edns;
  if (check.has("edns_size") || edns.nsid || edns.dnssec_ok) question.edns = edns;
  if (question.source && question.source->family() != question.server.address.family()) {
    if (!check.gives("source")) {
      question.source.reset();
      return;
    }
    complaints.error(
        check.where("source"),
        fmt::format("\"source\" in [check.{}] is {}; expected an address of the "
                    "family of the server, {}",
                    check.name, question.source->text(), question.server.address.text()));
  }
}

core::Probe probe_of(CheckDraft draft) {
  switch (draft.type.value_or(CheckType::dns)) {
    case CheckType::exec:
      return std::move(draft.exec);
    case CheckType::address:
      return std::move(draft.address);
    case CheckType::file:
      return std::move(draft.file);
    case CheckType::dns:
      break;
  }
  return std::move(draft.question);
}

void agree_on_restart_delay(const ReadSection<ConfigDraft>& single, Complaints& complaints) {
  const auto& fallback = single.draft.config.settings.fallback;
  if (fallback.restart_delay <= fallback.restart_delay_max) return;
  const bool given = single.given.contains("fallback.restart_delay");
  complaints.error(
      single.where(given ? "fallback.restart_delay" : "fallback.restart_delay_max"),
      fmt::format("\"restart_delay\" in [fallback] is \"{}\"; expected at most restart_delay_max, "
                  "\"{}\"",
                  written(fallback.restart_delay), written(fallback.restart_delay_max)));
}

void agree_on_log(ReadSection<ConfigDraft>& single, Complaints& complaints) {
  auto& config = single.draft.config;
  const bool has_file = !config.log_file.empty();
  config.log_target =
      single.draft.log_target.value_or(has_file ? LogTarget::file : LogTarget::standard_error);
  if (config.log_target == LogTarget::file && !has_file) {
    complaints.error(single.where("log.to"),
                     "\"to\" in [log] is \"file\"; expected \"file\", too, such as "
                     "\"/var/log/withdrawd.log\"");
  } else if (config.log_target != LogTarget::file && has_file) {
    complaints.error(single.where("log.file"),
                     "\"file\" in [log] is of no use with another \"to\" than \"file\"");
  }
  const bool is_stream =
      config.log_target == LogTarget::file || config.log_target == LogTarget::standard_error;
  if (!is_stream && config.log_format == LogFormat::json) {
    complaints.warning(single.where("log.format"),
                       "\"format\" in [log] is of no use there: journal and syslog have their own");
  }
  if (config.log_target != LogTarget::syslog && single.given.contains("log.facility")) {
    complaints.warning(single.where("log.facility"),
                       "\"facility\" in [log] is of no use without to = \"syslog\"");
  }
}

/// Whoever can ask learns the prefixes, their state and the names of drainers: that other hosts can
/// must be somebody's decision, not a slip.
void agree_on_http(const ReadSection<ConfigDraft>& single, Complaints& complaints) {
  const auto& http = single.draft.config.http;
  const auto remote = std::ranges::find_if_not(http.listen, &HttpAddress::is_local);
  if (remote != http.listen.end() && http.allow_remote) {
    complaints.warning(single.where("http.listen"),
                       fmt::format("other hosts can ask on {}, without a log-in and without "
                                   "encryption: let a firewall say which",
                                   remote->text()));
  } else if (remote != http.listen.end()) {
    complaints.error(
        single.where("http.listen"),
        fmt::format("\"listen\" in [http] has {}, where other hosts could ask without a log-in "
                    "and without encryption; expected an address such as 127.0.0.1 or [::1], a "
                    "unix socket, or allow_remote = true",
                    in_quotes(remote->text())));
  }
  for (const auto* key : {"http.allow_remote", "http.hosts"}) {
    if (!single.given.contains(key) || single.given.contains("http.listen")) continue;
    complaints.warning(single.where(key), fmt::format("\"{}\" in [http] is of no use without "
                                                      "\"listen\"",
                                                      std::string_view(key).substr(5)));
  }
}

void agree_on_instance(ReadSection<RuleDraft>& rule, const std::optional<core::Asn>& asn,
                       Complaints& complaints) {
  auto& vrf = rule.draft.vrf;
  auto& view = rule.draft.view;
  // One's own goes before the other of [defaults].
  if (rule.gives("vrf") && !rule.gives("view")) view.reset();
  if (rule.gives("view") && !rule.gives("vrf")) vrf.reset();
  auto& instance = rule.draft.rule.instance;
  if (vrf && view) {
    complaints.error(
        std::max(rule.where("vrf"), rule.where("view")),
        fmt::format("[{}] has both \"vrf\" and \"view\"; expected one of them", rule.title));
  }
  if (!instance.asn) instance.asn = asn;
  if (vrf && vrf->text() == "default") {
    instance.key = core::InstanceKey{};
  } else if (vrf) {
    instance.key = core::InstanceKey{core::InstanceKey::Kind::vrf, vrf};
  } else if (view) {
    instance.key = core::InstanceKey{core::InstanceKey::Kind::view, view};
  }
}

/// The checks or groups there are, by name: thousands of rules name some of thousands.
class Names {
 public:
  void add(const std::string& name) {
    numbers_.try_emplace(name, names_.size());
    names_.push_back(name);
  }

  /// Which one a rule names. A misspelt one, which is complained of, is the one that it was meant
  /// to be, so that nobody is told in the same breath that no rule uses that one.
  std::optional<std::size_t> find(const std::string& name, std::string_view expected,
                                  const Value& value) const {
    auto found = numbers_.find(name);
    if (found == numbers_.end()) {
      const auto meant = near_miss(name, names_);
      value.refuse(expected, meant);
      found = numbers_.find(meant);
    }
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> numbers_;
};

void agree_on_checks(ReadSection<RuleDraft>& rule, const Names& names,
                     const std::vector<bool>& drains) {
  for (const auto& [name, value] : rule.draft.checks) {
    const auto check = names.find(name, "the name of a check", value);
    if (!check) continue;
    auto& of_its_kind = drains.at(*check) ? rule.draft.rule.switches : rule.draft.rule.checks;
    of_its_kind.push_back(*check);
  }
}

/// So many checks must be up as there are, or fewer.
void agree_on_required(const ReadSection<RuleDraft>& rule, Complaints& complaints) {
  const auto& switches = rule.draft.rule.switches;
  const auto checks = rule.draft.checks.size() - switches.size();
  if (!rule.draft.checks.empty() && checks == 0) {
    complaints.error(rule.where("checks"),
                     fmt::format("[{}] has only checks that drain it; expected one that tells "
                                 "whether it is well, too",
                                 rule.title));
  } else if (!rule.draft.checks.empty() && rule.draft.rule.required > checks) {
    complaints.error(rule.where("require"),
                     fmt::format("[{}] requires {} checks{}; expected at most {}, as many as it "
                                 "has{}",
                                 rule.title, rule.draft.rule.required,
                                 rule.gives("require") ? "" : " (so say [defaults])", checks,
                                 switches.empty() ? "" : " without those that drain it"));
  }
}

/// Stating a prefix with the route-map that it always has would change nothing.
void agree_on_way(const ReadSection<RuleDraft>& rule, std::string_view key,
                  const std::optional<core::RouteMapName>& way, Complaints& complaints) {
  if (!way || way != rule.draft.rule.route_map) return;
  complaints.error(rule.where(rule.gives(key) ? key : "route_map"),
                   fmt::format("\"{}\" in [{}] is its \"route_map\", {}; expected another one", key,
                               rule.title, way->text()));
}

void agree_on_ways(ReadSection<RuleDraft>& section, Complaints& complaints) {
  auto& rule = section.draft.rule;
  agree_on_way(section, "on_down", rule.on_down, complaints);
  agree_on_way(section, "on_drain", rule.on_drain, complaints);
  if (!rule.drain_grace || rule.on_drain) return;
  if (section.gives("drain_grace")) {
    complaints.error(section.where("drain_grace"),
                     fmt::format("\"drain_grace\" in [{}] is of no use without a route-map in "
                                 "\"on_drain\": a drain withdraws at once",
                                 section.title));
  }
  rule.drain_grace.reset();
}

void agree_on_damping(const ReadSection<RuleDraft>& rule, Complaints& complaints) {
  const auto& damping = rule.draft.rule.damping;
  for (const auto* key : {"half_life", "suppress", "reuse"}) {
    if (damping.on || !rule.gives(key)) continue;
    complaints.warning(rule.where(key),
                       fmt::format("\"{}\" in [{}] is of no use without damping", key, rule.title));
  }
  const auto* key = rule.gives("reuse") ? "reuse" : "suppress";
  if (damping.reuse < damping.suppress || !rule.gives(key)) return;
  complaints.error(rule.where(key),
                   fmt::format("[{}] has \"reuse\" {} and \"suppress\" {}; expected a lower "
                               "\"reuse\"",
                               rule.title, damping.reuse, damping.suppress));
}

void agree_on_group(ReadSection<RuleDraft>& rule, const Names& names) {
  if (!rule.draft.group) return;
  const auto& [name, value] = *rule.draft.group;
  rule.draft.rule.group = names.find(name, "the name of a group", value);
}

/// The groups, when all rules are known.
std::vector<core::Group> agree_on_groups(const ReadFile& file, Complaints& complaints) {
  std::unordered_map<std::size_t, std::size_t> prefixes_of;
  for (const auto& rule : file.rules) {
    if (const auto& group = rule.draft.rule.group) {
      prefixes_of[*group] += rule.draft.prefixes.size();
    }
  }
  std::vector<core::Group> groups;
  for (const auto& group : file.groups) {
    const auto members = prefixes_of.find(groups.size());
    const bool used = members != prefixes_of.end();
    const std::size_t prefixes = used ? members->second : 0;
    const auto [number, in_percent] = group.draft;
    auto least = static_cast<std::size_t>(number);
    if (in_percent) least = (least * prefixes + 99) / 100;
    if (!used) {
      complaints.error(group.at, fmt::format("no rule is in [{}]; name it as the \"group\" of a "
                                             "rule, or remove it",
                                             group.title));
    } else if (least > prefixes) {
      complaints.error(group.where("min_announced"),
                       fmt::format("\"min_announced\" in [{}] is {}; expected at most {}, as many "
                                   "prefixes as its rules have",
                                   group.title, least, prefixes));
    }
    groups.push_back({group.name, least});
  }
  return groups;
}

void agree_on_fleet(ReadSection<ConfigDraft>& single, std::optional<Mode> mode,
                    Complaints& complaints) {
  auto& draft = single.draft;
  const auto& access = draft.config.fleet;
  const auto says = [&single](const char* key) {
    return single.given.contains(std::string("fleet.") + key);
  };
  if (!says("endpoints")) return;
  const auto where = single.where("fleet.endpoints");
  if (mode == Mode::hard) {
    complaints.error(where, "[fleet] guards prefixes; expected it with mode = \"soft\" only");
  }
  for (const auto& [one, other] : {std::pair{"user", "password_file"},
                                   {"password_file", "user"},
                                   {"cert", "key"},
                                   {"key", "cert"}}) {
    if (!says(one) || says(other)) continue;
    complaints.error(single.where(std::string("fleet.") + one),
                     fmt::format("\"{}\" in [fleet] is of no use without \"{}\"", one, other));
  }
  const bool any_tls = std::ranges::any_of(access.endpoints, &core::FleetAccess::Endpoint::tls);
  for (const auto* key : {"ca", "cert"}) {
    if (any_tls || !says(key) || access.endpoints.empty()) continue;
    complaints.error(single.where(std::string("fleet.") + key),
                     fmt::format("\"{}\" in [fleet] is of no use without an endpoint that begins "
                                 "with https://",
                                 key));
  }
  const bool all_tls = std::ranges::all_of(access.endpoints, &core::FleetAccess::Endpoint::tls);
  if (says("user") && !all_tls) {
    complaints.warning(single.where("fleet.user"),
                       "\"user\" in [fleet]: the password goes to endpoints that begin with "
                       "http:// for everybody on the way to read; https:// hides it");
  }
  // What was misspelt has been complained of.
  if (access.endpoints.empty() || draft.fleet.site.empty()) return;
  if (draft.fleet.group.empty()) draft.fleet.group = "withdrawd";
  draft.config.settings.fleet = draft.fleet;
}

void complain_of_unused_checks(const ReadFile& file, Complaints& complaints) {
  std::vector<bool> used(file.checks.size());
  for (const auto& rule : file.rules) {
    for (const auto i : rule.draft.rule.checks) used[i] = true;
    for (const auto i : rule.draft.rule.switches) used[i] = true;
  }
  for (std::size_t i = 0; i < file.checks.size(); ++i) {
    const auto& check = file.checks[i];
    if (used[i]) continue;
    complaints.error(check.at, fmt::format("no rule uses [check.{}]; name it in the \"checks\" of "
                                           "a rule, or remove it",
                                           check.name));
  }
}

}  // namespace

Config agree(ReadFile file, Complaints& complaints) {
  const auto& mode = file.single.draft.mode;
  Names check_names, group_names;
  std::vector<bool> drains;
  for (const auto& group : file.groups) group_names.add(group.name);
  agree_on_pace(file.check_defaults, mode, complaints);
  agree_on_damping(file.rule_defaults, complaints);
  for (auto& check : file.checks) {
    agree_on_pace(check, mode, complaints);
    if (check.draft.type == CheckType::dns) {
      agree_on_port(check, complaints);
      agree_on_tries(check, complaints);
      // Whoever asks every 100 ms wants to know within about that. The question in the queue of a
      // server that is killed is answered by nobody, and the next one would wait for it.
      check.draft.question.again_after = check.draft.policy.interval;
      agree_on_question(check, complaints);
    }
    check_names.add(check.name);
    drains.push_back(check.draft.type == CheckType::file &&
                     check.draft.file.present == core::FileMeaning::drain);
  }
  agree_on_restart_delay(file.single, complaints);
  agree_on_log(file.single, complaints);
  agree_on_http(file.single, complaints);
  for (auto& rule : file.rules) {
    agree_on_instance(rule, file.single.draft.asn, complaints);
    agree_on_checks(rule, check_names, drains);
    agree_on_required(rule, complaints);
    agree_on_ways(rule, complaints);
    agree_on_damping(rule, complaints);
    agree_on_group(rule, group_names);
    if (mode == Mode::soft && !rule.given.contains("prefixes")) {
      complaints.error(rule.at, fmt::format("[rule.{}] has no \"prefixes\" (such as "
                                            "[\"192.0.2.0/24\", \"2001:db8:53::/48\"])",
                                            rule.name));
    }
  }
  agree_on_fleet(file.single, mode, complaints);
  for (const auto& rule : file.rules) {
    if (!rule.gives("keep_announcing") || file.single.given.contains("fleet.endpoints")) continue;
    complaints.error(
        rule.where("keep_announcing"),
        fmt::format("\"keep_announcing\" in [{}] is of no use without [fleet]", rule.title));
  }
  complain_of_overlaps(file.rules, complaints);
  auto groups = agree_on_groups(file, complaints);
  if (mode == Mode::soft) complain_of_unused_checks(file, complaints);
  if (file.checks.empty()) {
    complaints.error({}, "no check; expected at least one section such as [check.resolver]");
  }
  if (mode == Mode::soft && file.rules.empty()) {
    complaints.error({}, "no rule; expected at least one section such as [rule.anycast]");
  }

  auto config = std::move(file.single.draft.config);
  config.settings.mode = mode.value_or(Mode::soft);
  config.settings.groups = std::move(groups);
  for (auto& check : file.checks) {
    const auto policy = check.draft.policy;
    auto watch = std::move(check.draft.watch);
    config.settings.checks.push_back(
        {check.name, probe_of(std::move(check.draft)), policy, std::move(watch)});
  }
  for (auto& rule : file.rules) {
    rule.draft.rule.name = rule.name;
    for (const auto& placed : rule.draft.prefixes) {
      rule.draft.rule.prefixes.push_back(placed.prefix);
    }
    config.settings.rules.push_back(std::move(rule.draft.rule));
  }
  return config;
}

}  // namespace withdrawd::config
