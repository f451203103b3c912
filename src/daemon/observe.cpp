#include "daemon/observe.hpp"

#include <boost/asio/io_context.hpp>

#include "daemon/engine.hpp"
#include "daemon/state_file.hpp"

namespace withdrawd::daemon {
Observation observe(config::Config config, core::Duration limit) {
  config.settings.first_outcome_decides = true;
  // This is no start: what is announced waits for the answers.
  for (core::Rule& rule : config.settings.rules) rule.withdraw_at_start = false;
  // Nor is anybody asked for leave.
  config.settings.fleet.reset();
  for (core::Rule& rule : config.settings.rules) rule.keep_announcing.reset();
  const StateFile state(config.state_file);
  // Of an earlier run all but the checks' counts: they are asked afresh.
  core::Memory memory = state.load(StateFile::Moment::now(), StateFile::Damaged::leave).memory;
  memory.checks.clear();
  memory.fallback = {};

  boost::asio::io_context io;
  Observation seen;
  std::unique_ptr<Engine> engine;
  engine = std::make_unique<Engine>(
      io, std::move(config), memory, Engine::Manner::observe,
      [&seen](const core::LogLine& line) {
        if (line.severity >= core::Severity::error) seen.problems.push_back(line.text);
      },
      [&] {
        const core::Controller& controller = engine->controller();
        const bool unreachable =
            controller.settings().mode == core::Mode::soft && !controller.busy() &&
            !controller.report(std::chrono::steady_clock::now()).bgpd_reachable;
        bool asked = true;
        for (const auto& check : controller.report(std::chrono::steady_clock::now()).checks)
          asked = asked && check.last.has_value();
        if (asked && (controller.at_rest() || engine->withheld_something() || unreachable))
          io.stop();
      });
  engine->start();
  io.run_for(limit);
  seen.at_rest = engine->controller().at_rest();
  seen.report = engine->controller().report(std::chrono::steady_clock::now());
  seen.withheld = engine->withheld();
  engine->stop();
  return seen;
}

}  // namespace withdrawd::daemon
