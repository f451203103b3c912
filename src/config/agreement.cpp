#include "config/agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
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
  if (server_port != 0 && check.draft.port) {
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
    if (!check.given.contains("rise")) policy.rise = 1;
    if (!check.given.contains("fall")) policy.fall = 1;
    if (!check.given.contains("fast_interval")) policy.fast_interval = policy.interval;
  }
  if (!check.given.contains("fast_interval")) {
    policy.fast_interval = std::min(policy.fast_interval, policy.interval);
  } else if (policy.fast_interval > policy.interval) {
    complaints.error(
        check.where("fast_interval"),
        fmt::format("\"fast_interval\" in [check.{}] is \"{}\"; expected at most the interval, "
                    "\"{}\"",
                    check.name, written(policy.fast_interval), written(policy.interval)));
  }
}

void agree_on_tries(const ReadSection<CheckDraft>& check, Complaints& complaints) {
  const auto& question = check.draft.question;
  if (question.timeout / question.tries < shortest_try) {
    complaints.error(
        check.where(check.given.contains("tries") ? "tries" : "timeout"),
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
  for (const auto* key : {"expect_any", "expect_all", "min_answers", "serial_from"}) {
    if (!check.given.contains(key)) continue;
    complaints.error(check.where(key),
                     fmt::format("\"{}\" in [check.{}] is about records; expected it with the "
                                 "rcode \"NOERROR\" only",
                                 key, check.name));
  }
}

void agree_on_serial(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& draft = check.draft;
  if (draft.serial_from) {
    draft.question.serial_from = core::SerialReference{*draft.serial_from, draft.serial_lag};
    if (draft.question.type == core::RecordType::soa()) return;
    complaints.error(check.where("serial_from"),
                     fmt::format("\"serial_from\" in [check.{}] compares SOA records; expected it "
                                 "with the qtype \"SOA\" only",
                                 check.name));
  } else if (check.given.contains("serial_lag") && !check.given.contains("serial_from")) {
    complaints.error(
        check.where("serial_lag"),
        fmt::format("\"serial_lag\" in [check.{}] is of no use without \"serial_from\"",
                    check.name));
  }
}

void agree_on_question(ReadSection<CheckDraft>& check, Complaints& complaints) {
  auto& question = check.draft.question;
  agree_on_expected(check, "expect_any", question.type, question.expect.any, complaints);
  agree_on_expected(check, "expect_all", question.type, question.expect.all, complaints);
  agree_on_rcode(check, complaints);
  agree_on_serial(check, complaints);
  const auto& edns = check.draft.edns;
  if (check.given.contains("edns_size") || edns.nsid || edns.dnssec_ok) question.edns = edns;
  if (question.source && question.source->family() != question.server.address.family()) {
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

void agree_on_instance(ReadSection<RuleDraft>& rule, const std::optional<core::Asn>& asn,
                       Complaints& complaints) {
  const auto& vrf = rule.draft.vrf;
  const auto& view = rule.draft.view;
  auto& instance = rule.draft.rule.instance;
  if (vrf && view) {
    complaints.error(
        std::max(rule.where("vrf"), rule.where("view")),
        fmt::format("[rule.{}] has both \"vrf\" and \"view\"; expected one of them", rule.name));
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

/// Finds the checks that a rule names. A misspelt one is the one that it was meant to be, so that
/// nobody is told in the same breath that no rule uses that one.
void agree_on_checks(ReadSection<RuleDraft>& rule, const std::vector<std::string>& names) {
  for (const auto& [name, value] : rule.draft.checks) {
    auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      const auto meant = near_miss(name, names);
      value.refuse("the name of a check", meant);
      found = std::ranges::find(names, meant);
    }
    if (found == names.end()) continue;
    rule.draft.rule.checks.push_back(static_cast<std::size_t>(found - names.begin()));
  }
}

void complain_of_unused_checks(const ReadFile& file, Complaints& complaints) {
  for (std::size_t i = 0; i < file.checks.size(); ++i) {
    const auto& check = file.checks[i];
    const bool used = std::ranges::any_of(file.rules, [i](const auto& rule) {
      return std::ranges::count(rule.draft.rule.checks, i) > 0;
    });
    if (used) continue;
    complaints.error(check.at, fmt::format("no rule uses [check.{}]; name it in the \"checks\" of "
                                           "a rule, or remove it",
                                           check.name));
  }
}

}  // namespace

Config agree(ReadFile file, Complaints& complaints) {
  const auto& mode = file.single.draft.mode;
  std::vector<std::string> check_names;
  for (auto& check : file.checks) {
    agree_on_pace(check, mode, complaints);
    if (check.draft.type == CheckType::dns) {
      agree_on_port(check, complaints);
      agree_on_tries(check, complaints);
      agree_on_question(check, complaints);
    }
    check_names.push_back(check.name);
  }
  agree_on_restart_delay(file.single, complaints);
  for (auto& rule : file.rules) {
    agree_on_instance(rule, file.single.draft.asn, complaints);
    agree_on_checks(rule, check_names);
    if (mode == Mode::soft && !rule.given.contains("prefixes")) {
      complaints.error(rule.at, fmt::format("[rule.{}] has no \"prefixes\" (such as "
                                            "[\"192.0.2.0/24\", \"2001:db8:53::/48\"])",
                                            rule.name));
    }
  }
  complain_of_overlaps(file.rules, complaints);
  if (mode == Mode::soft) complain_of_unused_checks(file, complaints);
  if (file.checks.empty()) {
    complaints.error({}, "no check; expected at least one section such as [check.resolver]");
  }
  if (mode == Mode::soft && file.rules.empty()) {
    complaints.error({}, "no rule; expected at least one section such as [rule.anycast]");
  }

  auto config = std::move(file.single.draft.config);
  config.settings.mode = mode.value_or(Mode::soft);
  for (auto& check : file.checks) {
    const auto policy = check.draft.policy;
    config.settings.checks.push_back({check.name, probe_of(std::move(check.draft)), policy});
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
