#include "daemon/on_change.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "scratch.hpp"

using namespace withdrawd;
using namespace withdrawd::daemon;
using namespace std::chrono_literals;
using daemon::testing::ScratchDirectory;

namespace {

const HistoryEntry entry{.time = "2026-11-23T03:31:21.123Z",
                         .kind = "changed",
                         .rule = "anycast",
                         .prefix = "192.0.2.0/24",
                         .was = "announced",
                         .is = "withdrawn",
                         .cause = "a cause",
                         .by = "withdrawd"};

struct Runner {
  explicit Runner(const std::string& script, core::Duration limit = 60s)
      : on_change(io.get_executor(),
                  [this](core::Severity, const std::string& text) { told.push_back(text); }) {
    on_change.use({"/bin/sh", "-c", script}, limit);
  }
  boost::asio::io_context io;
  std::vector<std::string> told;
  OnChange on_change;
};

}  // namespace

TEST_CASE("the command learns all about the change from its environment") {
  const ScratchDirectory scratch;
  Runner runner(
      "echo \"$WITHDRAWD_KIND|$WITHDRAWD_RULE|$WITHDRAWD_PREFIX|$WITHDRAWD_OLD|"
      "$WITHDRAWD_NEW|$WITHDRAWD_CAUSE|$WITHDRAWD_BY|$WITHDRAWD_TIME\" > " +
      (scratch / "out").string() + "; test -n \"$PATH\"");
  runner.on_change.add(entry);
  runner.io.run();
  CHECK(testing::read(scratch / "out") ==
        "changed|anycast|192.0.2.0/24|announced|withdrawn|a cause|withdrawd|"
        "2026-11-23T03:31:21.123Z\n");
  CHECK(runner.told.empty());
}

TEST_CASE("changes have their turn one after the other, in order") {
  const ScratchDirectory scratch;
  const auto out = (scratch / "out").string();
  Runner runner("echo begin $WITHDRAWD_CAUSE >> " + out + "; sleep 0.05; echo end >> " + out);
  auto other = entry;
  for (const auto* cause : {"1", "2", "3"}) {
    other.cause = cause;
    runner.on_change.add(other);
  }
  CHECK(runner.on_change.left() == 3);
  bool idle = false;
  runner.on_change.when_idle([&] { idle = true; });
  runner.io.run();
  CHECK(testing::read(scratch / "out") == "begin 1\nend\nbegin 2\nend\nbegin 3\nend\n");
  CHECK(idle);
  CHECK(runner.on_change.idle());
}

TEST_CASE("a command that fails is a warning with the first line that it printed") {
  Runner runner("echo first; echo second; exit 3");
  runner.on_change.add(entry);
  runner.io.run();
  CHECK(runner.told ==
        std::vector<std::string>{"on_change for 192.0.2.0/24 withdrawn: exit status 3: first"});
}

TEST_CASE("a command that hangs is killed, and the next change has its turn") {
  const ScratchDirectory scratch;
  const auto out = scratch / "out";
  Runner runner("test -e " + out.string() + " && exit 0; touch " + out.string() + "; sleep 60",
                200ms);
  runner.on_change.add(entry);
  runner.on_change.add(entry);
  runner.io.run();
  CHECK(runner.told.size() == 1);
  CHECK(runner.on_change.idle());
}

TEST_CASE("a command that is not there is a warning") {
  Runner runner("");
  runner.on_change.use({"/nosuch/program"}, 1s);
  runner.on_change.add(entry);
  runner.io.run();
  REQUIRE(runner.told.size() == 1);
  CHECK(runner.told[0].find("there is no such program") != std::string::npos);
}

TEST_CASE("changes beyond those that can wait are dropped, which is told once") {
  Runner runner("true");
  for (std::size_t i = 0; i < OnChange::most_waiting + 3; ++i) runner.on_change.add(entry);
  CHECK(runner.told.size() == 1);
  CHECK(runner.on_change.left() == OnChange::most_waiting + 1);
}

TEST_CASE("without a command nothing is run") {
  Runner runner("");
  runner.on_change.use({}, 1s);
  runner.on_change.add(entry);
  CHECK(runner.on_change.idle());
}
