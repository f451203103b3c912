#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "config/config.hpp"
#include "core/controller.hpp"
#include "core/severity.hpp"
#include "daemon/engine.hpp"
#include "daemon/file_writer.hpp"
#include "daemon/meter.hpp"
#include "daemon/metrics.hpp"

namespace withdrawd::daemon {

/// What is measured of one run, and shown as metrics: to whoever asks, and in the file for
/// node_exporter, which is written now and then and at the end.
class Measurements {
 public:
  using TellFunction = std::function<void(core::Severity, const std::string&)>;
  struct Sources {
    std::function<core::Report()> report;
    std::function<std::uint64_t()> changes_waiting;  ///< for on_change
    std::function<std::vector<MetricsView::WriterView>()> writers;
  };

  Measurements(const boost::asio::any_io_executor& executor, std::string run, Sources sources,
               TellFunction tell);

  /// Goes on with this configuration: what has been counted stays.
  void use(const config::Config& config);
  void reload_failed() { reload_failed_ = true; }

  /// What `counters` of an earlier run had come to; after `use`.
  void resume(const boost::json::object& counters) { meter_.resume(counters); }
  boost::json::object counters() const { return meter_.to_json(); }
  bool has_file() const { return !settings_.file.empty(); }

  Engine::Witness witness();
  /// After each step of the engine.
  void stepped(const core::Controller& controller);

  /// For HTTP: also the process's own.
  std::string text() const;
  void write_file();
  /// Who writes the file.
  FileWriter& writer() { return writer_; }

 private:
  std::string own_text() const;
  void write_later();

  boost::asio::steady_timer timer_;
  std::string run_;
  Sources sources_;
  TellFunction tell_;
  config::MetricsSettings settings_;
  Meter meter_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::chrono::system_clock::time_point loaded_ = started_;
  bool reload_failed_ = false;
  bool write_failed_ = false;
  FileWriter writer_;
};

}  // namespace withdrawd::daemon
