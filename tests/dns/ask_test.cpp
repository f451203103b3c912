#include "dns/ask.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_server.hpp"
#include "reply.hpp"

using namespace withdrawd;
using namespace withdrawd::dns;
using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using core::DnsTransport;
using core::OutcomeKind;

namespace {

/// Far longer than any answer takes on a busy machine.
constexpr auto patient = 20s;
/// Where the test is about running out of time.
constexpr auto brief = 300ms;

core::DnsQuestion question(const core::Endpoint& server) {
  core::DnsQuestion question{.server = server, .name = "www.test.com"};
  question.timeout = patient;
  return question;
}

core::DnsQuestion over_tcp(const core::Endpoint& server) {
  auto asked = question(server);
  asked.transport = DnsTransport::tcp;
  return asked;
}

Reply reply(std::uint16_t id) {
  return Reply(id).question("www.test.com");
}

/// Asks, and has `outcome` filled in when the answer is there.
void start(boost::asio::io_context& context, core::DnsQuestion asked,
           std::optional<core::Outcome>& outcome) {
  boost::asio::co_spawn(context, ask(std::move(asked)),
                        [&outcome](const std::exception_ptr& thrown, core::Outcome result) {
                          CHECK_FALSE(thrown);
                          outcome = std::move(result);
                        });
}

core::Outcome wait_for(boost::asio::io_context& context, std::optional<core::Outcome>& outcome) {
  while (!outcome) context.run_one();
  return *outcome;
}

core::Outcome ask_now(boost::asio::io_context& context, core::DnsQuestion asked) {
  std::optional<core::Outcome> outcome;
  start(context, std::move(asked), outcome);
  return wait_for(context, outcome);
}

#define CHECK_OUTCOME(outcome, expected_kind, expected_detail) \
  do {                                                         \
    const core::Outcome& got = outcome;                        \
    CHECK(core::name(got.kind) == core::name(expected_kind));  \
    CHECK(got.detail == (expected_detail));                    \
  } while (false)

std::size_t open_files() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// A UDP or TCP port where nobody listens.
template <class Protocol>
core::Endpoint free_port(boost::asio::io_context& context) {
  typename Protocol::socket socket(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  return endpoint(socket.local_endpoint());
}

/// A UDP server whose every answer is truncated, with the same port as a TCP server's.
std::unique_ptr<FakeServer> truncating_beside(boost::asio::io_context& context,
                                              const core::Endpoint& tcp_server) {
  auto server = std::make_unique<FakeServer>(context, "127.0.0.1", tcp_server.port);
  server->on_query = [here = server.get()](const FakeServer::Query& query) {
    here->send(query.client, reply(query.id()).truncated());
  };
  return server;
}

FakeTcpServer::Serve answering(std::function<Bytes(std::uint16_t id)> bytes) {
  return [bytes](FakeTcpServer::Socket& socket, Bytes query) -> awaitable<void> {
    const auto answer = bytes(id_of(query));
    co_await boost::asio::async_write(socket, boost::asio::buffer(answer), use_awaitable);
  };
}

/// Keeps the connection open until the client closes it.
awaitable<void> until_closed(FakeTcpServer::Socket& socket) {
  Bytes rest(1);
  co_await boost::asio::async_read(socket, boost::asio::buffer(rest), use_awaitable);
}

}  // namespace

TEST_CASE("the outcome is what the server's answer says") {
  boost::asio::io_context context;
  FakeServer server(context);
  std::function<Bytes(std::uint16_t)> answer;
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, answer(query.id()));
  };
  const auto ask_server = [&] { return ask_now(context, question(server.address())); };

  SUBCASE("ok, with the last address") {
    answer = [](auto id) { return reply(id).a("www.test.com", 1).a("www.test.com", 2); };
    const auto outcome = ask_server();
    CHECK_OUTCOME(outcome, OutcomeKind::ok, "192.0.2.2");
    CHECK(outcome.latency > 0ns);
    CHECK(outcome.latency < patient);
    CHECK(server.queries().size() == 1);
  }
  SUBCASE("ok, in upper case and through a CNAME") {
    answer = [](auto id) {
      return Reply(id).question("WwW.tEsT.cOm").cname("WWW.test.com", "B.c").a("b.C", 3);
    };
    CHECK_OUTCOME(ask_server(), OutcomeKind::ok, "192.0.2.3");
  }
  SUBCASE("nxdomain") {
    answer = [](auto id) { return reply(id).rcode(3); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::nxdomain, "NXDOMAIN");
  }
  SUBCASE("SERVFAIL") {
    answer = [](auto id) { return reply(id).rcode(2); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "SERVFAIL");
  }
  SUBCASE("REFUSED, without the question") {
    answer = [](auto id) { return Reply(id).rcode(5); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "REFUSED");
  }
  SUBCASE("no data") {
    answer = [](auto id) { return reply(id); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "no data");
  }
  SUBCASE("malformed") {
    answer = [](auto id) { return reply(id).count(6).add("\xc0"); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "malformed answer");
  }
}

TEST_CASE("a server is asked the question, with recursion desired") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  ask_now(context, question(server.address()));
  REQUIRE(server.queries().size() == 1);
  const auto& query = server.queries()[0];
  const Bytes expected = Reply(query.id()).flags(0x0100).question("www.test.com");
  CHECK(query.bytes == expected);
}

TEST_CASE("a server is asked over IPv6") {
  boost::asio::io_context context;
  boost::system::error_code failed;
  udp::socket probe(context, udp::v6());
  probe.bind({boost::asio::ip::address_v6::loopback(), 0}, failed);
  if (failed) {
    MESSAGE("not tested: this host has no ::1");
    return;
  }
  FakeServer server(context, "::1");
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com", 6));
  };
  CHECK_OUTCOME(ask_now(context, question(server.address())), OutcomeKind::ok, "192.0.2.6");
}

TEST_CASE("many askings of one server go on at the same time") {
  boost::asio::io_context context;
  FakeServer server(context);
  std::vector<FakeServer::Query> held;
  constexpr std::size_t many = 40;
  server.on_query = [&](const FakeServer::Query& query) {
    held.push_back(query);
    if (held.size() < many) return;
    for (const auto& each : held) server.send(each.client, reply(each.id()).a("www.test.com"));
  };
  std::vector<std::optional<core::Outcome>> outcomes(many);
  for (auto& outcome : outcomes) start(context, question(server.address()), outcome);
  for (auto& outcome : outcomes)
    CHECK_OUTCOME(wait_for(context, outcome), OutcomeKind::ok, "192.0.2.1");
}

TEST_CASE("a server that says nothing is a timeout, after the timeout") {
  boost::asio::io_context context;
  FakeServer server(context);
  auto asked = question(server.address());
  asked.timeout = brief;
  asked.tries = 3;
  const auto outcome = ask_now(context, asked);
  CHECK_OUTCOME(outcome, OutcomeKind::timeout, "no answer in 300 ms");
  CHECK(outcome.latency > brief / 2);
  CHECK(outcome.latency < patient / 2);
}

TEST_CASE("a question that a dying server took along is asked again, after as long as is said") {
  boost::asio::io_context context;
  auto server = std::make_optional<FakeServer>(context);
  auto asked = question(server->address());
  asked.timeout = 2s;
  asked.again_after = 50ms;
  // It has read the question, and nobody hears of that.
  server->on_query = [&](const FakeServer::Query&) {
    boost::asio::post(context, [&] { server.reset(); });
  };
  const auto outcome = ask_now(context, asked);
  CHECK_OUTCOME(outcome, OutcomeKind::error, "port unreachable");
  CHECK(outcome.latency >= 60ms);
  CHECK(outcome.latency < asked.timeout / asked.tries);  // when the next try would be
}

TEST_CASE("each try comes from its own port with its own ID") {
  boost::asio::io_context context;
  FakeServer server(context);
  constexpr unsigned tries = 10;
  server.on_query = [&](const FakeServer::Query& query) {
    if (server.queries().size() == tries) server.send(query.client, reply(query.id()).rcode(3));
  };
  auto asked = question(server.address());
  asked.timeout = 500ms;
  asked.tries = tries;
  ask_now(context, asked);
  std::set<std::uint16_t> ids;
  std::set<FakeServer::Client> clients;
  for (const auto& query : server.queries()) {
    ids.insert(query.id());
    clients.insert(query.client);
  }
  CHECK(clients.size() == server.queries().size());
  CHECK(server.queries().size() > 1);
  CHECK(ids.size() + 1 >= server.queries().size());  // two may be equal by chance
}

TEST_CASE("a late answer to an earlier try counts, on that try's own port") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query&) {
    if (server.queries().size() < 2) return;
    const auto& first = server.queries()[0];
    server.send(first.client, reply(first.id()).a("www.test.com", 8));
  };
  auto asked = question(server.address());
  asked.timeout = 2s;
  asked.tries = 20;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.8");
}

TEST_CASE("questions that share a socket have an ID and a port of their own each, and no memory") {
  boost::asio::io_context context;
  FakeServer server(context);
  bool twice = false;
  server.on_query = [&](const FakeServer::Query& query) {
    const auto last = static_cast<std::uint8_t>(server.queries().size());
    server.send(query.client, reply(query.id()).a("www.test.com", last));
    // Is there when the next question is asked, if anything is left of the first.
    if (twice) server.send(query.client, reply(query.id()).a("www.test.com", 66));
  };
  SUBCASE("one answer each") {}
  SUBCASE("one answer too many") {
    twice = true;
  }
  const auto asked = question(server.address());
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  const auto before = open_files();
  constexpr int more = 50;
  std::set<unsigned> ids, ports;
  for (int i = 0; i < more; ++i) {
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, fmt::format("192.0.2.{}", i + 2));
  }
  REQUIRE(server.queries().size() == more + 1);  // nobody was taken for a forger
  for (const auto& query : server.queries()) {
    ids.insert(query.id());
    ports.insert(query.client.port());
  }
  // By chance, as ever: two may be the same.
  CHECK(ids.size() > more - 5);
  CHECK(ports.size() > more - 5);
  CHECK(open_files() == before);
}

TEST_CASE("an unreachable port that was heard of late is not the next question's") {
  boost::asio::io_context context;
  auto refused = question(free_port<udp>(context));
  refused.tries = 1;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  for (int i = 0; i < 3; ++i) {
    CHECK(ask_now(context, refused).kind == OutcomeKind::error);
    CHECK_OUTCOME(ask_now(context, question(server.address())), OutcomeKind::ok, "192.0.2.1");
  }
}

TEST_CASE("an answer to one try that comes to another's port is ignored") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    const auto other = static_cast<std::uint16_t>(query.id() + 1);
    server.send(query.client, reply(other).a("www.test.com"));
  };
  auto asked = question(server.address());
  asked.timeout = brief;
  asked.tries = 1;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::timeout,
                "no answer in 300 ms (2 answers ignored: wrong ID)");  // it was asked anew
}

TEST_CASE("what does not answer the question is ignored and counted, and the answer still taken") {
  boost::asio::io_context context;
  FakeServer server(context);
  bool answers = false;
  server.on_query = [&](const FakeServer::Query& query) {
    const auto other = static_cast<std::uint16_t>(query.id() + 1);
    server.send(query.client, reply(other).a("www.test.com", 66));
    server.send(query.client, Reply(query.id()).question("www.evil.com").a("www.evil.com", 66));
    server.send(query.client, reply(query.id()).flags(0x0100));
    server.send(query.client, query.bytes);
    server.send(query.client, Bytes(query.bytes.begin(), query.bytes.begin() + 5));
    server.send(query.client, {});
    if (answers) server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  auto asked = question(server.address());
  SUBCASE("with an answer behind") {
    answers = true;
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  }
  SUBCASE("without") {
    asked.tries = 1;
    asked.timeout = 500ms;
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::timeout,
                  "no answer in 500 ms (12 answers ignored: too short, wrong ID, not an answer, "
                  "wrong question)");  // it was asked anew
  }
}

TEST_CASE("an answer from another address or port never arrives") {
  boost::asio::io_context context;
  FakeServer server(context);
  udp::socket other_port(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  udp::socket other_address(context,
                            {boost::asio::ip::make_address("127.0.0.2"), server.address().port});
  server.on_query = [&](const FakeServer::Query& query) {
    const Bytes forged = reply(query.id()).a("www.test.com", 66);
    other_port.send_to(boost::asio::buffer(forged), query.client);
    other_address.send_to(boost::asio::buffer(forged), query.client);
    server.send(query.client, reply(query.id()).rcode(3));
  };
  CHECK_OUTCOME(ask_now(context, question(server.address())), OutcomeKind::nxdomain, "NXDOMAIN");
}

TEST_CASE("a flood of forged answers hides neither the answer nor the deadline") {
  boost::asio::io_context context;
  FakeServer server(context);
  bool answers = false;
  unsigned sent = 0;
  std::function<void()> flood = [&] {
    const auto& query = server.queries()[0];
    const auto other = static_cast<std::uint16_t>(query.id() + 1);
    // Faster than they could be read.
    for (int i = 0; i < 20; ++i, ++sent) server.send(query.client, reply(other));
    if (answers && sent > 4000) server.send(query.client, reply(query.id()).a("www.test.com"));
    boost::asio::post(context, flood);
  };
  server.on_query = [&](const FakeServer::Query&) {
    if (server.queries().size() == 1) boost::asio::post(context, flood);
  };
  auto asked = question(server.address());
  asked.tries = 1;

  SUBCASE("the answer") {
    answers = true;
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  }
  SUBCASE("the deadline, nor anything else that the event loop does") {
    asked.timeout = 300ms;
    unsigned ticks = 0;
    boost::asio::steady_timer timer(context);
    std::function<void()> tick = [&] {
      timer.expires_after(10ms);
      timer.async_wait([&](boost::system::error_code failed) {
        if (failed) return;
        ++ticks;
        tick();
      });
    };
    tick();
    const auto outcome = ask_now(context, asked);
    CHECK(outcome.kind == OutcomeKind::timeout);
    CHECK(outcome.detail.starts_with("no answer in 300 ms ("));
    CHECK(outcome.detail.ends_with(" answers ignored: wrong ID)"));
    CHECK(outcome.latency < patient / 2);
    CHECK(ticks > 3);
  }
}

TEST_CASE("thousands of forged answers in one burst neither hide the good one nor keep us awake") {
  boost::asio::io_context servers, context;
  FakeServer server(servers);
  constexpr unsigned burst = 5000;  // a receive buffer holds some 300
  unsigned behind = 0;
  SUBCASE("in front of it") {}
  SUBCASE("around it") {
    behind = burst;
  }
  bool answers = true;
  SUBCASE("and it never comes") {
    answers = false;
  }
  server.on_query = [&](const FakeServer::Query& query) {
    const Bytes forged =
        reply(static_cast<std::uint16_t>(query.id() ^ 0x8000)).a("www.test.com", 66);
    for (unsigned i = 0; i < burst; ++i) server.send(query.client, forged);
    if (answers) server.send(query.client, reply(query.id()).a("www.test.com"));
    for (unsigned i = 0; i < behind; ++i) server.send(query.client, forged);
  };
  auto asked = question(server.address());
  asked.tries = 1;
  if (!answers) asked.timeout = 2s;
  std::optional<core::Outcome> outcome;
  start(context, asked, outcome);
  unsigned turns = 0;
  // Until the question is on its way; then the whole burst is there before anything is read.
  while (server.queries().empty()) {
    context.poll();
    servers.poll();
  }
  for (; !outcome; servers.poll()) turns += static_cast<unsigned>(context.run_for(1ms));
  CHECK(turns < 30);
  if (answers) {
    CHECK_OUTCOME(*outcome, OutcomeKind::ok, "192.0.2.1");
  } else {
    // Of both times that it was asked.
    CHECK_OUTCOME(*outcome, OutcomeKind::timeout,
                  "no answer in 2.0 s (10000 answers ignored: wrong ID)");
  }
  // Once more, as soon as the first forged answer was seen: before there was a filter, the good one
  // found no room.
  CHECK(server.queries().size() == 2);
  if (server.queries().size() == 2) {
    CHECK(server.queries()[0].id() != server.queries()[1].id());
    CHECK(server.queries()[0].client.port() != server.queries()[1].client.port());
  }
}

TEST_CASE("an answer that came in time counts although the event loop was busy at the deadline") {
  boost::asio::io_context context;
  FakeServer server(context);
  auto asked = question(server.address());
  asked.timeout = 200ms;
  asked.tries = 1;
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
    std::this_thread::sleep_for(2 * asked.timeout);
  };
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
}

TEST_CASE("no answer after a time in which this host stood still says nothing of the server") {
  boost::asio::io_context context;
  FakeServer server(context);
  auto asked = question(server.address());
  asked.timeout = 100ms;
  server.on_query = [&](const FakeServer::Query&) {
    std::this_thread::sleep_for(3 * asked.timeout);  // the event loop, which is the asker's too
  };
  const auto outcome = ask_now(context, asked);
  CHECK(core::name(outcome.kind) == core::name(OutcomeKind::unable));
  CHECK(outcome.detail.starts_with("cannot ask (this host stood still for "));
}

namespace {

/// Keeps the event loop busy from `from` to `until`, and again for `again` before whatever else was
/// due by then has its turn.
struct BusyLoop {
  BusyLoop(boost::asio::io_context& context, core::Time from, core::Time until,
           core::Duration again)
      : first(context, from), second(context, from + 1ms) {
    first.async_wait([until](auto) { std::this_thread::sleep_until(until); });
    second.async_wait([again](auto) { std::this_thread::sleep_for(again); });
  }
  boost::asio::steady_timer first, second;
};

}  // namespace

TEST_CASE("an answer that lies unread when the time is over is read before it counts as none") {
  boost::asio::io_context context, elsewhere;
  auto asked = question(free_port<udp>(context));
  asked.timeout = 400ms;
  asked.tries = 1;
  const auto begun = std::chrono::steady_clock::now();
  // The loop looks at its sockets a moment after the deadline; the answer comes a moment later,
  // while it is kept from handling that deadline.
  const auto answer_at = begun + asked.timeout + 50ms;
  std::unique_ptr<FakeServer> udp_server;
  std::unique_ptr<FakeTcpServer> tcp_server;
  SUBCASE("UDP") {}
  SUBCASE("UDP, and it says nothing of how long the server took") {
    asked.expect.max_latency = 300ms;
  }
  SUBCASE("TCP") {
    asked.transport = DnsTransport::tcp;
  }
  if (asked.transport == DnsTransport::udp) {
    udp_server = std::make_unique<FakeServer>(elsewhere);
    asked.server = udp_server->address();
    udp_server->on_query = [&](const FakeServer::Query& query) {
      std::this_thread::sleep_until(answer_at);
      udp_server->send(query.client, reply(query.id()).a("www.test.com"));
    };
  } else {
    tcp_server = std::make_unique<FakeTcpServer>(elsewhere, answering([&](std::uint16_t id) {
                                                   std::this_thread::sleep_until(answer_at);
                                                   return framed(reply(id).a("www.test.com"));
                                                 }));
    asked.server = tcp_server->address();
  }
  std::jthread server([&](const std::stop_token& over) {
    while (!over.stop_requested()) {
      elsewhere.run_for(10ms);
      elsewhere.restart();
    }
  });
  const BusyLoop busy(context, begun + asked.timeout - 50ms, begun + asked.timeout + 20ms, 60ms);
  const auto outcome = ask_now(context, asked);
  if (asked.expect.max_latency) {
    CHECK(core::name(outcome.kind) == core::name(OutcomeKind::unable));
  } else {
    CHECK_OUTCOME(outcome, OutcomeKind::ok, "192.0.2.1");
  }
}

TEST_CASE("no answer counts only where the time was really given") {
  boost::asio::io_context context;
  FakeServer server(context);
  auto asked = question(server.address());
  asked.timeout = 200ms;
  asked.tries = 1;
  std::optional<core::Outcome> outcome;
  SUBCASE("late at the end") {
    start(context, asked, outcome);
    context.poll();
    std::this_thread::sleep_for(300ms);
  }
  SUBCASE("late in the middle") {
    asked.tries = 4;
    start(context, asked, outcome);
    context.poll();
    std::this_thread::sleep_for(140ms);
  }
  wait_for(context, outcome);
  CHECK(core::name(outcome->kind) == core::name(OutcomeKind::unable));
  CHECK(outcome->detail.starts_with("cannot ask (this host stood still for "));
}

TEST_CASE("an unreachable port is known within moments, after a second try") {
  boost::asio::io_context context;
  auto asked = question(free_port<udp>(context));
  std::string_view term = "port unreachable";
  SUBCASE("UDP") {}
  SUBCASE("TCP") {
    asked.server = free_port<tcp>(context);
    asked.transport = DnsTransport::tcp;
    term = "connection refused";
  }
  const auto outcome = ask_now(context, asked);
  CHECK_OUTCOME(outcome, OutcomeKind::error, term);
  CHECK(outcome.latency >= 10ms);
  CHECK(outcome.latency < patient / 4);
}

TEST_CASE(
    "a port refused when there is no time to ask again is an unreachable port, not a timeout") {
  boost::asio::io_context context;
  auto asked = question(free_port<udp>(context));
  asked.timeout = 10ms;
  asked.tries = 1;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error, "port unreachable");
}

TEST_CASE("a server that is back when it is asked once more was never away") {
  boost::asio::io_context context;
  const auto address = free_port<udp>(context);
  std::optional<core::Outcome> outcome;
  start(context, question(address), outcome);
  context.poll();  // as far as it goes without waiting: up to the first refusal
  REQUIRE_FALSE(outcome);
  FakeServer server(context, "127.0.0.1", address.port);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  CHECK_OUTCOME(wait_for(context, outcome), OutcomeKind::ok, "192.0.2.1");
  CHECK(outcome->latency >= 10ms);
  CHECK(outcome->latency < patient / 4);
  CHECK(server.queries().size() == 1);
}

TEST_CASE("a server killed between two tries is an unreachable port") {
  boost::asio::io_context context;
  auto server = std::make_unique<FakeServer>(context);
  server->on_query = [&](const FakeServer::Query&) {
    boost::asio::post(context, [&] { server.reset(); });
  };
  auto asked = question(server->address());
  asked.tries = 100;
  const auto outcome = ask_now(context, asked);
  CHECK_OUTCOME(outcome, OutcomeKind::error, "port unreachable");
  CHECK(outcome.latency < patient / 4);
}

TEST_CASE("a truncated answer is asked for over TCP") {
  boost::asio::io_context context;
  FakeTcpServer::Serve serve = answering(
      [](auto id) { return framed(reply(id).a("www.test.com", 1).a("www.test.com", 2)); });
  unsigned other_ids = 0;
  for (int round = 0; round < 3; ++round) {
    FakeTcpServer tcp_server(context, serve);
    const auto server = truncating_beside(context, tcp_server.address());
    CHECK_OUTCOME(ask_now(context, question(server->address())), OutcomeKind::ok, "192.0.2.2");
    REQUIRE(server->queries().size() == 1);
    REQUIRE(tcp_server.queries().size() == 1);
    const auto& udp_query = server->queries()[0].bytes;
    const auto& tcp_query = tcp_server.queries()[0];
    CHECK(std::ranges::equal(std::span(udp_query).subspan(2), std::span(tcp_query).subspan(2)));
    if (id_of(udp_query) != id_of(tcp_query)) ++other_ids;
  }
  CHECK(other_ids > 0);  // now and then equal by chance
}

TEST_CASE("what goes wrong over TCP after a truncated answer says so") {
  boost::asio::io_context context;
  SUBCASE("refused") {
    const auto server = truncating_beside(context, free_port<tcp>(context));
    CHECK_OUTCOME(ask_now(context, question(server->address())), OutcomeKind::error,
                  "connection refused (over TCP, after a truncated answer)");
  }
  SUBCASE("silent") {
    tcp::acceptor listening(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
    const auto server = truncating_beside(context, endpoint(listening.local_endpoint()));
    auto asked = question(server->address());
    asked.timeout = 500ms;
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::timeout,
                  "no answer in 500 ms (over TCP, after a truncated answer)");
  }
  SUBCASE("closed") {
    FakeTcpServer tcp_server(context, answering([](auto) { return Bytes(); }));
    const auto server = truncating_beside(context, tcp_server.address());
    CHECK_OUTCOME(ask_now(context, question(server->address())), OutcomeKind::error,
                  "connection closed early (over TCP, after a truncated answer)");
  }
  SUBCASE("but not what the server answered") {
    FakeTcpServer tcp_server(context,
                             answering([](auto id) { return framed(reply(id).rcode(2)); }));
    const auto server = truncating_beside(context, tcp_server.address());
    CHECK_OUTCOME(ask_now(context, question(server->address())), OutcomeKind::error, "SERVFAIL");
  }
}

TEST_CASE("over TCP silence is the kernel's to break") {
  boost::asio::io_context context;
  FakeTcpServer server(context, [](FakeTcpServer::Socket& socket, Bytes) -> awaitable<void> {
    co_await until_closed(socket);
  });
  auto asked = over_tcp(server.address());
  asked.timeout = 200ms;
  asked.tries = 2;
  asked.again_after = 20ms;
  CHECK(ask_now(context, asked).kind == OutcomeKind::timeout);
  CHECK(server.queries().size() == 2);
}

TEST_CASE("over TCP the outcome is what the server's answer says") {
  boost::asio::io_context context;
  std::function<Bytes(std::uint16_t)> bytes;
  FakeTcpServer server(context, answering([&](auto id) { return bytes(id); }));
  const auto ask_server = [&] { return ask_now(context, over_tcp(server.address())); };

  SUBCASE("ok") {
    bytes = [](auto id) { return framed(reply(id).a("www.test.com", 4)); };
    const auto outcome = ask_server();
    CHECK_OUTCOME(outcome, OutcomeKind::ok, "192.0.2.4");
    CHECK(outcome.latency > 0ns);
    const auto& query = server.queries().at(0);
    const Bytes expected = Reply(id_of(query)).flags(0x0100).question("www.test.com");
    CHECK(query == expected);
  }
  SUBCASE("nxdomain") {
    bytes = [](auto id) { return framed(reply(id).rcode(3)); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::nxdomain, "NXDOMAIN");
  }
  SUBCASE("ok, behind messages that are none of ours") {
    bytes = [](auto id) {
      auto stream = framed(reply(static_cast<std::uint16_t>(id + 1)).rcode(3));
      const auto answer = framed(reply(id).a("www.test.com", 4));
      stream.insert(stream.end(), answer.begin(), answer.end());
      return stream;
    };
    CHECK_OUTCOME(ask_server(), OutcomeKind::ok, "192.0.2.4");
  }
  SUBCASE("ok, in an answer of almost 64 KiB") {
    bytes = [](auto id) {
      auto message = reply(id);
      while (message.bytes().size() + 28 <= 65535) message.a("www.test.com", 5);
      return framed(message);
    };
    CHECK_OUTCOME(ask_server(), OutcomeKind::ok, "192.0.2.5");
  }
  SUBCASE("truncated") {
    bytes = [](auto id) { return framed(reply(id).truncated()); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "truncated over TCP");
  }
  SUBCASE("malformed: length 0") {
    bytes = [](auto) { return framed({}); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "malformed answer");
  }
  SUBCASE("malformed: shorter than a header") {
    bytes = [](auto) { return framed(Bytes(11)); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "malformed answer");
  }
  SUBCASE("closed early: at once") {
    bytes = [](auto) { return Bytes(); };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "connection closed early");
  }
  SUBCASE("closed early: inside the length") {
    bytes = [](auto) { return Bytes{0}; };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "connection closed early");
  }
  SUBCASE("closed early: inside the answer") {
    bytes = [](auto id) {
      auto stream = framed(reply(id).a("www.test.com"));
      stream.pop_back();
      return stream;
    };
    CHECK_OUTCOME(ask_server(), OutcomeKind::error, "connection closed early");
  }
}

TEST_CASE("a TCP server that drips its answer byte by byte is heard to the end") {
  boost::asio::io_context context;
  FakeTcpServer server(context, [](FakeTcpServer::Socket& socket, Bytes query) -> awaitable<void> {
    socket.set_option(tcp::no_delay(true));
    const auto stream = framed(reply(id_of(query)).a("www.test.com"));
    for (const auto byte : stream) {
      const Bytes one{byte};
      co_await boost::asio::async_write(socket, boost::asio::buffer(one), use_awaitable);
    }
    co_await until_closed(socket);
  });
  CHECK_OUTCOME(ask_now(context, over_tcp(server.address())), OutcomeKind::ok, "192.0.2.1");
}

TEST_CASE("a TCP server that stops in the middle is a timeout") {
  boost::asio::io_context context;
  FakeTcpServer server(context, [](FakeTcpServer::Socket& socket, Bytes query) -> awaitable<void> {
    auto stream = framed(reply(id_of(query)).a("www.test.com"));
    stream.resize(stream.size() / 2);
    co_await boost::asio::async_write(socket, boost::asio::buffer(stream), use_awaitable);
    co_await until_closed(socket);
  });
  auto asked = over_tcp(server.address());
  asked.timeout = brief;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::timeout, "no answer in 300 ms");
}

TEST_CASE("a TCP server that resets the connection closed it early") {
  boost::asio::io_context context;
  FakeTcpServer server(context, [](FakeTcpServer::Socket& socket, Bytes) -> awaitable<void> {
    socket.set_option(boost::asio::socket_base::linger(true, 0));
    socket.close();
    co_return;
  });
  CHECK_OUTCOME(ask_now(context, over_tcp(server.address())), OutcomeKind::error,
                "connection closed early");
}

TEST_CASE("each try over TCP has its own connection, and the first answer wins") {
  boost::asio::io_context context;
  FakeTcpServer* here = nullptr;
  FakeTcpServer server(context, [&](FakeTcpServer::Socket& socket, Bytes query) -> awaitable<void> {
    if (here->queries().size() >= 2) {
      const auto stream = framed(reply(id_of(query)).a("www.test.com"));
      co_await boost::asio::async_write(socket, boost::asio::buffer(stream), use_awaitable);
    }
    co_await until_closed(socket);
  });
  here = &server;
  auto asked = over_tcp(server.address());
  asked.timeout = 2s;
  asked.tries = 20;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  CHECK(server.queries().size() >= 2);
}

TEST_CASE("a server to which there is no route is an error at once") {
  // In a child of its own, in a network namespace where even the loopback is down.
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string said = "no namespace";
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
      said.clear();
      for (const auto* address : {"192.0.2.1", "2001:db8::1"}) {
        boost::asio::io_context context;
        const auto outcome =
            ask_now(context, question({core::Address::parse(address).value(), 53}));
        said += std::string(core::name(outcome.kind)) + ": " + outcome.detail + "\n";
      }
    }
    const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(written < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string said(1000, '\0');
  const auto size = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(size > 0);
  said.resize(static_cast<std::size_t>(size));
  if (said == "no namespace") {
    MESSAGE("not tested: no network namespace may be made here");
    return;
  }
  // An IPv6 socket finds that it has no address before it finds that it has no route.
  CHECK(said.starts_with("error: no route (Network is unreachable)\nerror: no route ("));
}

TEST_CASE("a server that this host does not let us ask says nothing of the server") {
  boost::asio::io_context context;
  // Needs SO_BROADCAST. The loopback's own: a host that builds packages may have no other network.
  const auto broadcast = core::Address::parse("127.255.255.255").value();
  auto asked = question({broadcast, 53});
  asked.timeout = brief;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::unable, "cannot ask (Permission denied)");
}

TEST_CASE("a name that is none is an error, and nothing is sent") {
  boost::asio::io_context context;
  FakeServer server(context);
  auto asked = question(server.address());
  asked.name = "www..test.com";
  const auto outcome = ask_now(context, asked);
  CHECK(outcome.kind == OutcomeKind::error);
  CHECK(outcome.detail.starts_with("read the domain name \"www..test.com\": "));
  context.poll();
  CHECK(server.queries().empty());
}

TEST_CASE("without a file descriptor left it is this host that is unable to ask") {
  boost::asio::io_context context;
  FakeServer server(context);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  REQUIRE(next > 0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  auto udp_question = question(server.address());
  auto tcp_question = over_tcp(server.address());
  udp_question.timeout = tcp_question.timeout = brief;
  const auto udp_outcome = ask_now(context, udp_question);
  const auto tcp_outcome = ask_now(context, tcp_question);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_OUTCOME(udp_outcome, OutcomeKind::unable, "cannot ask (Too many open files)");
  CHECK_OUTCOME(tcp_outcome, OutcomeKind::unable, "cannot ask (Too many open files)");
}

TEST_CASE("the try after one that found no descriptor may find one, and then it counts") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  REQUIRE(next > 0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::optional<core::Outcome> outcome;
  auto asked = question(server.address());
  asked.timeout = 500ms;
  start(context, asked, outcome);
  context.poll();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(outcome);
  CHECK_OUTCOME(wait_for(context, outcome), OutcomeKind::ok, "192.0.2.1");
}

TEST_CASE("both transports must be ok") {
  boost::asio::io_context context;
  bool tcp_is_well = true;
  FakeTcpServer tcp_server(
      context, answering([&](std::uint16_t id) {
        return framed(tcp_is_well ? reply(id).a("www.test.com", 2) : reply(id).rcode(2));
      }));
  FakeServer server(context, "127.0.0.1", tcp_server.address().port);
  bool udp_is_well = true;
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client,
                udp_is_well ? reply(query.id()).a("www.test.com", 1) : reply(query.id()).rcode(5));
  };
  auto asked = question(server.address());
  asked.transport = DnsTransport::both;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.2");
  CHECK(server.queries().size() == 1);
  CHECK(tcp_server.queries().size() == 1);
  tcp_is_well = false;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error, "SERVFAIL (over TCP)");
  tcp_is_well = true;
  udp_is_well = false;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error, "REFUSED (over UDP)");
}

TEST_CASE("an answer that takes longer than it may is an error") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    std::this_thread::sleep_for(5ms);
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  auto asked = question(server.address());
  asked.expect.max_latency = 4ms;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error, "expected an answer within 4.0 ms");
  asked.expect.max_latency = patient;
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
}

TEST_CASE("a question is asked from the source address, over UDP and TCP") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  auto asked = question(server.address());
  asked.source = core::Address::parse("127.0.0.9").value();
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  REQUIRE(server.queries().size() == 1);
  CHECK(server.queries()[0].client.address().to_string() == "127.0.0.9");

  asked.source = core::Address::parse("192.0.2.1").value();
  for (const auto transport : {DnsTransport::udp, DnsTransport::tcp}) {
    asked.transport = transport;
    CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error,
                  "cannot use source 192.0.2.1 (Cannot assign requested address)");
  }
}

TEST_CASE("a question is asked through the interface, which must be there") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    server.send(query.client, reply(query.id()).a("www.test.com"));
  };
  auto asked = question(server.address());
  asked.interface = "lo";
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "192.0.2.1");
  asked.interface = "no-such-one";
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error,
                "cannot use interface no-such-one (No such device)");
}

TEST_CASE("a serial is held against that of another server, which may be out of reach") {
  boost::asio::io_context context;
  const auto soa_of = [](FakeServer& server, std::uint8_t serial) {
    server.on_query = [&server, serial](const FakeServer::Query& query) {
      std::string data = wire_name("ns") + wire_name("me") + std::string(20, '\0');
      data[data.size() - 17] = static_cast<char>(serial);
      server.send(
          query.client,
          Reply(query.id()).question("www.test.com", 6).record(wire_name("www.test.com"), 6, data));
    };
  };
  FakeServer server(context);
  FakeServer primary(context);
  soa_of(server, 7);
  auto asked = question(server.address());
  asked.type = core::RecordType::soa();
  asked.serial_from = core::SerialReference{primary.address(), 1};
  soa_of(primary, 8);
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok, "ns. me. 7 0 0 0 0");
  soa_of(primary, 9);
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::error,
                "serial 7 is 2 behind 9 of " + primary.address().text() + " (at most 1)");
  primary.on_query = [&](const FakeServer::Query& query) {
    primary.send(query.client, Reply(query.id()).rcode(5));
  };
  CHECK_OUTCOME(ask_now(context, asked), OutcomeKind::ok,
                "ns. me. 7 0 0 0 0, not compared with " + primary.address().text() + ": REFUSED");
}

TEST_CASE("an asking that has ended leaves no socket open but the answered one, for the next") {
  boost::asio::io_context context;
  FakeServer server(context);
  server.on_query = [&](const FakeServer::Query& query) {
    if (server.queries().size() == 3) server.send(query.client, reply(query.id()).rcode(3));
  };
  const auto before = open_files();
  auto asked = question(server.address());
  asked.timeout = 3s;
  asked.tries = 30;
  ask_now(context, asked);
  CHECK(open_files() == before + 1);
  // Which gets no answer, so that nothing is left.
  asked.timeout = brief;
  ask_now(context, asked);
  CHECK(open_files() == before);
}

TEST_CASE("cancelling an asking closes its sockets at once") {
  boost::asio::io_context context;
  FakeServer server(context);
  tcp::acceptor listening(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  auto asked = question(server.address());
  SUBCASE("UDP") {}
  SUBCASE("TCP") {
    asked = over_tcp(endpoint(listening.local_endpoint()));
  }
  const auto before = open_files();
  boost::asio::cancellation_signal cancel;
  bool ended = false;
  boost::asio::co_spawn(
      context, ask(asked),
      boost::asio::bind_cancellation_slot(
          cancel.slot(), [&](const std::exception_ptr&, const core::Outcome&) { ended = true; }));
  while (open_files() == before) context.run_one();
  REQUIRE_FALSE(ended);
  cancel.emit(boost::asio::cancellation_type::terminal);
  while (!ended) context.run_one();
  CHECK(open_files() == before);
}

TEST_CASE("an event loop that is destroyed in the middle of an asking takes its sockets along") {
  const auto before = open_files();
  for (const auto transport : {DnsTransport::udp, DnsTransport::tcp}) {
    std::optional<core::Outcome> outcome;
    boost::asio::io_context context;
    FakeServer server(context);
    tcp::acceptor listening(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
    auto asked = question(transport == DnsTransport::udp ? server.address()
                                                         : endpoint(listening.local_endpoint()));
    asked.transport = transport;
    const auto idle = open_files();
    start(context, asked, outcome);
    while (open_files() == idle) context.run_one();
    context.poll();
    CHECK_FALSE(outcome);
  }
  CHECK(open_files() == before);
}
