#include "daemon/metrics.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <system_error>

#include "daemon/exposition.hpp"
#include "daemon/web.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace {

using core::Desired;
using core::Health;
using Reason = core::DesiredState::Reason;

constexpr std::array<Health, 3> healths{Health::up, Health::down, Health::unknown};
constexpr std::array<core::OutcomeKind, 5> outcomes{
    core::OutcomeKind::ok, core::OutcomeKind::nxdomain, core::OutcomeKind::timeout,
    core::OutcomeKind::error, core::OutcomeKind::unable};
constexpr std::array<std::pair<Desired, std::string_view>, 4> desires{
    {{Desired::announced, "announced"},
     {Desired::degraded, "degraded"},
     {Desired::withdrawn, "withdrawn"},
     {Desired::as_it_is, "as_it_is"}}};
constexpr std::array<std::string_view, 3> changes{"announced", "degraded", "withdrawn"};

// How many series there are for each; metrics_test.cpp holds the code to it.
constexpr std::size_t per_prefix = 16;
constexpr std::size_t per_latency = Histogram::bounds.size() + 3;
constexpr std::size_t per_check = 9;
constexpr std::size_t per_rule = 27;
constexpr std::size_t per_group = 4;
constexpr std::size_t of_the_host = 100;

double seconds(MetricsView::WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// To the tenth of a second: where it is reckoned back from now it would flicker beyond that.
double since(const MetricsView& view, core::Duration span) {
  return std::round((seconds(view.now) - std::chrono::duration<double>(span).count()) * 10) / 10;
}

double one_if(bool holds) {
  return holds ? 1 : 0;
}

double number(std::uint64_t count) {
  return static_cast<double>(count);
}

using Prefix = core::PrefixReport;

using Kind = core::Reach::Kind;
constexpr std::array<Kind, 7> reaches{Kind::handed_on,      Kind::imported,      Kind::other_table,
                                      Kind::other_instance, Kind::default_route, Kind::unheard,
                                      Kind::contested};

bool has(const Prefix& prefix, Kind kind) {
  return std::ranges::find(prefix.reach, kind, &core::Reach::kind) != prefix.reach.end();
}

bool is_held(const Prefix& prefix) {
  return prefix.reason == Reason::minimum ||
         (prefix.reason == Reason::fleet && prefix.fleet &&
          prefix.fleet->verdict == core::FleetGuard::Verdict::held);
}

void host(const MetricsView& view, Exposition& out) {
  const core::Report& report = view.report;
  out.gauge("withdrawd_build_info", "The version that runs.");
  out.sample({{"version", view.version}, {"run", view.run}}, 1);
  out.gauge("withdrawd_start_time_seconds", "When this process began, since 1970.");
  out.sample({}, seconds(view.started));
  out.gauge("withdrawd_config_last_reload_successful",
            "Whether the configuration could be read when it was last asked to.");
  out.sample({}, one_if(!view.reload_failed));
  out.gauge("withdrawd_config_last_reload_success_timestamp_seconds",
            "Since when the configuration in force is.");
  out.sample({}, seconds(view.loaded));
  out.gauge("withdrawd_healthy", "Whether nothing fails; as /healthz says.");
  out.sample({}, one_if(!what_fails(report)));
  out.gauge(
      "withdrawd_failing",
      "Whether a human is needed: a sick prefix stays announced, or somebody else changes one "
      "back again and again.");
  out.sample({}, one_if(report.failing));
  out.gauge("withdrawd_bgpd_reachable", "Whether the last operation on bgpd got through.");
  out.sample({}, one_if(report.bgpd_reachable));
  out.gauge("withdrawd_bgpd_running", "Whether bgpd runs; missing while nobody knows.");
  if (report.bgpd_gone || report.bgpd_reachable) out.sample({}, one_if(!report.bgpd_gone));
  out.gauge("withdrawd_bgpd_killed", "Whether bgpd was killed by withdrawd and has not run since.");
  out.sample({}, one_if(report.bgpd_killed));
  out.gauge("withdrawd_bgpd_kept_by_peers",
            "Whether peers may keep what a killed bgpd announced, by graceful restart.");
  out.sample({}, one_if(report.stale.has_value()));
  out.counter("withdrawd_bgpd_kills_total", "How often withdrawd has killed bgpd.");
  out.sample({}, number(view.counts.kills));
  out.counter("withdrawd_bgpd_restarts_total", "How often withdrawd has started bgpd.");
  out.sample({}, number(view.counts.restarts));
  out.gauge("withdrawd_on_change_waiting", "Changes that wait for on_change.");
  out.sample({}, number(view.changes_waiting));
  out.counter(
      "withdrawd_lines_lost_total",
      "Lines that found no room while nobody wrote them down: a disk hangs, a pipe is full.");
  for (const auto& writer : view.writers) out.sample({{"place", writer.name}}, number(writer.lost));
  out.gauge("withdrawd_write_waits_seconds",
            "For how long what is written now has been waiting for the disk; 0: it is not.");
  for (const auto& writer : view.writers)
    out.sample({{"place", writer.name}}, std::chrono::duration<double>(writer.waits).count());
}

void fleet(const MetricsView& view, Exposition& out) {
  const auto& fleet = view.report.fleet;
  out.gauge("withdrawd_fleet_reached",
            "Whether the fleet's store answers; missing without a fleet, and while nobody knows.");
  if (fleet && fleet->reached) out.sample({}, one_if(*fleet->reached));
  out.gauge("withdrawd_fleet_name_contested",
            "Whether another host uses this site's name; missing without a fleet.");
  if (fleet) out.sample({}, one_if(!fleet->name_contested_by.empty()));
}

void all_prefixes(const MetricsView& view, Exposition& out) {
  const auto count = [&view](auto holds) {
    return static_cast<double>(std::ranges::count_if(view.report.prefixes, holds));
  };
  out.gauge("withdrawd_prefixes", "Prefixes by what they should be.");
  for (const auto& [desired, name] : desires) {
    out.sample({{"desired", name}},
               count([desired](const Prefix& one) { return one.desired == desired; }));
  }
  out.gauge("withdrawd_prefixes_in_table", "Prefixes that bgpd announces.");
  out.sample({}, count([](const Prefix& one) { return one.in_table == true; }));
  out.gauge("withdrawd_prefixes_disagreeing", "Prefixes that are not what they should be.");
  out.sample({}, count([](const Prefix& one) { return !one.agrees; }));
  out.gauge("withdrawd_prefixes_drained", "Prefixes that are drained.");
  out.sample({}, count([](const Prefix& one) { return one.drain.has_value(); }));
  out.gauge("withdrawd_prefixes_damped", "Prefixes that stay down because they flapped.");
  out.sample({}, count([](const Prefix& one) { return one.damping && one.damping->suppressed; }));
  out.gauge(
      "withdrawd_prefixes_held",
      "Prefixes that stay announced for the minimum of their group, or for the fleet, alone.");
  out.sample({}, count(is_held));
  out.gauge("withdrawd_prefixes_reach",
            "Prefixes that are reached, or not, otherwise than their statements say.");
  for (const Kind kind : reaches) {
    out.sample({{"kind", core::name(kind)}},
               count([kind](const Prefix& one) { return has(one, kind); }));
  }
}

void transports(const MetricsView& view, Exposition& out) {
  // Those that are not in use are there all the same: three in all.
  auto counts = view.counts.transports;
  for (const char* name : {"socket", "vtysh", "telnet"}) counts[name];
  const auto each = [&](std::string_view name, std::string_view help, auto member) {
    out.counter(name, help);
    for (const auto& [transport, one] : counts) {
      out.sample({{"transport", transport}}, number(one.*member));
    }
  };
  using Counts = TransportCounts;
  each("withdrawd_statements_sent_total", "Network statements that bgpd was seen to follow.",
       &Counts::statements_sent);
  each("withdrawd_statements_failed_total", "Network statements that did not get through.",
       &Counts::statements_failed);
  each("withdrawd_readback_disagreements_total",
       "Success was claimed, but reading back showed that nothing had happened.",
       &Counts::disobeyed);
  each("withdrawd_bgpd_operations_total", "Readings of bgpd, and changes.", &Counts::operations);
  each("withdrawd_bgpd_operations_failed_total", "Those that failed.", &Counts::operations_failed);

  out.histogram("withdrawd_bgpd_operation_duration_seconds",
                "From the question to bgpd until its answer, over all transports tried.");
  out.sample({{"operation", "read"}}, view.counts.reading);
  out.sample({{"operation", "apply"}}, view.counts.applying);
  out.histogram("withdrawd_reconcile_duration_seconds",
                "From the first statement until bgpd was seen to be as it should be.");
  out.sample({}, view.counts.reconciling);
}

void rules(const MetricsView& view, Exposition& out) {
  std::map<std::string, std::vector<const Prefix*>> by_rule;
  for (const auto& [name, counts] : view.counts.rules) by_rule[name];
  for (const Prefix& prefix : view.report.prefixes) by_rule[prefix.rule].push_back(&prefix);

  const auto each = [&](std::string_view name, std::string_view help, auto holds) {
    out.gauge(name, help);
    for (const auto& [rule, prefixes] : by_rule) {
      out.sample({{"rule", rule}},
                 static_cast<double>(std::ranges::count_if(
                     prefixes, [&holds](const Prefix* one) { return holds(*one); })));
    }
  };
  out.gauge("withdrawd_rule_health", "1 for the health that the rule has.");
  for (const auto& [rule, prefixes] : by_rule) {
    if (prefixes.empty()) continue;
    for (const Health health : healths) {
      out.sample({{"rule", rule}, {"health", core::name(health)}},
                 one_if(prefixes.front()->health == health));
    }
  }
  out.gauge("withdrawd_rule_prefixes", "Prefixes of the rule by what they should be.");
  for (const auto& [rule, prefixes] : by_rule) {
    for (const auto& [desired, name] : desires) {
      out.sample({{"rule", rule}, {"desired", name}},
                 static_cast<double>(std::ranges::count_if(
                     prefixes, [&](const Prefix* one) { return one->desired == desired; })));
    }
  }
  each("withdrawd_rule_prefixes_in_table", "Prefixes of the rule that bgpd announces.",
       [](const Prefix& one) { return one.in_table == true; });
  each("withdrawd_rule_prefixes_disagreeing", "Prefixes that are not what they should be.",
       [](const Prefix& one) { return !one.agrees; });
  each("withdrawd_rule_prefixes_drained", "Prefixes that are drained.",
       [](const Prefix& one) { return one.drain.has_value(); });
  each("withdrawd_rule_prefixes_damped", "Prefixes that stay down because they flapped.",
       [](const Prefix& one) { return one.damping && one.damping->suppressed; });
  out.gauge("withdrawd_rule_prefixes_reach",
            "Prefixes of the rule that are reached, or not, otherwise than their statements say.");
  for (const auto& [rule, prefixes] : by_rule) {
    for (const Kind kind : reaches) {
      out.sample({{"rule", rule}, {"kind", core::name(kind)}},
                 static_cast<double>(std::ranges::count_if(
                     prefixes, [kind](const Prefix* one) { return has(*one, kind); })));
    }
  }

  out.counter("withdrawd_rule_changes_total", "What has become of prefixes, and by whom.");
  for (const auto& [rule, counts] : view.counts.rules) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      out.sample({{"rule", rule}, {"to", changes[i]}, {"by", "withdrawd"}},
                 number(counts.by_withdrawd[i]));
      out.sample({{"rule", rule}, {"to", changes[i]}, {"by", "others"}},
                 number(counts.by_others[i]));
    }
  }
  const auto count = [&](std::string_view name, std::string_view help, auto member) {
    out.counter(name, help);
    for (const auto& [rule, counts] : view.counts.rules) {
      out.sample({{"rule", rule}}, number(counts.*member));
    }
  };
  count("withdrawd_rule_drains_total", "Drains that began, by prefix.", &RuleCounts::drained);
  count("withdrawd_rule_dampings_total", "Dampings that began, by prefix.", &RuleCounts::damped);
  count("withdrawd_rule_minimum_holds_total",
        "Withdrawals that the minimum of a group has kept from happening.", &RuleCounts::held);
}

void groups(const MetricsView& view, Exposition& out) {
  const auto each = [&](std::string_view name, std::string_view help, auto member) {
    out.gauge(name, help);
    for (const auto& group : view.report.groups) {
      out.sample({{"group", group.name}}, static_cast<double>(group.*member));
    }
  };
  using Count = core::Policy::GroupCount;
  each("withdrawd_group_min_announced", "So many prefixes of the group must stay.",
       &Count::min_announced);
  each("withdrawd_group_prefixes", "So many there are.", &Count::prefixes);
  each("withdrawd_group_prefixes_wanted", "So many are to be announced now.", &Count::wanted);
  each("withdrawd_group_prefixes_held", "Of these, so many for the minimum alone.", &Count::held);
}

void checks(const MetricsView& view, bool with_latency, Exposition& out) {
  const auto& all = view.report.checks;
  out.gauge("withdrawd_check_health", "1 for the health that the check has.");
  for (const auto& check : all) {
    for (const Health health : healths) {
      out.sample({{"check", check.name}, {"health", core::name(health)}},
                 one_if(check.health == health));
    }
  }
  out.gauge("withdrawd_check_health_since_timestamp_seconds",
            "Since when the check has that health; missing while it is unknown.");
  for (const auto& check : all) {
    if (check.health_for) out.sample({{"check", check.name}}, since(view, *check.health_for));
  }
  out.counter("withdrawd_check_outcomes_total", "What asking the check has given.");
  for (const auto& [check, counts] : view.counts.checks) {
    for (const auto kind : outcomes) {
      out.sample({{"check", check}, {"outcome", core::name(kind)}},
                 number(counts.outcomes[static_cast<std::size_t>(kind)]));
    }
  }
  if (!with_latency) return;
  out.histogram("withdrawd_check_latency_seconds",
                "From the question until the verdict on its answer.");
  for (const auto& [check, counts] : view.counts.checks) {
    out.sample({{"check", check}}, counts.latency);
  }
}

void prefixes(const MetricsView& view, Exposition& out) {
  const auto& all = view.report.prefixes;
  // As text once, not in each family.
  std::vector<std::string> texts;
  texts.reserve(all.size());
  for (const Prefix& prefix : all) texts.push_back(prefix.prefix.text());
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    out.gauge(name, help);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::optional<double> one = value(all[i]);
      if (one) out.sample({{"rule", all[i].rule}, {"prefix", texts[i]}}, *one);
    }
  };
  out.gauge("withdrawd_prefix_health", "1 for the health that the prefix has.");
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const Health health : healths) {
      out.sample({{"rule", all[i].rule}, {"prefix", texts[i]}, {"health", core::name(health)}},
                 one_if(all[i].health == health));
    }
  }
  out.gauge("withdrawd_prefix_desired", "1 for what the prefix should be.");
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const auto& [desired, name] : desires) {
      out.sample({{"rule", all[i].rule}, {"prefix", texts[i]}, {"desired", name}},
                 one_if(all[i].desired == desired));
    }
  }
  each("withdrawd_prefix_desired_since_timestamp_seconds",
       "Since when it should be that; missing while nothing is decided.",
       [&view](const Prefix& one) {
         return one.desired_for ? std::optional(since(view, *one.desired_for)) : std::nullopt;
       });
  each("withdrawd_prefix_configured",
       "Whether bgpd has a network statement for it; missing while nobody knows.",
       [](const Prefix& one) {
         return one.configured ? std::optional(one_if(*one.configured)) : std::nullopt;
       });
  each("withdrawd_prefix_in_table", "Whether bgpd announces it; missing while nobody knows.",
       [](const Prefix& one) {
         return one.in_table ? std::optional(one_if(*one.in_table)) : std::nullopt;
       });
  each("withdrawd_prefix_peers", "To so many peers it is advertised; missing while nobody knows.",
       [](const Prefix& one) {
         return one.peers ? std::optional(static_cast<double>(*one.peers)) : std::nullopt;
       });
  each("withdrawd_prefix_agrees", "Whether it is what it should be.",
       [](const Prefix& one) { return std::optional(one_if(one.agrees)); });
  each("withdrawd_prefix_drained", "Whether it is drained.",
       [](const Prefix& one) { return std::optional(one_if(one.drain.has_value())); });
  each("withdrawd_prefix_damped", "Whether it stays down because it flapped.",
       [](const Prefix& one) {
         return std::optional(one_if(one.damping && one.damping->suppressed));
       });
  each("withdrawd_prefix_damping_penalty", "Its penalty for flapping.", [](const Prefix& one) {
    return std::optional(one.damping ? std::round(one.damping->penalty) : 0);
  });
  each("withdrawd_prefix_held",
       "Whether it stays announced for the minimum of its group, or for the fleet, alone.",
       [](const Prefix& one) { return std::optional(one_if(is_held(one))); });
}

std::size_t number_of_rules(const MetricsView& view) {
  std::set<std::string_view> names;
  for (const auto& [name, counts] : view.counts.rules) names.insert(name);
  for (const Prefix& prefix : view.report.prefixes) names.insert(prefix.rule);
  return names.size();
}

}  // namespace

Omission omission(const MetricsView& view) {
  const std::size_t check_count = std::max(view.report.checks.size(), view.counts.checks.size());
  std::size_t total = of_the_host;
  const auto fits = [&total, &view](std::size_t more) {
    const bool room = total + more <= view.max_series;
    if (room) total += more;
    return room;
  };
  // The coarsest first: what is finer than what does not fit is left out, too.
  Omission omitted;
  omitted.rules = !fits(number_of_rules(view) * per_rule + view.report.groups.size() * per_group);
  omitted.checks = omitted.rules || !fits(check_count * per_check);
  omitted.latencies = omitted.checks || !fits(check_count * per_latency);
  omitted.prefixes = omitted.latencies || !fits(view.report.prefixes.size() * per_prefix);
  return omitted;
}

std::string metrics_text(const MetricsView& view) {
  const Omission omitted = omission(view);
  Exposition out;
  host(view, out);
  fleet(view, out);
  all_prefixes(view, out);
  transports(view, out);
  out.gauge("withdrawd_series_omitted",
            "Whether series of that kind are left out for the sake of max_series.");
  out.sample({{"kind", "prefix"}}, one_if(omitted.prefixes));
  out.sample({{"kind", "latency"}}, one_if(omitted.latencies));
  out.sample({{"kind", "check"}}, one_if(omitted.checks));
  out.sample({{"kind", "rule"}}, one_if(omitted.rules));
  if (!omitted.rules) {
    rules(view, out);
    groups(view, out);
  }
  if (!omitted.checks) checks(view, !omitted.latencies, out);
  if (!omitted.prefixes) prefixes(view, out);
  return out.text();
}

std::string process_metrics(MetricsView::WallTime started) {
  Exposition out;
  struct rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto span = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  out.counter("process_cpu_seconds_total", "Processor time used, user and system.");
  out.sample({}, span(used.ru_utime) + span(used.ru_stime));
  out.gauge("process_start_time_seconds", "When this process began, since 1970.");
  out.sample({}, seconds(started));
  std::istringstream memory(files::read("/proc/self/statm", 4096).value_or(""));
  double pages = 0, resident = 0;
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (memory >> pages >> resident) {
    out.gauge("process_virtual_memory_bytes", "Address space.");
    out.sample({}, pages * page);
    out.gauge("process_resident_memory_bytes", "Memory in use.");
    out.sample({}, resident * page);
  }
  std::error_code error;
  std::size_t open = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++open;
  }
  out.gauge("process_open_fds", "Open file descriptors.");
  if (!error && open > 0) out.sample({}, static_cast<double>(open - 1));
  rlimit limit{};
  out.gauge("process_max_fds", "How many there may be.");
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.sample({}, static_cast<double>(limit.rlim_cur));
  }
  return out.text();
}

core::Result<void> write_metrics(const std::filesystem::path& file, const std::string& text) {
  // Not by a name that ends with .prom: it would be read half-written.
  const auto done = files::replace(file, text, 0644, files::Umask::overruled);
  if (done) return {};
  return std::unexpected(core::Error{"write metrics: " + file.string(), done.error().happened,
                                     "set file in [metrics] to a place that withdrawd may write"});
}

}  // namespace withdrawd::daemon
