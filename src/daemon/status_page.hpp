#pragma once

#include <boost/json/object.hpp>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/controller.hpp"
#include "core/events.hpp"
#include "daemon/check_traces.hpp"
#include "daemon/day_strips.hpp"
#include "daemon/history.hpp"

namespace withdrawd::daemon {

/// The page at `/`, and what it asks for. It shows one look at all, and so what it asks for is
/// bounded: of ten thousand prefixes those that are not as usual, and of the others how many.
class StatusPage {
 public:
  static constexpr std::size_t most_changes = 40;  ///< the last ones
  static constexpr std::size_t all_rows = 120;     ///< up to so many prefixes are all shown
  static constexpr std::size_t most_rows = 240;    ///< of more than that, with a concern
  static constexpr std::size_t most_rows_a_rule = 40;
  static constexpr std::size_t most_rules = 60;
  static constexpr std::size_t most_checks = 24;
  static constexpr std::size_t most_found = 40;

  /// `host` is shown at the top.
  explicit StatusPage(std::string host) : host_(std::move(host)) {}

  /// The configuration that is in force from now on.
  void use(const core::Settings& settings);
  /// What has happened so far, of earlier runs too, in its order: in place of what it has heard
  /// itself. Nothing: what it has heard is all there is.
  void begin_with(const std::vector<HistoryEntry>& earlier);
  /// What happens.
  void add(const HistoryEntry& entry);
  void answered(const core::CheckAnswered& answer, core::Time now);
  /// To be called now and then: what nobody has changed is only seen by looking.
  void see(const core::Report& report, WallTime wall) { strips_.see(report, wall); }

  struct Moment {
    core::Time steady;
    WallTime wall;
    static Moment now();
  };

  /// The page; its verdict stands in it for browsers without JavaScript.
  static std::string html(const core::Report& report);
  static std::string_view content_security_policy();
  /// What the page shows: /page.json.
  boost::json::object to_json(const core::Report& report, const Moment& now);
  /// The prefixes that a part of their text, an address in them, or a rule's name means:
  /// /find.json?TEXT, as a browser encodes it.
  boost::json::object find(const core::Report& report, std::string_view query, const Moment& now);

 private:
  class View;
  /// What happened to several prefixes of a rule at once is told once.
  struct Happening {
    HistoryEntry first;
    std::vector<std::string> prefixes;  ///< of these not all
    std::size_t count = 0;
  };
  void follow(const Moment& now);

  std::string host_;
  core::Settings settings_;
  DayStrips strips_;
  CheckTraces traces_;
  std::deque<Happening> changes_;
  /// From steady to wall time. Kept as long as it is about right, so that a moment of the past is
  /// the same number each time.
  WallTime::duration offset_{};
};

/// "%2F" and "+" as they were meant; what is no encoding stays as it is.
std::string url_decoded(std::string_view text);

}  // namespace withdrawd::daemon
