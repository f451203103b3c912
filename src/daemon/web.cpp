#include "daemon/web.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "daemon/report_json.hpp"

namespace withdrawd::daemon {
namespace {

/// Long enough to make asking cheap, short enough to look live.

std::string and_more(std::size_t others) {
  return others == 0 ? "" : fmt::format(" (and {} more)", others);
}

/// "FIRST (and 3 more)", of those that `is_bad`.
template <class Range, class IsBad, class Text>
std::optional<std::string> first_of(const Range& range, IsBad is_bad, Text text) {
  const auto found = std::ranges::find_if(range, is_bad);
  if (found == range.end()) return std::nullopt;
  return text(*found) +
         and_more(static_cast<std::size_t>(std::ranges::count_if(range, is_bad)) - 1);
}

HttpResponse health(const core::Report& report) {
  const auto failure = what_fails(report);
  // Also what is odd about a prefix that is down for its health, or meant to be so.
  std::string odd;
  constexpr std::size_t most = 20;
  std::size_t lines = 0;
  for (const core::PrefixReport& prefix : report.prefixes) {
    for (const core::Reach& one : prefix.reach) {
      if (++lines <= most) odd += fmt::format("{} {}\n", prefix.prefix.text(), one.text);
    }
  }
  if (lines > most) odd += fmt::format("and {} more\n", lines - most);
  if (!failure) return {.status = 200, .body = "ok\n" + odd};
  return {.status = 503, .body = *failure + "\n" + odd};
}

}  // namespace

std::string status_json(const core::Report& report) {
  auto value = to_json(report);
  value.get_object()["source"] = "daemon";
  return boost::json::serialize(value) + "\n";
}

std::optional<std::string> what_fails(const core::Report& report) {
  const auto is_not_fine = [](const core::PrefixReport& prefix) { return !prefix.fine(); };
  const auto prefix_text = [](const core::PrefixReport& prefix) {
    const auto fault = std::ranges::find_if(prefix.reach, &core::Reach::fault);
    const bool odd = prefix.agrees && fault != prefix.reach.end();
    return fmt::format("rule \"{}\": {} should be {}{}", prefix.rule, prefix.prefix.text(),
                       core::name(prefix.desired),
                       odd              ? ", but it " + fault->text
                       : prefix.trouble ? ", but: " + *prefix.trouble
                                        : " and is not");
  };
  if (report.failing) {
    auto which = first_of(
        report.prefixes,
        [](const auto& prefix) {
          return !prefix.fine() && prefix.desired == core::Desired::withdrawn;
        },
        prefix_text);
    if (which) return which;
    return first_of(report.prefixes, is_not_fine, prefix_text)
        .value_or("a sick prefix is still announced");
  }
  if (!report.bgpd_reachable && !report.bgpd_gone) return "bgpd cannot be reached";
  if (const auto check = first_of(
          report.checks, [](const auto& one) { return one.health == core::Health::down; },
          [](const auto& one) { return one.story; })) {
    return check;
  }
  return first_of(report.prefixes, is_not_fine, prefix_text);
}

void add_web_routes(HttpRoutes& routes, WebSources sources) {
  const auto from = std::make_shared<const WebSources>(std::move(sources));
  routes.add(
      "/status.json",
      [from](const HttpRequest&) {
        return HttpResponse{.type = "application/json", .body = status_json(from->report())};
      },
      HttpRoutes::live);
  routes.add(
      "/healthz", [from](const HttpRequest&) { return health(from->report()); }, HttpRoutes::live);
  routes.add(
      "/metrics",
      [from](const HttpRequest&) {
        return HttpResponse{.type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = from->metrics()};
      },
      HttpRoutes::live);
}

}  // namespace withdrawd::daemon
