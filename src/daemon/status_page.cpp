#include "daemon/status_page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>
#include <utility>

#include "core/address.hpp"
#include "daemon/fleet_table.hpp"
#include "daemon/json_fields.hpp"
#include "daemon/page/page.hpp"
#include "daemon/report_json.hpp"
#include "daemon/verdict.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

std::int64_t in_ms(WallTime at) {
  return std::chrono::floor<milliseconds>(at.time_since_epoch()).count();
}

json::array strip_json(const std::vector<DayStrips::Change>& strip) {
  json::array array;
  for (const auto& change : strip) array.push_back({in_ms(change.at), name(change.is)});
  return array;
}

json::object trace_json(const std::vector<CheckTraces::Minute>& minutes) {
  json::array median, highest, asked, failed;
  for (const auto& minute : minutes) {
    median.push_back(minute.median_us);
    highest.push_back(minute.highest_us);
    asked.push_back(minute.asked);
    failed.push_back(minute.failed);
  }
  return {{"median_us", std::move(median)},
          {"highest_us", std::move(highest)},
          {"asked", std::move(asked)},
          {"failed", std::move(failed)}};
}

json::object bgpd_json(const core::Report& report) {
  const std::string_view state =
      report.bgpd_killed ? "killed by the fallback, and not running"
      : report.bgpd_gone ? "not running"
      : !report.bgpd_reachable
          ? (report.via.empty() && report.mode == core::Mode::soft ? "has not answered yet"
                                                                   : "cannot be reached")
      : report.mode == core::Mode::hard ? "is watched by its process"
                                        : "answers";
  return {{"state", state},
          {"fine", !report.bgpd_killed && !report.bgpd_gone && report.bgpd_reachable},
          {"through", or_null(report.via)}};
}

/// How long entries may lie apart that are told as one.
constexpr auto together = std::chrono::seconds(1);

/// Is it the same as that one, but for the prefix?
bool is_more_of(const HistoryEntry& one, const HistoryEntry& other) {
  const auto at = moment_of(one);
  const auto before = moment_of(other);
  return at && before && *at - *before <= together && *before - *at <= together &&
         one.kind == other.kind && one.rule == other.rule && one.was == other.was &&
         one.is == other.is && one.cause == other.cause && one.by == other.by;
}

/// So many prefixes of one change are named.
constexpr std::size_t most_named = 3;

/// How many prefixes stand where.
struct Tally {
  std::array<std::size_t, 4> by_standing{};
  void count(Standing standing) { ++by_standing[static_cast<std::size_t>(standing)]; }
  json::object by_name() const {
    json::object object;
    for (const Standing standing :
         {Standing::announced, Standing::degraded, Standing::withdrawn, Standing::unknown}) {
      object[name(standing)] = by_standing[static_cast<std::size_t>(standing)];
    }
    return object;
  }
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

/// One report, at one moment, as JSON.
class StatusPage::View {
 public:
  View(const StatusPage& page, const core::Report& report, const Moment& now)
      : page_(page), report_(report), now_(now) {
    for (const core::PrefixReport& prefix : report.prefixes) {
      concerns_.push_back(concern_about(prefix, report));
    }
  }

  json::object row(std::size_t index) const {
    const core::PrefixReport& prefix = report_.prefixes[index];
    const Concern concern = concerns_[index];
    json::object row{
        {"prefix", prefix.prefix.text()},
        {"is", name(standing_of(prefix, report_))},
        {"should", core::name(prefix.desired)},
        {"since_ms", prefix.desired_for ? ago(*prefix.desired_for) : json::value()},
        {"usual", concern == Concern::none},
        {"reason", reason(prefix.reason)},
        {"strip", strip_json(page_.strips_.strip({prefix.rule, prefix.prefix}, now_.wall))}};
    row["peers"] = prefix.peers ? json::value(*prefix.peers) : json::value();
    row["route_map"] = prefix.options && prefix.options->route_map
                           ? json::value(prefix.options->route_map->text())
                           : json::value();
    // Of a healthy prefix it would be new each time, and of no interest.
    if (concern != Concern::none && concern != Concern::drained) row["why"] = prefix.why;
    if (const auto obstacle = obstacle_of(prefix)) row["obstacle"] = *obstacle;
    if (const auto& drain = prefix.drain) {
      row["drain"] = json::object{
          {"who", drain->who},
          {"why", drain->why},
          {"since_ms", ago(drain->lasted)},
          {"until_ms", drain->left ? ahead(*drain->left) : json::value()},
          {"grace_until_ms", drain->grace_left ? ahead(*drain->grace_left) : json::value()}};
    }
    if (const auto& damping = prefix.damping; damping && damping->suppressed) {
      row["damped_until_ms"] = ahead(damping->left);
    }
    return row;
  }

  json::object rule(std::size_t number, std::size_t first, std::size_t end,
                    std::size_t& rows_left) const {
    const core::Rule& rule = page_.settings_.rules[number];
    std::vector<std::size_t> order(end - first);
    std::iota(order.begin(), order.end(), first);
    std::ranges::sort(order, {}, [this](std::size_t i) { return std::pair(concerns_[i], i); });
    Tally tally;
    for (std::size_t i = first; i < end; ++i) {
      tally.count(standing_of(report_.prefixes[i], report_));
    }
    json::array rows;
    std::size_t unusual = 0;
    for (const std::size_t i : order) {
      const bool usual = concerns_[i] == Concern::none;
      unusual += !usual;
      if (!shows_all() && (usual || rows.size() >= most_rows_a_rule || rows_left == 0)) continue;
      if (rows_left > 0) --rows_left;
      rows.push_back(row(i));
    }
    json::array checks;
    for (const std::size_t check : rule.checks) {
      if (checks.size() < 8) checks.push_back(json::string(page_.settings_.checks[check].name));
    }
    json::object object{
        {"name", rule.name},
        {"prefixes", end - first},
        {"counts", tally.by_name()},
        {"unusual", unusual},
        {"health", first < end ? core::name(report_.prefixes[first].health) : "unknown"},
        {"checks", std::move(checks)},
        {"more_checks", rule.checks.size() - std::min<std::size_t>(rule.checks.size(), 8)},
        {"group",
         rule.group ? json::value(page_.settings_.groups[*rule.group].name) : json::value()}};
    if (rows.size() < end - first) {
      object["strip"] = strip_json(page_.strips_.worst_strip(rule.name, now_.wall));
    }
    object["rows"] = std::move(rows);
    return object;
  }

  /// The rules with the greatest concern first.
  void rules(json::object& object) const {
    struct Place {
      std::size_t number, first, end;
      Concern worst;
    };
    std::vector<Place> places;
    std::size_t first = 0;
    for (std::size_t number = 0; number < page_.settings_.rules.size(); ++number) {
      const std::string& rule = page_.settings_.rules[number].name;
      std::size_t end = first;
      Concern worst = Concern::none;
      for (; end < report_.prefixes.size() && report_.prefixes[end].rule == rule; ++end) {
        worst = std::min(worst, concerns_[end]);
      }
      if (first != end) places.push_back({number, first, end, worst});
      first = end;
    }
    std::ranges::sort(places, {},
                      [](const Place& place) { return std::pair(place.worst, place.number); });
    json::array rules;
    std::size_t rows_left = most_rows;
    for (const Place& place : places) {
      if (rules.size() >= most_rules) break;
      rules.push_back(rule(place.number, place.first, place.end, rows_left));
    }
    object["more_rules"] = places.size() - std::min(places.size(), rules.size());
    object["rules"] = std::move(rules);
  }

  void checks(json::object& object) const {
    std::vector<std::size_t> order(report_.checks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [this](std::size_t i) {
      const core::Health health = report_.checks[i].health;
      const int rank = health == core::Health::down ? 0 : health == core::Health::unknown ? 1 : 2;
      return std::pair(rank, i);
    });
    json::array checks;
    for (const std::size_t i : order) {
      if (checks.size() >= most_checks) break;
      checks.push_back(check(i));
    }
    object["more_checks"] = report_.checks.size() - checks.size();
    object["checks"] = std::move(checks);
  }

  json::value fleet() const {
    if (!report_.fleet) return nullptr;
    json::value table = fleet_table(
        *report_.fleet, report_.fleet->reached_for ? ago(*report_.fleet->reached_for) : nullptr);
    table.as_object()["keep_announcing"] =
        page_.settings_.fleet ? page_.settings_.fleet->keep_announcing.text() : "";
    return table;
  }

  bool shows_all() const { return report_.prefixes.size() <= all_rows; }

  json::object tally() const {
    Tally tally;
    for (const auto& prefix : report_.prefixes) tally.count(standing_of(prefix, report_));
    return tally.by_name();
  }

 private:
  json::object check(std::size_t index) const {
    const core::CheckReport& check = report_.checks[index];
    json::object object{{"name", check.name},
                        {"question", check.question},
                        {"health", core::name(check.health)},
                        {"since_ms", check.health_for ? ago(*check.health_for) : json::value()},
                        {"last", nullptr},
                        {"trace", trace_json(page_.traces_.trace(index, now_.steady))}};
    if (const auto& last = check.last) {
      object["last"] = json::object{
          {"outcome", core::name(last->kind)},
          {"detail", last->detail},
          {"latency_us",
           std::chrono::duration_cast<std::chrono::microseconds>(last->latency).count()}};
    }
    return object;
  }

  json::value at(core::Time time) const {
    return in_ms(WallTime(std::chrono::duration_cast<WallTime::duration>(time.time_since_epoch()) +
                          page_.offset_));
  }
  json::value ago(core::Duration span) const { return at(now_.steady - span); }
  json::value ahead(core::Duration span) const { return at(now_.steady + span); }

  static std::string_view reason(core::DesiredState::Reason reason) {
    using Reason = core::DesiredState::Reason;
    switch (reason) {
      case Reason::start:
        return "start";
      case Reason::damping:
        return "damping";
      case Reason::minimum:
        return "minimum";
      case Reason::fleet:
        return "fleet";
      case Reason::drain:
        return "drain";
      case Reason::exit:
        return "exit";
      case Reason::health:
        break;
    }
    return "health";
  }

  const StatusPage& page_;
  const core::Report& report_;
  Moment now_;
  std::vector<Concern> concerns_;
};

StatusPage::Moment StatusPage::Moment::now() {
  return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

void StatusPage::use(const core::Settings& settings) {
  settings_ = settings;
  strips_.use(settings);
  traces_.use(settings);
}

void StatusPage::add(const HistoryEntry& entry) {
  strips_.add(entry);
  if (changes_.empty() || !is_more_of(entry, changes_.back().first)) {
    changes_.push_back({entry, {}, 0});
    if (changes_.size() > most_changes) changes_.pop_front();
  }
  if (entry.prefix.empty()) return;
  Happening& last = changes_.back();
  ++last.count;
  if (last.prefixes.size() < most_named) last.prefixes.push_back(entry.prefix);
}

void StatusPage::begin_with(const std::vector<HistoryEntry>& earlier) {
  if (earlier.empty()) return;
  strips_ = {};
  strips_.use(settings_);
  changes_.clear();
  for (const HistoryEntry& entry : earlier) add(entry);
}

void StatusPage::answered(const core::CheckAnswered& answer, core::Time now) {
  traces_.add(answer.check, answer.outcome, now);
}

void StatusPage::follow(const Moment& now) {
  const auto offset = now.wall.time_since_epoch() -
                      std::chrono::duration_cast<WallTime::duration>(now.steady.time_since_epoch());
  if (offset - offset_ > milliseconds(200) || offset_ - offset > milliseconds(200)) {
    offset_ = offset;
  }
}

std::string StatusPage::html(const core::Report& report) {
  constexpr std::string_view place = "@verdict@";
  std::string html(page::html);
  const auto at = html.find(place);
  if (at != html.npos) html.replace(at, place.size(), escaped(verdict_on(report).in_full()));
  return html;
}

std::string_view StatusPage::content_security_policy() {
  return page::content_security_policy;
}

json::object StatusPage::to_json(const core::Report& report, const Moment& now) {
  follow(now);
  strips_.see(report, now.wall);
  const View view(*this, report, now);
  const Verdict verdict = verdict_on(report);
  json::array changes;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    const HistoryEntry& entry = change->first;
    const auto at = moment_of(entry);
    changes.push_back({{"at_ms", at ? json::value(in_ms(*at)) : json::value()},
                       {"kind", entry.kind},
                       {"rule", or_null(entry.rule)},
                       {"prefixes", json::value_from(change->prefixes)},
                       {"count", change->count},
                       {"was", or_null(entry.was)},
                       {"is", or_null(entry.is)},
                       {"cause", entry.cause},
                       {"by", entry.by}});
  }
  json::object object{{"now_ms", in_ms(now.wall)},
                      {"host", host_},
                      {"mode", report.mode == core::Mode::soft ? "soft" : "hard"},
                      {"verdict", json::object{{"grade", name(verdict.grade)},
                                               {"text", verdict.text},
                                               {"more", verdict.more}}},
                      {"bgpd", bgpd_json(report)},
                      {"failing", report.failing},
                      {"prefixes", report.prefixes.size()},
                      {"counts", view.tally()},
                      {"shows_all", view.shows_all()},
                      {"groups", groups_json(report)},
                      {"fleet", view.fleet()},
                      {"changes", std::move(changes)}};
  view.rules(object);
  view.checks(object);
  return object;
}

json::object StatusPage::find(const core::Report& report, std::string_view query,
                              const Moment& now) {
  constexpr std::size_t longest = 300;
  follow(now);
  const std::string text = url_decoded(query.substr(0, longest));
  const View view(*this, report, now);
  const auto address = core::Address::parse(text);
  json::array rows;
  std::size_t count = 0;
  for (std::size_t i = 0; i < report.prefixes.size() && !text.empty(); ++i) {
    const core::PrefixReport& prefix = report.prefixes[i];
    const bool fits =
        (address && prefix.prefix.contains(core::Prefix::containing(*address, address->bits()))) ||
        prefix.prefix.text().find(text) != text.npos || prefix.rule.find(text) != text.npos;
    if (!fits || ++count > most_found) continue;
    rows.push_back(view.row(i));
    rows.back().as_object()["rule"] = prefix.rule;
  }
  return {{"now_ms", in_ms(now.wall)}, {"count", count}, {"rows", std::move(rows)}};
}

std::string url_decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool two_more = text[i] == '%' && i + 2 < text.size();
    if (two_more && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace withdrawd::daemon
