#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/events.hpp"
#include "core/settings.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// How often something took how long.
class Histogram {
 public:
  static constexpr std::array<double, 13> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                 0.25,  0.5,    1,     2.5,  5,     10};  ///< s

  void add(core::Duration span);

  /// By bound, each for itself; and those over the last one.
  const std::array<std::uint64_t, bounds.size() + 1>& counts() const { return counts_; }
  double sum() const { return sum_; }  ///< s

  boost::json::object to_json() const;
  static Histogram from_json(const boost::json::object& object);

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  double sum_ = 0;
};

struct CheckCounts {
  std::array<std::uint64_t, 5> outcomes{};  ///< by OutcomeKind
  Histogram latency;                        ///< of all but `unable`
};

struct RuleCounts {
  /// What became of prefixes: announced, degraded, withdrawn.
  std::array<std::uint64_t, 3> by_withdrawd{};
  std::array<std::uint64_t, 3> by_others{};
  std::uint64_t held = 0;
  std::uint64_t damped = 0;
  std::uint64_t drained = 0;
};

struct TransportCounts {
  std::uint64_t statements_sent = 0;
  std::uint64_t statements_failed = 0;
  std::uint64_t disobeyed = 0;
  std::uint64_t operations = 0;
  std::uint64_t operations_failed = 0;
};

/// What has been counted so far; never grows beyond the configuration's names.
struct Counts {
  std::map<std::string, CheckCounts> checks;          ///< by name
  std::map<std::string, RuleCounts> rules;            ///< by name
  std::map<std::string, TransportCounts> transports;  ///< "socket", "vtysh", "telnet"
  Histogram reading;                                  ///< bgpd: its configuration and table
  Histogram applying;                                 ///< statements, and reading them back
  Histogram reconciling;  ///< from the first statement until observed is desired
  std::uint64_t kills = 0;
  std::uint64_t restarts = 0;
};

/// Counts what passes by: it sees every event and effect, and has no say in anything.
class Meter {
 public:
  /// The names that there are: of others nothing is kept, of these all. Also after a reload.
  void use(const core::Settings& settings);

  void happened(const core::Event& event, core::Time now);
  void wanted(const core::Effect& effect, core::Time now);

  /// Have statements been sent since observed was last desired? Then it is worth to ask whether it
  /// is, and to say so.
  bool reconciling() const { return reconciling_since_.has_value(); }
  void settled(core::Time now);

  const Counts& counts() const { return counts_; }

  /// For a run that goes on counting where this one ends, and back: what is damaged counts from 0.
  boost::json::object to_json() const;
  void resume(const boost::json::object& object);

 private:
  void note(const core::Note& note);
  void attempts(const std::vector<core::Attempt>& attempts);

  Counts counts_;
  std::vector<std::string> check_names_;  ///< as in the settings
  std::optional<core::Time> reading_since_, applying_since_, reconciling_since_;
  std::size_t statements_ = 0;  ///< of the plan under way
};

}  // namespace withdrawd::daemon
