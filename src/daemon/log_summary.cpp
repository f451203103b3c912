#include "daemon/log_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace withdrawd::daemon {

bool LogSummary::is_shown(const core::LogLine& line, core::Time now) {
  if (line.about.topic.empty()) return true;
  forget_quiet(now);
  const core::LogContext& about = line.about;
  return has_room({line.severity, about.rule, about.check, about.topic}, shown_first, line, now) &&
         has_room({line.severity, "", "", about.topic}, shown_of_all, line, now);
}

bool LogSummary::has_room(Key key, std::size_t limit, const core::LogLine& line, core::Time now) {
  const auto [place, is_new] = kinds_.try_emplace(std::move(key), Kind{.seen = now});
  Kind& kind = place->second;
  if (!is_new && kind.counted == 0 &&
      now - kind.seen >= std::max<core::Duration>(quiet, kind.pause)) {
    kind = Kind{.seen = now};
  }
  kind.seen = now;
  if (kind.counted == 0 && kind.shown < limit) {
    ++kind.shown;
    return true;
  }
  if (kind.counted++ == 0) kind.counted_since = now;
  kind.last = line;
  return false;
}

core::LogLine LogSummary::summary(Kind& kind, core::Time now) {
  core::LogLine line = kind.last;
  // The prefix is that of one among many.
  line.about.prefix.clear();
  line.text = fmt::format("{} more such line{} in {}, the last: {}", kind.counted,
                          kind.counted == 1 ? "" : "s", core::describe(now - kind.counted_since),
                          kind.last.text);
  kind.counted = 0;
  kind.pause = std::min<core::Duration>(8 * kind.pause, longest_pause);
  return line;
}

std::vector<core::LogLine> LogSummary::due(core::Time now) {
  std::vector<core::LogLine> lines;
  for (auto& [key, kind] : kinds_) {
    if (kind.counted > 0 && now >= kind.counted_since + kind.pause) {
      lines.push_back(summary(kind, now));
    }
  }
  return lines;
}

std::optional<core::Time> LogSummary::next_due() const {
  std::optional<core::Time> next;
  for (const auto& [key, kind] : kinds_) {
    const core::Time at = kind.counted_since + kind.pause;
    if (kind.counted > 0 && (!next || at < *next)) next = at;
  }
  return next;
}

std::vector<core::LogLine> LogSummary::rest() {
  std::vector<core::LogLine> lines;
  for (auto& [key, kind] : kinds_) {
    if (kind.counted > 0) lines.push_back(summary(kind, kind.seen));
  }
  return lines;
}

void LogSummary::forget_quiet(core::Time now) {
  if (now - swept_ < longest_pause) return;
  swept_ = now;
  std::erase_if(kinds_, [now](const auto& one) {
    return one.second.counted == 0 && now - one.second.seen > longest_pause;
  });
}

}  // namespace withdrawd::daemon
