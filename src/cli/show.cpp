// show: everything that is known about one prefix.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <set>

#include "cli/change_log.hpp"
#include "cli/command.hpp"
#include "cli/look.hpp"
#include "cli/status_table.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/history.hpp"
#include "vty/bgpd.hpp"
#include "vty/table.hpp"
#include "vty/transport.hpp"

namespace withdrawd::cli {
namespace json = boost::json;
namespace asio = boost::asio;
namespace {

constexpr core::Duration ask_patience = std::chrono::seconds(10);
constexpr std::size_t last_changes = 10;

/// What bgpd itself answers about the prefix, for each instance that a rule means.
struct Answer {
  std::string command;
  std::string text;  ///< lines without anything unprintable
};

std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out += core::printable(line) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

asio::awaitable<core::Result<std::vector<Answer>>> ask_bgpd(std::shared_ptr<vty::Bgpd> bgpd,
                                                            std::vector<const core::Rule*> rules,
                                                            core::Prefix prefix) {
  const vty::ReadReport read = co_await bgpd->read({});
  if (!read.observed) co_return std::unexpected(read.observed.error().error);
  std::vector<std::string> commands;
  for (const core::Rule* rule : rules) {
    const auto instance = core::choose_instance(read.observed->config, rule->instance);
    if (!instance) co_return std::unexpected(instance.error());
    const std::string command = vty::show_command(prefix, (*instance)->key);
    if (std::ranges::count(commands, command) == 0) commands.push_back(command);
  }
  // Where else it stands.
  for (const core::Instance& instance : read.observed->config.instances) {
    const std::string command = vty::show_command(prefix, instance.key);
    if (instance.networks.contains(prefix) && std::ranges::count(commands, command) == 0) {
      commands.push_back(command);
    }
  }
  const auto replies = co_await bgpd->show(commands);
  if (!replies) co_return std::unexpected(replies.error().error);
  std::vector<Answer> answers;
  bool unheard = false;
  for (std::size_t i = 0; i < commands.size() && i < replies->size(); ++i) {
    answers.push_back({commands[i], printable_lines((*replies)[i].text)});
    const auto entry = vty::read_table_entry((*replies)[i].text);
    unheard = unheard || (entry && entry->sourced_locally() && entry->advertised_to == 0U);
  }
  if (unheard) {
    std::vector<std::string> sessions{"show bgp summary"};
    const auto summary = co_await bgpd->show(sessions);
    if (summary && !summary->empty()) {
      answers.push_back({sessions.front(), printable_lines(summary->front().text)});
    }
  }
  co_return answers;
}

core::Result<std::vector<Answer>> answers_of(const config::Config& config,
                                             const std::vector<const core::Rule*>& rules,
                                             const core::Prefix& prefix) {
  asio::io_context io;
  core::Result<std::vector<Answer>> result =
      std::unexpected(core::Error{"ask bgpd", "no answer in time", ""});
  auto bgpd = std::make_shared<vty::Bgpd>(io.get_executor(), config.access, [] {});
  asio::co_spawn(io, ask_bgpd(bgpd, rules, prefix),
                 [&result](std::exception_ptr, core::Result<std::vector<Answer>> answers) {
                   result = std::move(answers);
                 });
  io.run_for(ask_patience);
  return result;
}

struct Known {
  json::value report;  ///< as of `status`, without what is about others
  core::Result<std::vector<Answer>> bgpd;
  std::vector<daemon::HistoryEntry> changes;
  std::vector<std::string> problems;
};

std::vector<daemon::HistoryEntry> changes_of(const std::filesystem::path& history_file,
                                             const core::Prefix& prefix,
                                             const std::set<std::string>& rules,
                                             std::vector<std::string>& problems) {
  if (history_file.empty()) return {};
  auto entries = daemon::HistoryReader(history_file).next();
  if (!entries) {
    problems.push_back(entries.error().text());
    return {};
  }
  std::erase_if(*entries, [&](const daemon::HistoryEntry& entry) {
    return !is_about(entry, prefix.text()) || (!entry.rule.empty() && !rules.contains(entry.rule));
  });
  if (entries->size() > last_changes) {
    entries->erase(entries->begin(), entries->end() - last_changes);
  }
  return *entries;
}

json::value as_json(const Known& known) {
  json::object root = known.report.as_object();
  json::array answers;
  if (known.bgpd) {
    for (const Answer& answer : *known.bgpd) {
      answers.push_back(json::object{{"command", answer.command}, {"answer", answer.text}});
    }
  }
  root["bgpd_says"] = std::move(answers);
  root["bgpd_error"] = known.bgpd ? json::value(nullptr) : json::value(known.bgpd.error().text());
  json::array changes;
  for (const daemon::HistoryEntry& entry : known.changes) {
    changes.push_back(json::parse(daemon::history_line(entry)));
  }
  root["changes"] = std::move(changes);
  return root;
}

std::string as_text(const Known& known, const Terminal& terminal) {
  std::string out = status_table(known.report, terminal);
  out += fmt::format("\n{}checks{}\n", terminal.bold, terminal.plain);
  for (const json::value& check : known.report.at("checks").as_array()) {
    out += check_lines(check, terminal);
  }
  if (!known.bgpd) {
    out += fmt::format("\n{}bgpd{}\n{}", terminal.bold, terminal.plain,
                       "  " + wrapped(known.bgpd.error().text(), terminal, 2, 4));
  } else {
    for (const Answer& answer : *known.bgpd) {
      out += fmt::format("\n{}bgpd: {}{}\n{}", terminal.bold, answer.command, terminal.plain,
                         answer.text);
    }
  }
  out += fmt::format("\n{}last changes{}\n", terminal.bold, terminal.plain);
  if (known.changes.empty()) out += "  none is known\n";
  for (const daemon::HistoryEntry& entry : known.changes) {
    out += change_line(entry, terminal);
  }
  return out;
}

/// What only a valid configuration tells: the rules of the prefix, and how bgpd itself is asked.
/// Beside a daemon that answers, a file with a mistake in it costs no more than that.
std::optional<Known> look(const DaemonOption& daemon, const core::Prefix& prefix) {
  const config::DaemonPaths paths = daemon.paths();
  Known known{{}, std::unexpected(core::Error{}), {}, {}};
  auto report = status_of_daemon(paths.control_socket, known.problems);
  auto loaded = config::load(daemon.file.file);
  if (!loaded && !report) {
    static_cast<void>(daemon.load());  // for its complaints
    return std::nullopt;
  }
  std::vector<const core::Rule*> rules;
  std::set<std::string> rule_names;
  if (loaded) {
    const core::Settings& settings = loaded->config.settings;
    if (const auto found = core::find_prefixes(settings, prefix.text()); !found && !report) {
      complain(found.error().text());
      return std::nullopt;
    }
    for (const core::Rule& rule : settings.rules) {
      if (std::ranges::count(rule.prefixes, prefix) == 0) continue;
      rules.push_back(&rule);
      rule_names.insert(rule.name);
    }
    known.bgpd = answers_of(loaded->config, rules, prefix);
  } else {
    known.bgpd = std::unexpected(core::Error{
        "ask bgpd", loaded.error().front().text(),
        "mend the configuration; the running withdrawd goes on with what it has read before"});
  }
  known.report = report ? *std::move(report) : own_look(loaded->config, known.problems);
  narrow(known.report, prefix.text(), loaded ? &loaded->config.settings : nullptr);
  const json::array& rows = known.report.at("prefixes").as_array();
  if (rows.empty()) {
    complain(
        fmt::format("{} is in no rule; `withdrawd status` lists those that are", prefix.text()));
    return std::nullopt;
  }
  for (const json::value& row : rows) rule_names.emplace(row.at("rule").as_string());
  known.changes = changes_of(paths.history_file, prefix, rule_names, known.problems);
  return known;
}

int run(const DaemonOption& daemon, const std::string& target, bool json_wanted) {
  const auto prefix = core::Prefix::parse(target);
  if (!prefix) {
    complain(
        fmt::format("\"{}\" is no prefix: {}", core::printable(target, 80), prefix.error().text()));
    return daemon::exit_usage;
  }
  const auto looked = look(daemon, *prefix);
  if (!looked) return daemon::exit_usage;
  const Known& known = *looked;
  if (json_wanted) {
    fmt::print("{}\n", json::serialize(as_json(known)));
  } else {
    fmt::print("{}", as_text(known, Terminal(STDOUT_FILENO)));
  }
  for (const std::string& problem : known.problems) complain(problem);
  return exit_status_of(known.report);
}

}  // namespace

void add_show(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("show", "One prefix: its checks, what bgpd says, its last changes");
  auto daemon = std::make_shared<DaemonOption>();
  auto prefix = std::make_shared<std::string>();
  auto json_wanted = std::make_shared<bool>(false);
  daemon->add_to(*command);
  command->add_option("prefix", *prefix, "Such as 192.0.2.0/24")->required();
  command->add_flag("--json", *json_wanted,
                    "For scripts; the shape is documented in docs/status-json.md");
  command->footer(
      "Asks the running daemon and bgpd; without a daemon, looks for itself, changing nothing.\n"
      "Exit status as of `status`, about this prefix.");
  command->callback(
      [daemon, prefix, json_wanted, &status] { status = run(*daemon, *prefix, *json_wanted); });
}

}  // namespace withdrawd::cli
