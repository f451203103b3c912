#include "vty/socket_transport.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "fake_bgpd.hpp"
#include "fake_socket.hpp"
#include "process/scratch_directory.hpp"
#include "transcript.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using core::Trouble;
using test::FakeSocket;
using test::framed;
using vty::Reply;
using vty::SocketTransport;

namespace {

namespace asio = boost::asio;
using Replies = std::expected<std::vector<Reply>, vty::Failure>;
using Lines = std::vector<std::string>;

/// A transport, a place for its socket, and an event loop for both.
struct Bench {
  test::ScratchDirectory directory;
  std::string path = directory.path() / "bgpd.vty";
  asio::io_context loop;
  int lost = 0;
  core::BgpdAccess access{.socket = path, .socket_timeout = 10s};

  SocketTransport transport() {
    return SocketTransport(loop.get_executor(), access, [this] { ++lost; });
  }

  Replies wait_for(asio::awaitable<Replies> operation) {
    std::optional<Replies> result;
    asio::co_spawn(loop, std::move(operation), [&](const std::exception_ptr& thrown, Replies got) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(got);
    });
    loop.restart();
    while (!result && loop.run_one() != 0) {
    }
    return std::move(*result);
  }
  Replies show(SocketTransport& transport, Lines commands) {
    return wait_for(transport.show(std::move(commands)));
  }
  Replies configure(SocketTransport& transport, Lines lines) {
    return wait_for(transport.configure(std::move(lines)));
  }
  /// Turns the loop until `done`.
  template <class Done>
  void until(Done done) {
    loop.restart();
    while (!done() && loop.run_one() != 0) {
    }
    REQUIRE(done());
  }
};

FakeSocket::Behaviour always(std::string bytes) {
  return {.answer = [bytes](const std::string&) { return bytes; }};
}

std::string error_of(const Replies& replies) {
  return replies ? "no error" : replies.error().error.text();
}

/// Answers "enable" properly, and everything else so.
FakeSocket::Behaviour after_enable(
    std::function<std::optional<std::string>(const std::string&)> answer) {
  return {.answer = [answer](const std::string& command) -> std::optional<std::string> {
    return command == "enable" ? framed("") : answer(command);
  }};
}

}  // namespace

TEST_CASE("the recorded answers of Quagga and FRR come back with their status") {
  for (const std::string name :
       {"quagga-1.2.3-socket-withdraw-announce", "frr-8.4.4-socket-withdraw-announce"}) {
    for (const bool byte_by_byte : {false, true}) {
      CAPTURE(name);
      CAPTURE(byte_by_byte);
      const auto transcript = test::Transcript::load(name);
      Bench bench;
      std::size_t turn = 0;
      FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                      {.answer = [&](const std::string& command) -> std::optional<std::string> {
                         CHECK(command + '\0' == transcript.turns.at(turn).send);
                         return transcript.turns.at(turn++).recv;
                       },
                       .byte_by_byte = byte_by_byte});
      auto transport = bench.transport();
      Lines commands;  // all but "enable", which the transport sends itself
      for (std::size_t i = 1; i < transcript.turns.size(); ++i) {
        commands.push_back(transcript.turns[i].send.substr(0, transcript.turns[i].send.size() - 1));
      }
      const auto replies = bench.show(transport, commands);
      REQUIRE(replies);
      REQUIRE(replies->size() == commands.size());
      for (std::size_t i = 0; i < commands.size(); ++i) {
        const auto& recorded = transcript.turns[i + 1].recv;
        CHECK((*replies)[i].text == recorded.substr(0, recorded.size() - 4));
        CHECK((*replies)[i].status == recorded.back());
        CHECK((*replies)[i].command == commands[i]);
      }
      CHECK(bench.lost == 0);
    }
  }
}

TEST_CASE("configuring gives what was not mere success, and goes on behind it") {
  Bench bench;
  test::FakeBgpd model;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                  {.answer = [&](const std::string& command) {
                    const auto said = model.answer(command);
                    return framed(said.text, said.status);
                  }});
  auto transport = bench.transport();
  const auto replies =
      bench.configure(transport, {"configure terminal", "router bgp 65001",
                                  "no network 192.0.2.0/24", "network 198.51.100.0/24", "end"});
  REQUIRE(replies);
  REQUIRE(replies->size() == 1);
  CHECK(replies->front().command == "no network 192.0.2.0/24");
  CHECK(replies->front().text == "% Can't find specified static route configuration.\n");
  CHECK(model.networks.size() == 1);
}

TEST_CASE("one connection serves many calls, and enable is sent once") {
  Bench bench;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, always(framed("text\n")));
  auto transport = bench.transport();
  for (int i = 0; i < 5; ++i) REQUIRE(bench.show(transport, {"show version"}));
  CHECK(bgpd.connections() == 1);
  CHECK(bgpd.commands() == Lines{"enable", "show version", "show version", "show version",
                                 "show version", "show version"});
  CHECK(transport.text() == "socket " + bench.path);
}

TEST_CASE("the configuration lock is told from every other refusal") {
  Bench bench;
  const auto transcript = test::Transcript::load("quagga-1.2.3-socket-locked");
  std::size_t turn = 0;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                  {.answer = [&](const std::string&) { return transcript.turns.at(turn++).recv; }});
  auto transport = bench.transport();
  const auto replies = bench.configure(transport, {"configure terminal", "router bgp 65001"});
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::locked);
  CHECK(error_of(replies).find("VTY configuration is locked by other VTY") != std::string::npos);
  CHECK(bench.lost == 0);
}

TEST_CASE("a bgpd that hangs up at any byte of an answer is noticed, and reached again") {
  const auto whole = framed("some text\n", 1);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    Bench bench;
    bool alive = false;
    std::shared_ptr<FakeSocket> bgpd;
    bgpd = std::make_shared<FakeSocket>(
        bench.loop.get_executor(), bench.path,
        after_enable([&](const std::string& command) -> std::optional<std::string> {
          if (alive) return whole;
          if (command == "second" || length == 0) return std::nullopt;
          return whole.substr(0, length);
        }));
    auto transport = bench.transport();
    auto replies = bench.show(transport, {"first", "second"});
    REQUIRE_FALSE(replies);
    CHECK(replies.error().trouble == Trouble::unreachable);
    CHECK(error_of(replies).find("bgpd closed the connection") != std::string::npos);
    bench.until([&] { return bench.lost == 1; });

    alive = true;
    replies = bench.show(transport, {"first"});
    REQUIRE(replies);
    CHECK(replies->front().text == "some text\n");
    CHECK(bgpd->connections() == 2);
    CHECK(bench.lost == 1);
  }
}

TEST_CASE("the end of bgpd between two operations is told at once") {
  Bench bench;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, always(framed("")));
  auto transport = bench.transport();
  REQUIRE(bench.show(transport, {"show version"}));
  bgpd.die();
  bench.until([&] { return bench.lost == 1; });
  const auto replies = bench.show(transport, {"show version"});
  CHECK(replies.error().trouble == Trouble::unreachable);
  CHECK(bench.lost == 1);
}

TEST_CASE("a connection that we close ourselves is no loss") {
  Bench bench;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, always(framed("")));
  auto transport = bench.transport();
  REQUIRE(bench.show(transport, {"show version"}));
  transport.close();
  REQUIRE(bench.show(transport, {"show version"}));
  CHECK(bgpd.connections() == 2);
  CHECK(bench.lost == 0);
}

TEST_CASE("close() during an operation ends it, and the next one connects again") {
  Bench bench;
  bool answering = false;
  SocketTransport* closing = nullptr;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, after_enable([&](const std::string&) {
                    if (!answering) closing->close();
                    return answering ? framed("") : std::string();
                  }));
  auto transport = bench.transport();
  closing = &transport;
  const auto replies = bench.show(transport, {"show version"});
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::unreachable);
  answering = true;
  CHECK(bench.show(transport, {"show version"}));
  CHECK(bench.lost == 0);
}

TEST_CASE("a bgpd that takes the command and says nothing is silent") {
  Bench bench;
  bench.access.socket_timeout = 250ms;
  SUBCASE("at all") {
    FakeSocket bgpd(bench.loop.get_executor(), bench.path, always(""));
    auto transport = bench.transport();
    const auto replies = bench.show(transport, {"show version"});
    CHECK(replies.error().trouble == Trouble::silent);
    CHECK(error_of(replies).find("no answer in 250 ms") != std::string::npos);
  }
  SUBCASE("but text without its end") {
    FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                    after_enable([](const std::string&) { return "text and no more\n"; }));
    auto transport = bench.transport();
    CHECK(bench.show(transport, {"show version"}).error().trouble == Trouble::silent);
  }
  SUBCASE("and does not even take the connection") {
    asio::local::stream_protocol::acceptor frozen(
        bench.loop, asio::local::stream_protocol::endpoint(bench.path));
    auto transport = bench.transport();
    CHECK(bench.show(transport, {"show version"}).error().trouble == Trouble::silent);
  }
  SUBCASE("whose queue of connections is full") {
    asio::local::stream_protocol::acceptor frozen(bench.loop);
    frozen.open(asio::local::stream_protocol());
    frozen.bind(asio::local::stream_protocol::endpoint(bench.path));
    frozen.listen(0);
    asio::local::stream_protocol::socket first(bench.loop);
    first.connect(asio::local::stream_protocol::endpoint(bench.path));
    auto transport = bench.transport();
    const auto replies = bench.show(transport, {"show version"});
    CHECK(replies.error().trouble == Trouble::silent);
  }
  CHECK(bench.lost == 0);
}

TEST_CASE("a bgpd that was silent is asked afresh, and its late answer belongs to nobody") {
  Bench bench;
  bench.access.socket_timeout = 250ms;
  bool awake = false;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                  after_enable([&](const std::string& command) {
                    return awake ? framed(command) : std::string();
                  }));
  auto transport = bench.transport();
  REQUIRE_FALSE(bench.show(transport, {"old question"}));
  awake = true;
  const auto replies = bench.show(transport, {"new question"});
  REQUIRE(replies);
  CHECK(replies->front().text == "new question");
}

TEST_CASE("of a bgpd that loses what is written ahead of an answer, each answer is waited for") {
  Bench bench;
  bench.access.socket_timeout = 250ms;
  auto echo = after_enable([](const std::string& command) { return framed(command); });
  echo.drops_ahead = true;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, std::move(echo));
  auto transport = bench.transport();
  const Lines commands{"one", "two", "three"};
  CHECK(error_of(bench.show(transport, commands)).find("each answer is waited for") !=
        std::string::npos);
  const auto replies = bench.show(transport, commands);
  REQUIRE(replies);
  CHECK(replies->back().text == "three");
  CHECK(bench.show(transport, commands));
}

TEST_CASE("that bgpd is frozen amid some commands is no reason to wait for each for ever") {
  Bench bench;
  bench.access.socket_timeout = 250ms;
  bool frozen = true;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                  after_enable([&](const std::string& command) {
                    return frozen && command == "two" ? std::string() : framed(command);
                  }));
  auto transport = bench.transport();
  const auto waits = [&] {
    return error_of(bench.show(transport, {"one", "two"})).find("is waited for") !=
           std::string::npos;
  };
  CHECK(waits());
  CHECK_FALSE(waits());
  frozen = false;
  CHECK(bench.show(transport, {"one", "two"}));
}

TEST_CASE("an answer that is not framed like one ends the connection") {
  Bench bench;
  FakeSocket bgpd(bench.loop.get_executor(), bench.path,
                  after_enable([](const std::string&) { return std::string("a\0b", 3); }));
  auto transport = bench.transport();
  const auto replies = bench.show(transport, {"show version"});
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::refused);
}

TEST_CASE("ten thousand statements are written ahead without either side waiting for ever") {
  Bench bench;
  std::size_t answered = 0;
  // Long answers, so that both directions are full at some time.
  const std::string long_answer(1000, 'x');
  FakeSocket bgpd(bench.loop.get_executor(), bench.path, after_enable([&](const std::string&) {
                    ++answered;
                    return framed(long_answer, 1);
                  }));
  auto transport = bench.transport();
  Lines lines;
  for (int i = 0; i < 10000; ++i) lines.push_back("no network 10.0.0.0/" + std::to_string(i));
  const auto replies = bench.configure(transport, lines);
  REQUIRE(replies);
  CHECK(replies->size() == 10000);
  CHECK(replies->back().command == lines.back());
  CHECK(answered == 10000);
}

TEST_CASE("the ways in which a socket cannot be reached have different reasons") {
  Bench bench;
  SUBCASE("no such file") {
    auto transport = bench.transport();
    const auto replies = bench.show(transport, {"show version"});
    CHECK(replies.error().trouble == Trouble::unreachable);
    CHECK(error_of(replies).starts_with("connect: no such file (is bgpd running?"));
  }
  SUBCASE("a file that a dead bgpd left behind") {
    {
      asio::local::stream_protocol::acceptor dead(
          bench.loop, asio::local::stream_protocol::endpoint(bench.path));
    }
    REQUIRE(std::filesystem::exists(bench.path));
    auto transport = bench.transport();
    const auto replies = bench.show(transport, {"show version"});
    CHECK(replies.error().trouble == Trouble::unreachable);
    CHECK(error_of(replies).starts_with("connect: nobody listens there"));
  }
  SUBCASE("no permission") {
    FakeSocket bgpd(bench.loop.get_executor(), bench.path, always(framed("")));
    std::filesystem::permissions(bench.path, std::filesystem::perms::none);
    std::filesystem::permissions(bench.directory.path(), std::filesystem::perms::all);
    const bool root = ::geteuid() == 0;
    if (root) REQUIRE(::seteuid(65534) == 0);
    auto transport = bench.transport();
    const auto replies = bench.show(transport, {"show version"});
    if (root) REQUIRE(::seteuid(0) == 0);
    REQUIRE_FALSE(replies);
    CHECK(replies.error().trouble == Trouble::unreachable);
    CHECK(error_of(replies) ==
          "connect: permission denied (run withdrawd in the socket's group: frrvty or quaggavty)");
  }
  SUBCASE("a path that no socket can have") {
    bench.access.socket = "/" + std::string(200, 'x');
    auto transport = bench.transport();
    CHECK(error_of(bench.show(transport, {"show version"})) ==
          "connect: the path is too long for a socket");
  }
  CHECK(bench.lost == 0);
}
