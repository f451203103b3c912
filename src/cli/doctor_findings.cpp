#include "cli/doctor_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace withdrawd::cli {
namespace json = boost::json;
namespace {

constexpr std::size_t indent = 8;
constexpr std::size_t prefixes_shown = 20;

/// At blanks, but not within single quotes.
std::vector<std::string> words_of(const std::string& text, bool command) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : text) {
    if (command && c == '\'') quoted = !quoted;
    if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// Behind `start`, further lines indented; where a line of a command goes on, it says so to the
/// shell.
std::string filled(const std::string& start, std::size_t start_width, const std::string& text,
                   bool command, std::size_t width) {
  const std::string_view go_on = command ? " \\" : "";
  std::string out = start;
  std::size_t column = start_width;
  bool empty = true;
  for (const auto& word : words_of(text, command)) {
    if (!empty && column + 1 + word.size() + go_on.size() > width) {
      out += fmt::format("{}\n{:{}}", go_on, "", indent + 2);
      column = indent + 2;
      empty = true;
    }
    if (!empty) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    empty = false;
  }
  return out + "\n";
}

std::string line_of(const Finding& finding, const Terminal& terminal) {
  using Verdict = Finding::Verdict;
  const auto& colour = finding.verdict == Verdict::ok      ? terminal.good
                       : finding.verdict == Verdict::wrong ? terminal.bad
                       : finding.verdict == Verdict::note  ? terminal.bold
                                                           : terminal.dim;
  const auto start =
      fmt::format("{}{:<{}}{}", colour, name(finding.verdict), indent, terminal.plain);
  const auto subject = finding.subject.empty() ? finding.item : finding.subject;
  auto out = filled(start, indent, subject + ": " + finding.text, false, terminal.columns);
  if (!finding.cure.empty()) {
    const std::string arrow = "-> ";
    out += filled(std::string(indent, ' ') + arrow, indent + arrow.size(), finding.cure,
                  finding.cure_is_command, terminal.columns);
  }
  return out;
}

}  // namespace

std::string_view name(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::ok:
      return "ok";
    case Finding::Verdict::note:
      return "note";
    case Finding::Verdict::wrong:
      return "wrong";
    case Finding::Verdict::unseen:
      return "unseen";
  }
  return "";
}

std::string quoted_for_shell(const std::string& word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:@%+=,").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string doctor_text(const std::vector<Finding>& findings, const Terminal& terminal) {
  std::string out;
  std::size_t fine_prefixes = 0, wrong = 0, unseen = 0;
  for (const auto& finding : findings) {
    if (finding.verdict == Finding::Verdict::wrong) ++wrong;
    if (finding.verdict == Finding::Verdict::unseen) ++unseen;
    const bool fine = finding.item == "prefix" && finding.verdict == Finding::Verdict::ok;
    if (fine && ++fine_prefixes > prefixes_shown) continue;
    out += line_of(finding, terminal);
  }
  if (fine_prefixes > prefixes_shown) {
    out += fmt::format("{}{:<{}}{}and {} more prefixes like these\n", terminal.good, "ok", indent,
                       terminal.plain, fine_prefixes - prefixes_shown);
  }
  out += wrong == 0 ? fmt::format("\n{}Nothing is wrong.{}", terminal.good, terminal.plain)
                    : fmt::format("\n{}{} thing{} wrong.{}", terminal.bad, wrong,
                                  wrong == 1 ? " is" : "s are", terminal.plain);
  if (unseen > 0) {
    out += fmt::format(" {} could not be looked at.", unseen);
  }
  return out + "\n";
}

json::value doctor_json(const std::vector<Finding>& findings, int exit_status) {
  json::array list;
  for (const auto& finding : findings) {
    list.push_back(json::object{
        {"verdict", name(finding.verdict)},
        {"item", finding.item},
        {"subject", finding.subject},
        {"text", finding.text},
        {"cure", finding.cure.empty() ? json::value(nullptr) : json::value(finding.cure)},
        {"cure_is_command", finding.cure_is_command}});
  }
  return json::object{{"version", 1}, {"exit_status", exit_status}, {"findings", std::move(list)}};
}

}  // namespace withdrawd::cli
