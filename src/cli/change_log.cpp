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

const std::string& colour_of(const daemon::HistoryEntry& entry, const Palette& palette) {
  const auto& word = entry.is.empty() ? entry.kind : entry.is;
  for (const auto* good : {"announced", "released", "undrained", "undamped", "restarted"}) {
    if (word == good) return palette.good;
  }
  return palette.bad;
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

/// Breaks `text` at blanks, the first line beginning at `column`.
std::string broken(std::string_view text, std::size_t column, std::size_t width) {
  constexpr std::size_t indent = 4;
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' ', 1), text.size());
    auto word = text.substr(0, end);
    text.remove_prefix(end);
    if (width > 0 && column + word.size() > width && word.starts_with(' ')) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      word.remove_prefix(1);
    }
    out += word;
    column += word.size();
  }
  return out;
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

std::string change_line(const daemon::HistoryEntry& entry, const Palette& palette,
                        std::size_t width) {
  const auto time = core::printable(entry.time);
  const auto subject = subject_of(entry);
  const auto happened = what_happened(entry);
  const auto column = time.size() + 1 + subject.size() + 1 + happened.size();
  return fmt::format("{}{}{} {} {}{}{}{}\n", palette.dim, time, palette.plain, subject,
                     colour_of(entry, palette), happened, palette.plain,
                     broken(circumstances(entry), column, width));
}

}  // namespace withdrawd::cli
