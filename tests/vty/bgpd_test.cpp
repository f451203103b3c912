#include "vty/bgpd.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <deque>

#include "fake_bgpd.hpp"
#include "fake_socket.hpp"
#include "fake_vtysh.hpp"
#include "process/event_loop.hpp"
#include "process/scratch_directory.hpp"
#include "transcript.hpp"
#include "vty/transport.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using core::Change;
using core::Lookup;
using core::Plan;
using core::Trouble;
using test::FakeBgpd;
using test::FakeSocket;
using test::framed;
using test::run_to_end;
using test::Transcript;
using vty::Bgpd;
using vty::Failure;
using vty::Reply;

namespace {

namespace asio = boost::asio;
using Lines = std::vector<std::string>;
using Replies = std::expected<std::vector<Reply>, Failure>;

core::Prefix prefix(std::string_view text) {
  return core::Prefix::parse(text).value();
}
core::Asn asn(std::int64_t number) {
  return core::Asn::from(number).value();
}
core::InstanceKey view(std::string_view name) {
  return {core::InstanceKey::Kind::view, core::VtyName::parse(name).value()};
}

Change withdraw(std::string_view network, const core::InstanceKey& key = {},
                std::int64_t as = 65001) {
  return {Change::Verb::withdraw, asn(as), key, prefix(network), {}};
}
Change announce(std::string_view network, const core::InstanceKey& key = {},
                std::int64_t as = 65001) {
  return {Change::Verb::announce, asn(as), key, prefix(network), {}};
}
Lookup lookup(std::string_view network, const core::InstanceChoice& choice = {}) {
  return {prefix(network), choice};
}
const core::InstanceChoice the_default{.asn = {}, .key = core::InstanceKey{}};

/// A way into a FakeBgpd that can be told to fail; what passes through it is written down.
struct FakeTransport : vty::Transport {
  FakeTransport(std::string called, FakeBgpd& into) : name(std::move(called)), bgpd(&into) {}

  std::string text() const override { return name; }
  asio::awaitable<Replies> show(std::vector<std::string> commands) override {
    ++shows;
    if (out_of_memory) throw std::bad_alloc();
    if (failure) co_return std::unexpected(*failure);
    std::vector<Reply> replies;
    for (const auto& command : commands) replies.push_back(one(command));
    co_return replies;
  }
  asio::awaitable<Replies> configure(std::vector<std::string> lines) override {
    ++configures;
    if (out_of_memory) throw std::bad_alloc();
    if (failure) co_return std::unexpected(*failure);
    if (bgpd->locked) {
      co_return std::unexpected(
          Failure{Trouble::locked, {"configure", "locked by somebody", "wait"}});
    }
    std::vector<Reply> replies;
    for (const auto& line : lines) {
      auto reply = one(line);
      if (!reply.mere_success()) replies.push_back(std::move(reply));
    }
    co_return replies;
  }
  void close() override { ++closes; }

  Reply one(const std::string& command) {
    typed.push_back(command);
    if (override_answer && command == override_answer->first) {
      return {override_answer->second, 0, command};
    }
    auto said = bgpd->answer(command);
    return {std::move(said.text), said.status, command};
  }
  void fail(Trouble trouble, std::string happened) {
    failure = Failure{trouble, {"", std::move(happened), ""}};
  }

  std::string name;
  FakeBgpd* bgpd;
  std::optional<Failure> failure;
  bool out_of_memory = false;
  std::optional<std::pair<std::string, std::string>> override_answer;
  Lines typed;
  int shows = 0;
  int configures = 0;
  int closes = 0;
};

/// A Bgpd with fake ways into the same fake bgpd.
struct Bench {
  explicit Bench(std::initializer_list<const char*> names, core::Duration retry_after = 1h) {
    for (const auto* name : names) {
      auto transport = std::make_unique<FakeTransport>(name, model);
      ways.push_back(transport.get());
      owned.push_back(std::move(transport));
    }
    bgpd.emplace(std::move(owned), retry_after);
  }
  vty::ReadReport read(std::vector<Lookup> lookups = {}) { return run_to_end(bgpd->read(lookups)); }
  vty::ApplyReport apply(std::vector<Change> changes, std::vector<Lookup> lookups = {}) {
    return run_to_end(bgpd->apply(Plan{std::move(changes)}, std::move(lookups)));
  }

  FakeBgpd model;
  std::vector<FakeTransport*> ways;
  std::vector<std::unique_ptr<vty::Transport>> owned;
  std::optional<Bgpd> bgpd;
};

std::string error_of(const auto& report) {
  return report.observed ? "no error" : report.observed.error().error.text();
}

}  // namespace

TEST_CASE("a read gives the configuration and what is in the table") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}, {prefix("2001:db8:53::/48"), ""}};
  const auto here = lookup("192.0.2.0/24");
  const auto there = lookup("2001:db8:53::/48", the_default);
  const auto nowhere = lookup("203.0.113.0/24");
  const auto report = bench.read({here, there, nowhere});
  REQUIRE(report.observed);
  CHECK(report.observed->config.instances.at(0).networks.size() == 2);
  CHECK(report.observed->in_table ==
        std::map<Lookup, bool>{{here, true}, {there, true}, {nowhere, false}});
  CHECK(report.via == "socket");
}

TEST_CASE("a read gives to how many peers a prefix is advertised, where bgpd says so") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  const auto here = lookup("192.0.2.0/24");
  bench.ways[0]->override_answer = {
      "show ip bgp 192.0.2.0/24",
      "BGP routing table entry for 192.0.2.0/24\nPaths: (1 available, best #1)\n"
      "  Advertised to non peer-group peers:\n  10.0.0.2 10.0.0.3\n  Local\n"
      "    0.0.0.0 from 0.0.0.0 (10.0.0.1)\n      Origin IGP, valid, sourced, local, best\n"};
  auto report = bench.read({here, lookup("203.0.113.0/24")});
  REQUIRE(report.observed);
  CHECK(report.observed->advertised_to ==
        std::map<Lookup, unsigned>{{here, 2}, {lookup("203.0.113.0/24"), 0}});

  bench.ways[0]->override_answer = {"show ip bgp 192.0.2.0/24", "No BGP process is configured\n"};
  report = bench.read({here});
  REQUIRE(report.observed);
  CHECK(report.observed->advertised_to.empty());
}

TEST_CASE("a way for which memory does not suffice is closed, and the next one does the work") {
  Bench bench({"socket", "telnet"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  bench.ways[0]->out_of_memory = true;
  const auto report = bench.apply({{withdraw("192.0.2.0/24")}}, {lookup("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.via ==
        "telnet (socket: send statements: out of memory (what bgpd has done by then is read "
        "again))");
  CHECK(bench.ways[0]->closes == 1);
  CHECK(bench.model.networks.empty());
  bench.ways[1]->out_of_memory = true;
  const auto failed = bench.read({lookup("192.0.2.0/24")});
  REQUIRE_FALSE(failed.observed);
  CHECK(failed.observed.error().trouble == Trouble::silent);
}

TEST_CASE("a look-up whose instance is not there is missing, and asked about no other") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  const auto report = bench.read({lookup("192.0.2.0/24", {.asn = asn(64999), .key = {}}),
                                  lookup("192.0.2.0/24", {.asn = {}, .key = view("LAB")})});
  REQUIRE(report.observed);
  CHECK(report.observed->in_table.empty());
  CHECK(bench.ways[0]->typed == Lines{"show running-config"});
}

TEST_CASE("an answer that says nothing about the table leaves the look-up out") {
  Bench bench({"socket"});
  bench.ways[0]->override_answer = {"show ip bgp 192.0.2.0/24", "No BGP process is configured\n"};
  const auto report = bench.read({lookup("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.observed->in_table.empty());
}

TEST_CASE("from the second time on, configuration and table are asked for in one go") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  bench.read({lookup("192.0.2.0/24")});
  CHECK(bench.ways[0]->shows == 2);
  const auto report = bench.read({lookup("192.0.2.0/24")});
  CHECK(bench.ways[0]->shows == 3);
  CHECK(report.observed->in_table.at(lookup("192.0.2.0/24")));
}

TEST_CASE("a look-up is made again when the configuration shows that it meant another instance") {
  Bench bench({"socket"});
  const auto wanted = lookup("192.0.2.0/24", {.asn = asn(65001), .key = {}});
  auto& answer = bench.ways[0]->override_answer;
  answer = {"show running-config", "!\nrouter bgp 65001 view LAB\n exit\n!\n"};
  auto report = bench.read({wanted});
  REQUIRE(report.observed);
  CHECK_FALSE(report.observed->in_table.at(wanted));

  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  answer.reset();
  bench.ways[0]->typed.clear();
  report = bench.read({wanted});
  REQUIRE(report.observed);
  CHECK(report.observed->in_table.at(wanted));
  CHECK(bench.ways[0]->typed == Lines{"show running-config", "show ip bgp view LAB 192.0.2.0/24",
                                      "show ip bgp 192.0.2.0/24"});
}

TEST_CASE("a plan is typed, read back and reported with the first transport's name") {
  Bench bench({"socket", "vtysh"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}, {prefix("198.51.100.0/24"), ""}};
  const auto report = bench.apply({withdraw("192.0.2.0/24")}, {lookup("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.via == "socket");
  CHECK(report.answered.empty());
  CHECK(report.observed->config.instances.at(0).networks.size() == 1);
  CHECK_FALSE(report.observed->in_table.at(lookup("192.0.2.0/24")));
  CHECK(bench.ways[1]->typed.empty());
}

TEST_CASE("an empty plan changes nothing and is read all the same") {
  Bench bench({"socket"});
  const auto report = bench.apply({});
  REQUIRE(report.observed);
  CHECK(bench.ways[0]->configures == 0);
}

TEST_CASE("what bgpd said that was not mere success is kept, with control characters escaped") {
  Bench bench({"socket"});
  bench.ways[0]->override_answer = {"end", "strange \x1b[31m\ntext\n"};
  const auto report = bench.apply({withdraw("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.answered ==
        Lines{"no network 192.0.2.0/24: % Can't find specified static route configuration.",
              "end: strange \\x1b[31m; text"});
}

TEST_CASE("a transport that fails is passed over for a while, and the next one does the work") {
  Bench bench({"socket", "vtysh", "telnet"});
  bench.ways[0]->fail(Trouble::unreachable, "permission denied");
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};

  auto report = bench.apply({withdraw("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.via == "vtysh (socket: permission denied)");
  using End = core::Attempt::End;
  CHECK(report.attempts ==
        std::vector<core::Attempt>{{"socket", End::failed}, {"vtysh", End::done}});
  CHECK(bench.ways[0]->configures == 1);

  CHECK(bench.apply({announce("192.0.2.0/24")}).via == "vtysh");
  CHECK(bench.read().via == "vtysh");
  CHECK(bench.ways[0]->configures == 1);
  CHECK(bench.ways[0]->shows == 0);

  SUBCASE("until reset()") {
    bench.ways[0]->failure.reset();
    bench.bgpd->reset();
    CHECK(bench.read().via == "socket");
    CHECK(bench.ways[2]->closes == 1);
  }
  SUBCASE("unless all others fail") {
    bench.ways[0]->failure.reset();
    bench.ways[1]->fail(Trouble::silent, "hangs");
    bench.ways[2]->fail(Trouble::unreachable, "refused");
    CHECK(bench.read().via == "socket (vtysh: hangs; telnet: refused)");
    // And then it is the one that is known to work.
    CHECK(bench.read().via == "socket");
  }
}

TEST_CASE("a transport that failed is tried first again when its time is up") {
  Bench bench({"socket", "vtysh"}, 0s);
  bench.ways[0]->fail(Trouble::silent, "frozen");
  CHECK(bench.read().via == "vtysh (socket: frozen)");
  bench.ways[0]->failure.reset();
  CHECK(bench.read().via == "socket");
}

TEST_CASE("a transport that claims success while the statement is still there is not believed") {
  FakeBgpd deaf;
  deaf.deaf = true;
  deaf.networks = {{prefix("192.0.2.0/24"), ""}};
  Bench bench({"vtysh", "socket"});
  bench.ways[0]->bgpd = &deaf;
  bench.model.networks = deaf.networks;

  const auto report = bench.apply({withdraw("192.0.2.0/24")});
  REQUIRE(report.observed);
  CHECK(report.via == "socket (vtysh: read back, \"no network 192.0.2.0/24\" has had no effect)");
  using End = core::Attempt::End;
  CHECK(report.attempts ==
        std::vector<core::Attempt>{{"vtysh", End::disobeyed}, {"socket", End::done}});
  CHECK(bench.read().via == "socket");
  CHECK(bench.ways[0]->closes == 1);
}

TEST_CASE("a statement that bgpd objects to is no fault of the transport") {
  Bench bench({"socket", "vtysh"});
  const auto report = bench.apply({announce("192.0.2.0/24", {}, 64999)});
  REQUIRE_FALSE(report.observed);
  CHECK(report.observed.error().trouble == Trouble::refused);
  CHECK(error_of(report).starts_with(
      "apply \"network 192.0.2.0/24\": socket: read back, \"network 192.0.2.0/24\" has had no "
      "effect; "
      "bgpd answered \"router bgp 64999: BGP is already running; AS is 65001\""));
  CHECK(bench.ways[1]->configures == 1);
  // Not passed over.
  CHECK(bench.read().via == "socket");
}

TEST_CASE("the configuration lock is told at once, and no other transport is tried") {
  Bench bench({"socket", "vtysh"});
  bench.model.locked = true;
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  const auto report = bench.apply({withdraw("192.0.2.0/24")});
  REQUIRE_FALSE(report.observed);
  CHECK(report.observed.error().trouble == Trouble::locked);
  CHECK(error_of(report) ==
        "apply \"no network 192.0.2.0/24\": socket: configure: locked by somebody (wait)");
  CHECK(bench.ways[1]->configures == 0);
  CHECK(bench.ways[0]->configures == 1);
  // The transport did its part: it stays the first.
  CHECK(bench.read().via == "socket");
}

TEST_CASE("when every transport fails, the error names each") {
  Bench bench({"socket", "vtysh", "telnet"});
  bench.ways[0]->fail(Trouble::unreachable, "no such file");
  bench.ways[1]->fail(Trouble::unreachable, "no such program");
  bench.ways[2]->fail(Trouble::unreachable, "connection refused");
  const auto read = bench.read();
  CHECK(error_of(read) ==
        "read bgpd: socket: no such file; vtysh: no such program; telnet: connection refused");
  CHECK(read.observed.error().trouble == Trouble::unreachable);
  CHECK(read.via.empty());

  SUBCASE("and all are tried again the next time") {
    bench.read();
    CHECK(bench.ways[0]->shows == 2);
    CHECK(bench.ways[2]->shows == 2);
  }
  SUBCASE("a silent one shows that bgpd is there") {
    bench.ways[1]->fail(Trouble::silent, "no answer");
    CHECK(bench.read().observed.error().trouble == Trouble::silent);
  }
  SUBCASE("an answer shows even more") {
    bench.ways[0]->fail(Trouble::silent, "no answer");
    bench.ways[1]->fail(Trouble::refused, "said no");
    CHECK(bench.read().observed.error().trouble == Trouble::refused);
  }
}

TEST_CASE("a configuration that cannot be read is the transport's failure") {
  Bench bench({"vtysh", "socket"});
  bench.ways[0]->override_answer = {"show running-config",
                                    "Current configuration:\n!\nrouter bgp 6"};
  const auto report = bench.read();
  REQUIRE(report.observed);
  CHECK(report.via == "socket (vtysh: read bgpd's running configuration: it is cut off)");
}

TEST_CASE(
    "a configuration without an instance is not believed beside a table that has the prefix") {
  Bench bench({"socket", "telnet"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  const auto asked = lookup("192.0.2.0/24");
  REQUIRE(bench.read({asked}).observed);
  bench.ways[0]->override_answer = {"show running-config", "!\n!\n"};

  SUBCASE("the next transport has its say") {
    const auto report = bench.read({asked});
    REQUIRE(report.observed);
    CHECK(report.observed->in_table.at(asked));
    CHECK(
        report.via ==
        "telnet (socket: read bgpd's running configuration: there is no \"router bgp\" in it, and "
        "yet 192.0.2.0/24 is in the table)");
  }
  SUBCASE("and does the work") {
    const auto report = bench.apply({withdraw("192.0.2.0/24")}, {asked});
    REQUIRE(report.observed);
    CHECK(bench.model.networks.empty());
  }
  SUBCASE("nor by whoever has asked nothing before") {
    Bench fresh({"socket", "telnet"});
    fresh.model.networks = bench.model.networks;
    fresh.ways[0]->override_answer = {"show running-config", "!\n"};
    const auto report = fresh.read({asked});
    REQUIRE(report.observed);
    CHECK(report.via.starts_with("telnet (socket: read bgpd's running configuration: there is no"));
    CHECK(report.observed->in_table.at(asked));
  }
  SUBCASE("a table that says nothing confirms nothing, but another way does") {
    bench.model.networks.clear();
    bench.model.unknown = "show ip bgp";
    bench.ways[1]->override_answer = bench.ways[0]->override_answer;
    const auto report = bench.read({asked});
    REQUIRE(report.observed);
    CHECK(report.observed->config.instances.empty());
    CHECK(report.via.starts_with("telnet (socket: "));
    bench.ways[1]->fail(Trouble::unreachable, "it is not there");
    CHECK_FALSE(bench.read({asked}).observed);
  }
  SUBCASE("a bgpd that has lost all that it had is believed") {
    bench.model.networks.clear();
    const auto report = bench.read({asked});
    REQUIRE(report.observed);
    CHECK(report.via == "socket");
    CHECK(report.observed->config.instances.empty());
  }
}

TEST_CASE("what cannot be done in one instance is done in the other") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}, {prefix("198.51.100.0/24"), ""}};
  const auto report =
      bench.apply({withdraw("203.0.113.0/24", view("LAB"), 64999), withdraw("192.0.2.0/24"),
                   announce("203.0.113.0/24", view("LAB"), 64999)});
  REQUIRE_FALSE(report.observed);
  // The other instance lost its prefix, and nothing of LAB went into it.
  CHECK(bench.model.networks.size() == 1);
  CHECK(bench.model.networks.contains(prefix("198.51.100.0/24")));
  CHECK(std::ranges::count(bench.ways[0]->typed, "configure terminal") == 2);
}

TEST_CASE("the recorded Quagga and FRR are withdrawn from and announced in through their socket") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto transcript = Transcript::load(bgpd + "-socket-plan");
    test::ScratchDirectory directory;
    asio::io_context loop;
    std::size_t turn = 0;
    FakeSocket vty(
        loop.get_executor(), directory.path() / "bgpd.vty",
        {.answer = [&](const std::string& command) -> std::optional<std::string> {
          // The transcript also asks what we do not.
          while (turn < transcript.turns.size() && transcript.turns[turn].send != command + '\0') {
            ++turn;
          }
          if (turn == transcript.turns.size()) return std::nullopt;
          return transcript.turns[turn++].recv;
        }});
    core::BgpdAccess access{.transports = {core::TransportKind::socket},
                            .socket = directory.path() / "bgpd.vty",
                            .socket_timeout = 10s};
    Bgpd subject(loop.get_executor(), access, [] { FAIL("the connection was lost"); });
    const std::vector<Lookup> lookups{lookup("192.0.2.0/24", the_default),
                                      lookup("2001:db8:53::/48", the_default)};

    std::vector<std::expected<core::Observed, Failure>> seen;
    asio::co_spawn(
        loop,
        [](Bgpd* bgpd_, std::vector<Lookup> lookups_,
           std::vector<std::expected<core::Observed, Failure>>* seen_) -> asio::awaitable<void> {
          auto first = co_await bgpd_->read(lookups_);
          seen_->push_back(std::move(first.observed));
          Plan away{{withdraw("192.0.2.0/24"), withdraw("2001:db8:53::/48")}};
          auto second = co_await bgpd_->apply(std::move(away), lookups_);
          seen_->push_back(std::move(second.observed));
          CHECK(second.answered.empty());
          Plan back{{announce("192.0.2.0/24"), announce("2001:db8:53::/48")}};
          auto third = co_await bgpd_->apply(std::move(back), lookups_);
          seen_->push_back(std::move(third.observed));
        }(&subject, lookups, &seen),
        [](const std::exception_ptr& thrown) {
          if (thrown) std::rethrow_exception(thrown);
        });
    while (seen.size() < 3 && loop.run_one() != 0) {
    }

    const auto announced = [&](std::size_t when) {
      REQUIRE_MESSAGE(seen.at(when), seen.at(when).error().error.text());
      const auto& networks = seen[when]->config.instances.at(0).networks;
      const bool configured = networks.contains(prefix("192.0.2.0/24"));
      CHECK(networks.contains(prefix("2001:db8:53::/48")) == configured);
      CHECK(networks.contains(prefix("198.51.100.0/24")));
      CHECK(seen[when]->in_table ==
            std::map<Lookup, bool>{{lookups[0], configured}, {lookups[1], configured}});
      return configured;
    };
    CHECK(announced(0));
    CHECK_FALSE(announced(1));
    CHECK(announced(2));
    subject.reset();
  }
}

TEST_CASE("one statement through the socket, read back, takes a few milliseconds") {
  FakeBgpd model;
  model.networks = {{prefix("192.0.2.0/24"), ""}, {prefix("198.51.100.0/24"), ""}};
  test::ScratchDirectory directory;
  asio::io_context loop;
  FakeSocket vty(loop.get_executor(), directory.path() / "bgpd.vty",
                 {.answer = [&](const std::string& command) {
                   const auto said = model.answer(command);
                   return framed(said.text, said.status);
                 }});
  core::BgpdAccess access{.transports = {core::TransportKind::socket},
                          .socket = directory.path() / "bgpd.vty",
                          .socket_timeout = 10s};
  Bgpd subject(loop.get_executor(), access, {});
  auto best = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    std::optional<vty::ApplyReport> report;
    Plan plan{{i % 2 == 0 ? withdraw("192.0.2.0/24") : announce("192.0.2.0/24")}};
    asio::co_spawn(
        loop, subject.apply(std::move(plan), {lookup("192.0.2.0/24")}),
        [&](const std::exception_ptr&, vty::ApplyReport got) { report = std::move(got); });
    while (!report && loop.run_one() != 0) {
    }
    best = std::min(best, std::chrono::steady_clock::now() - start);
    REQUIRE(report->observed);
    CHECK(report->observed->in_table.at(lookup("192.0.2.0/24")) == (i % 2 == 1));
  }
  MESSAGE("best of 20: " << std::chrono::duration<double, std::milli>(best).count() << " ms");
  // Loose: for a sanitizer on a busy machine.
  CHECK(best < 50ms);
  subject.reset();
}

TEST_CASE("ways that all say nothing have had their turn within the time that there is") {
  // Each by itself would wait for ten seconds.
  for (const auto all : {300ms, 900ms}) {
    CAPTURE(all.count());
    test::ScratchDirectory directory;
    asio::io_context loop;
    FakeSocket vty(loop.get_executor(), directory.path() / "bgpd.vty",
                   {.answer = [](const std::string&) { return std::string(); }});
    const auto program = directory.write("vtysh", "#!/bin/sh\nexec sleep 20\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    asio::ip::tcp::acceptor port(loop, {asio::ip::address_v4::loopback(), 0});
    const core::BgpdAccess access{
        .socket = directory.path() / "bgpd.vty",
        .socket_timeout = 10s,
        .vtysh = program,
        .vtysh_timeout = 10s,
        .telnet =
            core::Endpoint{core::Address::parse("127.0.0.1").value(), port.local_endpoint().port()},
        .telnet_timeout = 10s};
    Bgpd subject(loop.get_executor(), access, nullptr);
    subject.finish_within(all);
    std::optional<vty::ReadReport> report;
    const auto begun = std::chrono::steady_clock::now();
    asio::co_spawn(loop, subject.read({}), [&](const std::exception_ptr&, vty::ReadReport got) {
      report = std::move(got);
    });
    while (!report && loop.run_one() != 0) {
    }
    CHECK(std::chrono::steady_clock::now() - begun < all + 1s);  // on a busy host
    REQUIRE_FALSE(report->observed);
    const auto said = error_of(*report);
    for (const auto* way : {"bgpd.vty", "vtysh", "telnet"}) {
      CHECK(said.find(way) != std::string::npos);
    }
  }
}

TEST_CASE("a vtysh that did not do what it echoed is noticed, and the socket does the work") {
  FakeBgpd model;
  model.networks = {{prefix("192.0.2.0/24"), ""}, {prefix("198.51.100.0/24"), ""}};
  const std::string plan_echo =
      "vm# configure terminal\nvm(config)# router bgp 65001\n"
      "vm(config-router)# address-family ipv4 unicast\nvm(config-router-af)# no network "
      "192.0.2.0/24\n"
      "vm(config-router-af)# exit-address-family\nvm(config-router)# end\n";
  test::FakeVtysh vtysh(
      {{.out = plan_echo},
       {.out = "vm# show running-config\nBuilding configuration...\n\nCurrent configuration:\n!\n" +
               model.running_config() + "end\n"}});
  test::ScratchDirectory directory;
  asio::io_context loop;
  FakeSocket vty(loop.get_executor(), directory.path() / "bgpd.vty",
                 {.answer = [&](const std::string& command) {
                   const auto said = model.answer(command);
                   return framed(said.text, said.status);
                 }});
  core::BgpdAccess access{.transports = {core::TransportKind::vtysh, core::TransportKind::socket},
                          .socket = directory.path() / "bgpd.vty",
                          .socket_timeout = 10s,
                          .vtysh = vtysh.program(),
                          .vtysh_timeout = 20s};
  Bgpd subject(loop.get_executor(), access, {});
  std::optional<vty::ApplyReport> report;
  Plan plan{{withdraw("192.0.2.0/24")}};
  asio::co_spawn(loop, subject.apply(std::move(plan), {}),
                 [&](const std::exception_ptr&, vty::ApplyReport got) { report = std::move(got); });
  while (!report && loop.run_one() != 0) {
  }
  REQUIRE(report->observed);
  CHECK_FALSE(model.networks.contains(prefix("192.0.2.0/24")));
  CHECK(report->via.starts_with("socket "));
  CHECK(report->via.find("has had no effect") != std::string::npos);
  subject.reset();
}

TEST_CASE("a vtysh to which the way into the IPv6 table is ambiguous is asked for the other one") {
  const auto recorded = Transcript::load("quagga-0.99.24.1-vtysh-family").turns;
  const Plan both{{withdraw("192.0.2.0/24"), withdraw("2001:db8:53::/48")}};
  const auto with = [](const test::FakeVtysh& vtysh, auto use) {
    asio::io_context loop;
    Bgpd bgpd(loop.get_executor(),
              {.transports = {core::TransportKind::vtysh}, .vtysh = vtysh.program()}, {});
    use(bgpd);
  };

  SUBCASE("at its first refusal") {
    const std::vector runs(recorded.begin() + 1, recorded.end());
    test::FakeVtysh vtysh(runs);
    with(vtysh, [&](Bgpd& bgpd) {
      const auto report = run_to_end(bgpd.apply(both, {}));
      REQUIRE_MESSAGE(report.observed, error_of(report));
      CHECK(report.answered.empty());
      CHECK(report.via.starts_with("vtysh"));
    });
    REQUIRE(vtysh.runs().size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(vtysh.runs()[i] == runs[i].argv);
  }

  SUBCASE("from the first time on, if its configuration has shown how it spells it") {
    test::FakeVtysh vtysh({recorded[0], recorded[2], recorded[3]});
    with(vtysh, [&](Bgpd& bgpd) {
      CHECK(run_to_end(bgpd.read({})).observed);
      CHECK(run_to_end(bgpd.apply(Plan{{withdraw("2001:db8:53::/48")}}, {})).observed);
    });
    REQUIRE(vtysh.runs().size() == 3);
    CHECK(vtysh.runs()[1] == recorded[2].argv);
  }
}

TEST_CASE("a table that can be entered in no way is bgpd's refusal, and both are told") {
  Bench bench({"socket"});
  bench.model.networks = {{prefix("192.0.2.0/24"), ""}};
  bench.model.unknown = "address-family ";
  const auto report = bench.apply({withdraw("2001:db8:53::/48")});
  CHECK(report.answered.size() > 1);
  // IPv4 statements need not enter any.
  CHECK(bench.apply({withdraw("192.0.2.0/24")}).observed);
  CHECK(bench.model.networks.empty());
}
