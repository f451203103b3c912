#include "cli/change_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "core/outcome.hpp"
#include "core/prefix.hpp"

namespace withdrawd::cli {
namespace {

std::string what_happened(const daemon::HistoryEntry& entry) {
  if (entry.was.empty() && entry.is.empty()) return core::printable(entry.kind);
  return core::printable(entry.was.empty() ? entry.is : entry.was + " -> " + entry.is);
}

const std::string& colour_of(const daemon::HistoryEntry& entry, const Terminal& terminal) {
  const auto& word = entry.is.empty() ? entry.kind : entry.is;
  for (const auto* good : {"announced", "released", "undrained", "undamped", "restarted"}) {
    if (word == good) return terminal.good;
  }
  return terminal.bad;
}

std::string subject_of(const daemon::HistoryEntry& entry) {
  if (!entry.prefix.empty()) return core::printable(entry.prefix);
  return entry.rule.empty() ? "bgpd" : fmt::format("rule \"{}\"", core::printable(entry.rule));
}

/// What stands behind the change.
std::string circumstances(const daemon::HistoryEntry& entry) {
  std::string text;
  if (!entry.prefix.empty() && !entry.rule.empty()) {
    text += fmt::format(" (rule \"{}\")", core::printable(entry.rule));
  }
  if (!entry.cause.empty()) text += ": " + core::printable(entry.cause, 1000);
  if (!entry.by.empty()) text += "; by " + core::printable(entry.by);
  return text;
}

}  // namespace

bool is_about(const daemon::HistoryEntry& entry, std::string_view target) {
  if (target.empty() || (entry.rule.empty() && entry.prefix.empty())) return true;
  if (entry.rule == target || entry.prefix == target) return true;
  const auto prefix = core::Prefix::parse(target);
  return prefix && entry.prefix == prefix->text();
}

core::Result<std::string> typed_time(const std::string& text,
                                     std::chrono::system_clock::time_point now) {
  // What is left out is the beginning of the day, the minute.
  static const std::regex shape(R"((\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?Z?)");
  if (std::smatch parts; std::regex_match(text, parts, shape)) {
    return parts[2].matched ? parts.str(1) + "T" + parts.str(2) : parts.str(1);
  }
  const auto ago = parse_length(text);
  if (ago) {
    const auto then = now - std::chrono::duration_cast<std::chrono::seconds>(*ago);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
  }
  return std::unexpected(core::Error{
      "", fmt::format("\"{}\" is neither a time nor how long ago", core::printable(text, 60)),
      "expected such as \"2h\" or \"2026-11-23T03:31Z\""});
}

std::string change_line(const daemon::HistoryEntry& entry, const Terminal& terminal) {
  const auto time = core::printable(entry.time);
  const auto subject = subject_of(entry);
  const auto happened = what_happened(entry);
  const auto column = time.size() + 1 + subject.size() + 1 + happened.size();
  return fmt::format("{}{}{} {} {}{}{}{}", terminal.dim, time, terminal.plain, subject,
                     colour_of(entry, terminal), happened, terminal.plain,
                     wrapped(circumstances(entry), terminal, column, 4));
}

}  // namespace withdrawd::cli
