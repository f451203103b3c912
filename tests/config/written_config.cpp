#include "written_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/duration.hpp"

using namespace withdrawd;
using config::written;

namespace {

/// What text() leaves out.
std::string rest_of(const core::DnsQuestion& question) {
  auto text = fmt::format("{} {} tries {} ", name(question.transport), written(question.timeout),
                          question.tries);
  const auto& expect = question.expect;
  if (expect.rcode != core::Rcode::noerror)
    text += fmt::format("rcode {} ", static_cast<int>(expect.rcode));
  if (expect.min_answers != 1) text += fmt::format("answers {} ", expect.min_answers);
  if (!expect.any.empty()) text += fmt::format("any {} ", expect.any);
  if (!expect.all.empty()) text += fmt::format("all {} ", expect.all);
  if (expect.authoritative) text += "aa ";
  if (expect.authenticated) text += "ad ";
  if (expect.max_latency) text += fmt::format("within {} ", written(*expect.max_latency));
  if (const auto& edns = question.edns)
    text += fmt::format("edns {}{}{} ", edns->size, edns->dnssec_ok ? " do" : "",
                        edns->nsid ? " nsid" : "");
  if (question.source) text += fmt::format("source {} ", question.source->text());
  if (!question.interface.empty()) text += fmt::format("interface {} ", question.interface);
  if (const auto& from = question.serial_from)
    text += fmt::format("serial from {} lag {} ", from->server.text(), from->lag);
  if (const auto& dnssec = question.dnssec) {
    for (const auto& anchor : dnssec->anchors)
      text += fmt::format("anchor {} {} ", anchor.zone, anchor.type.text());
    if (dnssec->margin.count() > 0) text += fmt::format("margin {} ", written(dnssec->margin));
  }
  return text;
}
std::string rest_of(const core::ExecCheck& check) {
  return fmt::format("{} {} ", check.command, written(check.timeout));
}
std::string rest_of(const core::AddressCheck&) {
  return "";
}
std::string rest_of(const core::FileCheck& check) {
  return check.present == core::FileMeaning::up      ? "up "
         : check.present == core::FileMeaning::drain ? "drain "
                                                     : "down ";
}

std::string line(const core::Check& check) {
  auto text = fmt::format(
      "check {}: {} {}rise {} fall {} interval {} fast {}", check.name, check.text(),
      std::visit([](const auto& one) { return rest_of(one); }, check.probe), check.policy.rise,
      check.policy.fall, written(check.policy.interval), written(check.policy.fast_interval));
  if (check.watch)
    text += fmt::format(" watch {}{}", check.watch->name, check.watch->pid_file.native());
  return text + "\n";
}

std::string line(const core::Rule& rule) {
  auto text = fmt::format("rule {}:", rule.name);
  for (const auto& prefix : rule.prefixes) text += " " + prefix.text();
  text += fmt::format(" checks {}", rule.checks);
  if (rule.required != 0) text += fmt::format(" require {}", rule.required);
  if (!rule.switches.empty()) text += fmt::format(" switches {}", rule.switches);
  if (rule.instance.asn) text += fmt::format(" as {}", rule.instance.asn->number());
  if (rule.instance.key) text += " in " + rule.instance.key->text();
  if (rule.route_map) text += " route-map " + rule.route_map->text();
  if (rule.on_down) text += " down " + rule.on_down->text();
  if (rule.on_drain) text += " drain " + rule.on_drain->text();
  if (rule.drain_grace) text += " grace " + written(*rule.drain_grace);
  const auto& damping = rule.damping;
  if (!damping.on) text += " undamped";
  if (damping.on && damping != core::Damping{})
    text += fmt::format(" damped {} {} {}", written(damping.half_life), damping.suppress,
                        damping.reuse);
  if (rule.group) text += fmt::format(" group {}", *rule.group);
  if (rule.keep_announcing) text += " keep " + rule.keep_announcing->text();
  if (rule.withdraw_at_start) text += " withdrawn at start";
  if (rule.withdraw_on_exit) text += " withdrawn on exit";
  return text + fmt::format(" may fall back: {}\n", rule.may_fall_back);
}

}  // namespace

std::string everything_in(const config::Config& config) {
  const auto& [settings, access, process, fleet, state_file, control_socket, lock_file, log_target,
               log_file, log_format, log_facility, log_level, http, metrics, history_file,
               history_size, on_change, on_change_timeout, control_group] = config;
  std::string text;
  for (const auto& check : settings.checks) text += line(check);
  for (const auto& rule : settings.rules) text += line(rule);
  for (const auto& group : settings.groups)
    text += fmt::format("group {}: {}\n", group.name, group.min_announced);
  text += fmt::format("mode {}\nfallback after {} restart {} to {}\nreconcile {} settle {}\n",
                      settings.mode == core::Mode::soft ? "soft" : "hard",
                      written(settings.fallback.after), written(settings.fallback.restart_delay),
                      written(settings.fallback.restart_delay_max),
                      written(settings.reconcile_interval), written(settings.settle));
  if (settings.fleet) {
    const auto& [group, site, keep, hold, timeout] = *settings.fleet;
    text += fmt::format("fleet {} site {} keep {} hold {} timeout {}\n", group, site, keep.text(),
                        hold, written(timeout));
    for (const auto& endpoint : fleet.endpoints) text += endpoint.text() + " ";
    text += fmt::format("lease {} user {} {} ca {} cert {} {}\n", written(fleet.lease), fleet.user,
                        fleet.password_file.native(), fleet.ca.native(), fleet.cert.native(),
                        fleet.key.native());
  }
  for (const auto transport : access.transports) text += fmt::format("{} ", name(transport));
  text += fmt::format("\nsocket {} {}\nvtysh {} {} {}\ntelnet {} {} {} {}\nretry {}\n",
                      access.socket.native(), written(access.socket_timeout), access.vtysh.native(),
                      access.vtysh_socket_dir.native(), written(access.vtysh_timeout),
                      // None is bgpd's usual address: the two mean the same.
                      access.telnet ? access.telnet->text() : "127.0.0.1:2605",
                      access.password_file.native(), access.enable_password_file.native(),
                      written(access.telnet_timeout), written(access.retry_after));
  text += fmt::format("process {} {} restart {} {} settle {}\n", process.name,
                      process.pid_file.native(), process.restart, written(process.restart_timeout),
                      written(process.settle));
  text += fmt::format("files {} {} {}\nlog {} {}\n", state_file.native(), control_socket.native(),
                      lock_file.native(), log_file.native(), static_cast<int>(log_level));
  for (const auto& address : http.listen) text += "listen " + address.text() + "\n";
  text += fmt::format("log to {} format {} facility {}\nmetrics {} {}\n",
                      static_cast<int>(log_target), static_cast<int>(log_format), log_facility,
                      metrics.file.native(), metrics.max_series);
  text += fmt::format("remote {} hosts {}\n", http.allow_remote, http.hosts);
  text += fmt::format("control group {}\nhistory {} {}\non change {} {}\n", control_group,
                      history_file.native(), history_size, on_change, written(on_change_timeout));
  return text;
}
