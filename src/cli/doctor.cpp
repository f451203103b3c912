#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <set>

#include "cli/command.hpp"
#include "cli/doctor_facts.hpp"
#include "cli/doctor_findings.hpp"
#include "cli/doctor_judge.hpp"
#include "daemon/exit_status.hpp"

namespace withdrawd::cli {
namespace {

constexpr core::Duration gather_patience = std::chrono::seconds(15);
using Verdict = Finding::Verdict;

Finding of_complaint(const config::Complaint& complaint) {
  const bool error = complaint.grade == config::Complaint::Grade::error;
  return {error ? Verdict::wrong : Verdict::note, "configuration", "", complaint.text()};
}

/// Leaves those that `target` names: by their item, by their subject, or by the rule of that
/// prefix. False after a complaint: it names none.
bool keep_what_concerns(std::vector<Finding>& findings, const std::string& target,
                        const core::Settings& settings) {
  std::set<std::string> items, subjects{target};
  if (const auto prefixes = core::find_prefixes(settings, target)) {
    for (const core::PrefixKey& key : *prefixes) subjects.insert(key.second.text());
  }
  for (const Finding& finding : findings) items.insert(finding.item);
  std::erase_if(findings, [&](const Finding& finding) {
    return finding.item != target && !subjects.contains(finding.subject);
  });
  if (!findings.empty()) return true;
  complain(
      fmt::format("nothing is known of \"{}\": expected a prefix, a rule, a check, or one of {}",
                  core::printable(target, 80), fmt::join(items, ", ")));
  return false;
}

int examine(const std::filesystem::path& file, const std::string& target,
            std::vector<Finding>& findings) {
  const auto loaded = config::load(file);
  if (!loaded) {
    for (const auto& complaint : loaded.error()) findings.push_back(of_complaint(complaint));
    return daemon::exit_usage;
  }
  for (const auto& warning : loaded->warnings) findings.push_back(of_complaint(warning));
  findings.push_back({Verdict::ok, "configuration", file.string(), "read, and valid"});

  const auto facts = gather_facts(loaded->config, gather_patience);
  std::ranges::move(judge(loaded->config, facts), std::back_inserter(findings));
  if (!target.empty() && !keep_what_concerns(findings, target, loaded->config.settings)) {
    return daemon::exit_usage;
  }
  if (loaded->config.settings.mode == core::Mode::soft && !facts.bgpd) {
    return daemon::exit_unreachable;
  }
  const bool wrong =
      std::ranges::find(findings, Verdict::wrong, &Finding::verdict) != findings.end();
  return wrong ? daemon::exit_unhealthy : daemon::exit_fine;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Walk through all that must be right on this host, and say what mends the rest");
  auto file = std::make_shared<ConfigOption>();
  auto target = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  file->add_to(*command);
  command->add_option("target", *target,
                      "A prefix, a rule, a check, or what is looked at, such as \"transport\" "
                      "(default: everything)");
  command->add_flag("--json", *as_json,
                    "For scripts; the shape is documented in docs/doctor-json.md");
  command->footer(
      "Changes nothing; asks each check once. Whoever may not look at something is told so.\n"
      "Exit status: 0 nothing is wrong, 1 something is, 2 usage or configuration, 3 bgpd cannot\n"
      "be reached.");
  command->callback([file, target, as_json, &status] {
    // A vtysh or telnet that goes away must not take us along.
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    std::vector<Finding> findings;
    status = examine(file->file, *target, findings);
    if (findings.empty()) return;
    if (*as_json) {
      fmt::print("{}\n", boost::json::serialize(doctor_json(findings, status)));
    } else {
      fmt::print("{}", doctor_text(findings, Terminal(STDOUT_FILENO)));
    }
  });
}

}  // namespace withdrawd::cli
