#include "daemon/state_file.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

#include <boost/json.hpp>

#include "scratch.hpp"

using namespace withdrawd;
using daemon::StateFile;
using daemon::testing::ScratchDirectory;

namespace {

const StateFile::Moment noon{StateFile::WallTime(std::chrono::hours(490'000)),
                             core::Time(std::chrono::hours(90))};

/// So much later by both clocks.
StateFile::Moment after(core::Duration span) {
  return {noon.wall + span, noon.steady + span};
}

core::Memory full_memory() {
  core::Memory memory;
  memory.checks["resolver"] = {core::Health::down, 2, true};
  memory.checks["na\"me\n"] = {core::Health::up, 3, true};
  core::NetworkOptions options;
  options.route_map = core::RouteMapName::parse("TAG").value();
  options.label_index = 7;
  memory.options.emplace(
      core::PrefixKey{"anycast", core::Prefix::parse("2001:db8:53::/48").value()}, options);
  core::NetworkOptions backdoor;
  backdoor.backdoor = true;
  backdoor.untypable = true;
  memory.options.emplace(core::PrefixKey{"anycast", core::Prefix::parse("192.0.2.0/24").value()},
                         backdoor);
  memory.stand_ins.emplace(core::PrefixKey{"b", core::Prefix::parse("2001:db8::/32").value()},
                           core::RouteMapName::parse("SICK").value());
  memory.restart = {"systemctl", "restart", "frr@edge.service"};
  using std::chrono::minutes;
  memory.fallback = {true, 3, noon.steady - minutes(4), true};
  memory.health_since["resolver"] = noon.steady - minutes(7);
  const core::PrefixKey plain{"anycast", core::Prefix::parse("192.0.2.0/24").value()};
  const core::PrefixKey other{"b", core::Prefix::parse("2001:db8::/32").value()};
  memory.kills = {{other, 2}};
  memory.policy.drains[plain] = {"alice", "new \"kernel\" \\x1b[31m", noon.steady - minutes(3), {}};
  memory.policy.drains[other] = {"bob", "", noon.steady, noon.steady + minutes(30)};
  memory.policy.switched[other] = noon.steady - minutes(2);
  memory.policy.flaps[plain] = {2345.5, noon.steady - minutes(1), true};
  memory.policy.since[plain] = {core::Desired::withdrawn, noon.steady - minutes(3)};
  memory.policy.since[other] = {core::Desired::degraded, noon.steady - minutes(9)};
  return memory;
}

}  // namespace

TEST_CASE("what one run leaves, the next one finds") {
  const auto back =
      daemon::parse_state(daemon::state_text(full_memory(), noon), after(std::chrono::seconds(30)));
  REQUIRE(back);
  CHECK(*back == full_memory());
}

TEST_CASE("counts that are too old are forgotten, route-maps and a killed bgpd are not") {
  const auto back = daemon::parse_state(daemon::state_text(full_memory(), noon),
                                        after(StateFile::counts_last + std::chrono::seconds(1)));
  REQUIRE(back);
  CHECK(back->checks.empty());
  CHECK(back->options == full_memory().options);
  CHECK(back->fallback == full_memory().fallback);
  CHECK(back->restart == full_memory().restart);
}

TEST_CASE("counts from a clock that went back are forgotten") {
  const auto back =
      daemon::parse_state(daemon::state_text(full_memory(), noon), after(-std::chrono::hours(1)));
  REQUIRE(back);
  CHECK(back->checks.empty());
}

TEST_CASE("a moment that has no number of nanoseconds is not taken for a minute ago") {
  // 2^55 seconds are a multiple of 2^64 nanoseconds: what overflows is the same number again.
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(noon.wall.time_since_epoch()).count();
  for (const std::int64_t saved : {now + (std::int64_t{1} << 55), std::int64_t{17'604'000'000},
                                   std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(saved);
    const auto back = daemon::parse_state(
        "{\"version\":1,\"saved\":" + std::to_string(saved) +
            ",\"checks\":{\"resolver\":{\"health\":\"down\",\"run\":2,\"good\":true}}}",
        noon);
    REQUIRE(back);
    CHECK(back->checks.empty());
  }
}

TEST_CASE("what a wall clock that was put back makes of the past is not the future") {
  const auto back =
      daemon::parse_state(daemon::state_text(full_memory(), noon),
                          StateFile::Moment{noon.wall - std::chrono::hours(9000), noon.steady});
  REQUIRE(back);
  for (const auto& [key, flaps] : back->policy.flaps) CHECK(flaps.at <= noon.steady);
  for (const auto& [key, since] : back->policy.switched) CHECK(since <= noon.steady);
  for (const auto& [key, since] : back->policy.since) CHECK(since.since <= noon.steady);
  for (const auto& [key, drain] : back->policy.drains) CHECK(drain.since <= noon.steady);
}

TEST_CASE("of drains and damping what makes no sense is left out, and the rest is taken") {
  const auto back = daemon::parse_state(
      R"({"version":1,"saved":1764000000,
          "drains":[{"rule":"r","prefix":"192.0.2.0/24","who":"a\nb","why":7,"since":"x"},
                    {"rule":"r","prefix":"192.0.2.0/25","until":"tomorrow"},
                    {"rule":"r","prefix":"192.0.2.128/25","until":9223372036854775807}],
          "flaps":[{"rule":"r","prefix":"192.0.2.0/24","penalty":-5,"at":1},
                   {"rule":"r","prefix":"192.0.2.0/24","penalty":1e300,"at":1},
                   {"rule":"r","prefix":"192.0.2.0/24","penalty":"many","at":1},
                   {"rule":"r","prefix":"192.0.2.0/24","penalty":500}],
          "desired":[{"rule":"r","prefix":"192.0.2.0/24","desired":"gone","since":1}, 3],
          "switched":{}})",
      noon);
  REQUIRE(back);
  REQUIRE(back->policy.drains.size() == 1);
  const core::Drain& drain = back->policy.drains.begin()->second;
  CHECK(drain.who == "a\\x0ab");
  CHECK(drain.why.empty());
  CHECK(drain.since == noon.steady);
  CHECK(back->policy.flaps.empty());
  CHECK(back->policy.since.empty());
  CHECK(back->policy.switched.empty());
}

TEST_CASE("a missing state file is an empty memory, without a word") {
  const ScratchDirectory scratch;
  const auto loaded = StateFile(scratch / "state.json").load(noon);
  CHECK(loaded.memory == core::Memory{});
  CHECK(loaded.warning.empty());
}

TEST_CASE("a damaged state file costs its contents, is set aside, and is told of") {
  const ScratchDirectory scratch;
  for (const std::string damaged :
       {"", "{", "[]", "{\"version\":99}", "\xff\xfe", "{\"version\":\"1\"}"}) {
    CAPTURE(damaged);
    daemon::testing::write(scratch / "state.json", damaged);
    const auto loaded = StateFile(scratch / "state.json").load(noon);
    CHECK(loaded.memory == core::Memory{});
    CHECK(loaded.warning.find("set aside") != std::string::npos);
    CHECK(daemon::testing::read(scratch / "state.json.damaged") == damaged);
    CHECK_FALSE(std::filesystem::exists(scratch / "state.json"));
  }
}

TEST_CASE("a look that changes nothing leaves a damaged state file where it is") {
  const ScratchDirectory scratch;
  daemon::testing::write(scratch / "state.json", "{");
  const auto loaded = StateFile(scratch / "state.json").load(noon, StateFile::Damaged::leave);
  CHECK_FALSE(loaded.warning.empty());
  CHECK(std::filesystem::exists(scratch / "state.json"));
}

TEST_CASE("members of the wrong type or with invalid values are passed over") {
  const auto back = daemon::parse_state(
      R"({"version":1,"saved":1764000000,"checks":{"a":5,"b":{"health":7,"run":-3,"good":"x"}},
          "withdrawn":[1,{"rule":"r","prefix":"192.0.2.1/24"},
                       {"rule":"r","prefix":"192.0.2.0/24","route_map":"A B"}],
          "fallback":[]})",
      StateFile::Moment{StateFile::WallTime{std::chrono::seconds(1764000001)}, core::Time{}});
  REQUIRE(back);
  CHECK_FALSE(back->checks.contains("a"));
  CHECK(back->checks.at("b") == core::HealthCount{});
  REQUIRE(back->options.size() == 1);
  CHECK(back->options.begin()->second == core::NetworkOptions{});
  CHECK(back->fallback == core::Fallback::Memory{});
}

TEST_CASE("saving makes missing directories and leaves no other file behind") {
  const ScratchDirectory scratch;
  const StateFile file(scratch / "deep/er/state.json");
  REQUIRE(file.save(full_memory(), noon));
  CHECK(file.load(noon).memory == full_memory());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(scratch / "deep/er"))
    ++files;
  CHECK(files == 1);
}

TEST_CASE("a state file that cannot be written says where and why, and the old one stays") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "state.json");  // a directory in its place
  const auto saved = StateFile(scratch / "state.json").save(full_memory(), noon);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().text().find((scratch / "state.json").string()) != std::string::npos);
  CHECK(std::filesystem::is_directory(scratch / "state.json"));
}

TEST_CASE("the counters of metrics are kept, and are no part of what is remembered") {
  const boost::json::object counters{{"kills", 3}};
  const auto text = daemon::state_text(full_memory(), noon, counters);
  CHECK(daemon::parse_counters(text) == counters);
  CHECK(daemon::parse_state(text, noon) == full_memory());
  CHECK(daemon::parse_counters(daemon::state_text(full_memory(), noon)).empty());
  CHECK(daemon::parse_counters("{").empty());
}

TEST_CASE("a state file gives its counters back") {
  const ScratchDirectory scratch;
  const StateFile file(scratch / "state.json");
  REQUIRE(file.save(full_memory(), noon, {{"kills", 3}}));
  CHECK(file.load(noon).counters.at("kills") == 3);
}

TEST_CASE(
    "a drain's words that somebody else wrote, too long and with odd bytes, stay as first read") {
  auto memory = full_memory();
  REQUIRE(!memory.policy.drains.empty());
  memory.policy.drains.begin()->second.who = std::string(95, 'V') + "\xf0\x9f\x98\x80 and more";
  const auto once = daemon::parse_state(daemon::state_text(memory, noon), noon);
  REQUIRE(once);
  CHECK(once->policy.drains.begin()->second.who.size() <= 100);
  const auto twice = daemon::parse_state(daemon::state_text(*once, noon), noon);
  REQUIRE(twice);
  CHECK(twice->policy == once->policy);
}

TEST_CASE("no command of another's choice is kept for root to run: it is unknown then") {
  auto memory = full_memory();
  using Words = core::RestartCommand;
  const auto kept = [&memory](Words words) {
    memory.restart = std::move(words);
    auto text = daemon::state_text(memory, noon);
    const auto back = daemon::parse_state(text, noon);
    REQUIRE(back);
    return back->restart;
  };
  for (const auto& words :
       {Words{"systemctl", "restart", "frr.service"}, Words{"/etc/init.d/frr", "restart"},
        Words{"/usr/lib/frr/frrinit.sh", "restart", "edge"}, Words{}}) {
    CHECK(kept(words) == words);
  }
  for (const auto& words :
       {Words{"/bin/sh", "-c", "id"}, Words{"systemctl", "restart", "--force"},
        Words{"systemctl", "start", "x.service"}, Words{"systemctl", "restart", "a b.service"},
        Words{"/usr/lib/frr/frrinit.sh", "restart", "../../tmp"},
        Words{"/usr/lib/frr/bgpd", "-d"}}) {
    CHECK(kept(words) == Words{});
  }
  const auto planted =
      daemon::parse_state(R"({"version":1,"restart":["/bin/sh","-c","id"]})", noon);
  REQUIRE(planted);
  CHECK(planted->restart == Words{});
}
