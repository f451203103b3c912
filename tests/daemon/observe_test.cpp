#include "daemon/observe.hpp"

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "daemon/engine.hpp"
#include "scratch.hpp"

using namespace withdrawd;
using daemon::testing::ScratchDirectory;

namespace {

/// A port on which nobody listens: the question is refused at once.
std::uint16_t closed_port() {
  boost::asio::io_context io;
  using Udp = boost::asio::ip::udp;
  return Udp::socket(io, Udp::endpoint(boost::asio::ip::address_v4::loopback(), 0))
      .local_endpoint()
      .port();
}

/// A host without DNS and without bgpd.
config::Config nobody_there(const ScratchDirectory& scratch) {
  config::Config config;
  config.access.transports = {core::TransportKind::socket};
  config.access.socket = scratch / "bgpd.vty";
  config.process.pid_file = scratch / "bgpd.pid";
  config.process.restart = {"/bin/false"};
  config.state_file = scratch / "state.json";
  config.settings.checks.push_back(
      {"resolver",
       core::DnsQuestion{.server = {core::Address::parse("127.0.0.1").value(), closed_port()},
                         .name = "www.test.com"},
       {}});
  config.settings.rules.push_back({.name = "anycast",
                                   .prefixes = {core::Prefix::parse("192.0.2.0/24").value()},
                                   .checks = {0},
                                   .instance = {},
                                   .route_map = {}});
  return config;
}

}  // namespace

TEST_CASE("a look at a host without DNS and without bgpd says both") {
  const ScratchDirectory scratch;
  const auto seen = daemon::observe(nobody_there(scratch), std::chrono::seconds(10));
  REQUIRE(seen.report.checks.size() == 1);
  CHECK(seen.report.checks[0].health == core::Health::down);
  CHECK_FALSE(seen.report.bgpd_reachable);
  CHECK(seen.withheld.empty());
  // A busy host may have stood still as well.
  const auto about = [&](std::string_view word) {
    return std::ranges::count_if(seen.problems, [word](const std::string& problem) {
      return problem.find(word) != std::string::npos;
    });
  };
  const std::string all = fmt::format("{}", fmt::join(seen.problems, "\n"));
  CAPTURE(all);
  CHECK(about("bgpd.vty") == 1);
  CHECK(about("bgpd.vty") + about("stood still") == std::ssize(seen.problems));
  CHECK_FALSE(std::filesystem::exists(scratch / "state.json"));
}

TEST_CASE("in hard mode a look says what would be done, and does it not") {
  const ScratchDirectory scratch;
  config::Config config = nobody_there(scratch);
  config.settings.mode = core::Mode::hard;
  config.settings.checks[0].policy.fall = 1;
  const auto seen = daemon::observe(config, std::chrono::seconds(10));
  // Failing DNS and no bgpd: the cell of the table in which nothing is to be done.
  CHECK(seen.withheld.empty());
  CHECK(seen.at_rest);
}

TEST_CASE("the engine asks again and again, and a stopped one feeds nothing more") {
  const ScratchDirectory scratch;
  config::Config config = nobody_there(scratch);
  config.settings.checks[0].policy.interval = std::chrono::milliseconds(1);
  boost::asio::io_context io;
  int answers = 0;
  std::unique_ptr<daemon::Engine> engine;
  engine = std::make_unique<daemon::Engine>(
      io, config, core::Memory{}, daemon::Engine::Manner::act,
      [&](const core::LogLine& line) { answers += line.text.starts_with("check \"resolver\""); },
      [&] {
        if (answers == 3) engine->stop();
      });
  engine->start();
  io.run_for(std::chrono::seconds(10));
  CHECK(answers == 3);
}

TEST_CASE("another configuration is gone on with, without forgetting health") {
  const ScratchDirectory scratch;
  config::Config config = nobody_there(scratch);
  config.settings.mode = core::Mode::hard;  // no vty: nothing is under way when it is replaced
  boost::asio::io_context io;
  bool replaced = false;
  std::unique_ptr<daemon::Engine> engine;
  engine = std::make_unique<daemon::Engine>(
      io, config, core::Memory{}, daemon::Engine::Manner::observe, [](const core::LogLine&) {},
      [&] {
        if (engine->controller().report({}).checks[0].health != core::Health::down) return;
        if (engine->controller().busy()) return;
        if (!replaced) {
          replaced = true;
          config.settings.checks.push_back(config.settings.checks[0]);
          config.settings.checks.back().name = "second";
          engine->replace(config);
          CHECK(engine->controller().report({}).checks[0].health == core::Health::down);
          CHECK(engine->controller().report({}).checks[1].health == core::Health::unknown);
          return;
        }
        if (engine->controller().report({}).checks[1].health == core::Health::down) io.stop();
      });
  engine->start();
  io.run_for(std::chrono::seconds(10));
  CHECK(replaced);
  CHECK(engine->controller().report({}).checks[1].health == core::Health::down);
}
