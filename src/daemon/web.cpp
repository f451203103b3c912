#include "daemon/web.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "daemon/report_json.hpp"

namespace withdrawd::daemon {
namespace {

/// Long enough to make asking cheap, short enough to look live.
constexpr auto fresh = std::chrono::milliseconds(200);

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
  if (!failure) return {.status = 200, .body = "ok\n"};
  return {.status = 503, .body = *failure + "\n"};
}

}  // namespace

std::string status_json(const core::Report& report) {
  auto value = to_json(report);
  value.get_object()["source"] = "daemon";
  return boost::json::serialize(value) + "\n";
}

std::optional<std::string> what_fails(const core::Report& report) {
  const auto disagrees = [](const core::PrefixReport& prefix) { return !prefix.agrees; };
  const auto prefix_text = [](const core::PrefixReport& prefix) {
    return fmt::format("rule \"{}\": {} should be {}{}", prefix.rule, prefix.prefix.text(),
                       core::name(prefix.desired),
                       prefix.trouble ? ", but: " + *prefix.trouble : " and is not");
  };
  if (report.failing) {
    const auto which = first_of(
        report.prefixes,
        [](const auto& prefix) {
          return !prefix.agrees && prefix.desired == core::Desired::withdrawn;
        },
        prefix_text);
    return which.value_or("a sick prefix is still announced");
  }
  if (!report.bgpd_reachable && !report.bgpd_gone) return "bgpd cannot be reached";
  if (const auto check = first_of(
          report.checks, [](const auto& one) { return one.health == core::Health::down; },
          [](const auto& one) { return one.story; })) {
    return check;
  }
  return first_of(report.prefixes, disagrees, prefix_text);
}

void add_web_routes(HttpRoutes& routes, WebSources sources) {
  const auto from = std::make_shared<const WebSources>(std::move(sources));
  routes.add(
      "/status.json",
      [from](const HttpRequest&) {
        return HttpResponse{.type = "application/json", .body = status_json(from->report())};
      },
      fresh);
  routes.add("/healthz", [from](const HttpRequest&) { return health(from->report()); }, fresh);
  routes.add(
      "/metrics",
      [from](const HttpRequest&) {
        return HttpResponse{.type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = from->metrics()};
      },
      fresh);
}

}  // namespace withdrawd::daemon
