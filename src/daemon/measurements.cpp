#include "daemon/measurements.hpp"

#include <utility>

#include "daemon/version.hpp"

namespace withdrawd::daemon {
namespace {

/// As often as Prometheus usually scrapes.
constexpr auto write_interval = std::chrono::seconds(15);

core::Time now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

Measurements::Measurements(const boost::asio::any_io_executor& executor, std::string run,
                           Sources sources, TellFunction tell)
    : timer_(executor),
      run_(std::move(run)),
      sources_(std::move(sources)),
      tell_(std::move(tell)),
      writer_("metrics", executor) {}

void Measurements::use(const config::Config& config) {
  settings_ = config.metrics;
  meter_.use(config.settings);
  loaded_ = std::chrono::system_clock::now();
  reload_failed_ = false;
  timer_.cancel();
  if (has_file()) write_later();
}

Engine::Witness Measurements::witness() {
  return {.event = [this](const core::Event& event) { meter_.happened(event, now()); },
          .effect = [this](const core::Effect& effect) { meter_.wanted(effect, now()); }};
}

void Measurements::stepped(const core::Controller& controller) {
  if (meter_.reconciling() && controller.at_rest()) meter_.settled(now());
}

std::string Measurements::own_text() const {
  return metrics_text({.report = sources_.report(),
                       .counts = meter_.counts(),
                       .version = std::string(version),
                       .run = run_,
                       .now = std::chrono::system_clock::now(),
                       .started = started_,
                       .loaded = loaded_,
                       .reload_failed = reload_failed_,
                       .changes_waiting = sources_.changes_waiting(),
                       .max_series = settings_.max_series,
                       .writers = sources_.writers()});
}

std::string Measurements::text() const {
  return own_text() + process_metrics(started_);
}

void Measurements::write_later() {
  timer_.expires_after(write_interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    write_file();
    write_later();
  });
}

void Measurements::write_file() {
  if (!has_file()) return;
  writer_.replace([this, file = settings_.file, text = own_text()]() -> FileWriter::Report {
    return [this, done = write_metrics(file, text)] {
      if (done) {
        write_failed_ = false;
      } else if (!std::exchange(write_failed_, true)) {
        tell_(core::Severity::warning, done.error().text());
      }
    };
  });
}

}  // namespace withdrawd::daemon
