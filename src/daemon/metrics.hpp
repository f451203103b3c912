#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/controller.hpp"
#include "core/error.hpp"
#include "daemon/meter.hpp"

namespace withdrawd::daemon {

/// All that metrics are made of.
struct MetricsView {
  using WallTime = std::chrono::system_clock::time_point;

  core::Report report;
  Counts counts;
  std::string version;
  std::string run;  ///< "run", "cron", "once"
  WallTime now;
  WallTime started;                   ///< this process
  WallTime loaded;                    ///< the configuration that is in force
  bool reload_failed = false;         ///< the last attempt to
  std::uint64_t changes_waiting = 0;  ///< for on_change
  std::uint32_t max_series = 10'000;
  /// A place that is written to beside the loop.
  struct WriterView {
    std::string name;        ///< "log", "history", "state"
    std::uint64_t lost = 0;  ///< lines that found no room
    core::Duration waits{};  ///< of the write under way
  };
  std::vector<WriterView> writers;
};

/// What is left out of metrics, the finest first, so that there are not more than `max_series`.
struct Omission {
  bool prefixes = false;   ///< all by prefix
  bool latencies = false;  ///< the histograms by check
  bool checks = false;     ///< all by check
  bool rules = false;      ///< all by rule, and by group
};
Omission omission(const MetricsView& view);

/// In Prometheus' exposition format; pure. Also names that are not in use yet are there, at 0, so
/// that rates see their first step.
std::string metrics_text(const MetricsView& view);

/// What Prometheus' own client libraries tell of a process: processor time, memory, descriptors.
/// Not for a file: there the names would be taken for those of whoever reads it.
std::string process_metrics(MetricsView::WallTime started);

/// Puts the text where `file` is, at once and readable for all: whoever reads it sees the one
/// before or this one.
core::Result<void> write_metrics(const std::filesystem::path& file, const std::string& text);

}  // namespace withdrawd::daemon
