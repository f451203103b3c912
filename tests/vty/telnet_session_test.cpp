#include "vty/telnet_session.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fake_telnet_vty.hpp"
#include "transcript.hpp"

using namespace withdrawd;
using namespace std::string_literals;
using test::converse;
using test::log_in;
using test::ModelVty;
using test::Transcript;
using test::TranscriptVty;
using vty::TelnetSession;
using vty::Trouble;
using State = TelnetSession::State;
using Words = std::vector<std::string>;

namespace {

constexpr auto whole = std::string::npos;

TelnetSession::Passwords right() {
  return {"zebra", "secret"};
}

std::vector<std::string> texts(TelnetSession& session) {
  std::vector<std::string> texts;
  for (auto& reply : session.take_replies()) texts.push_back(std::move(reply.text));
  return texts;
}

/// A conversation as a transcript has it after the log-in: what was typed, and what came back
/// between the echo and the prompt.
struct Recorded {
  Words commands;
  Words answers;
};

Recorded after_log_in(const Transcript& transcript) {
  Recorded recorded;
  bool enabled = false;
  for (const auto& turn : transcript.turns) {
    const bool typed = enabled && turn.send.size() > 1 && turn.send != "terminal length 0\n";
    enabled = enabled || turn.recv.ends_with("edge1# ");
    if (!typed || !turn.recv.ends_with("# ")) continue;
    recorded.commands.push_back(turn.send.substr(0, turn.send.size() - 1));
    std::string answer = turn.recv.substr(turn.send.size() + 1);
    answer.resize(answer.rfind('\n') + 1);
    std::erase(answer, '\r');
    recorded.answers.push_back(answer);
  }
  return recorded;
}

std::string failure_text(const TelnetSession& session) {
  return session.failure() ? session.failure()->error.text() : "no failure";
}

}  // namespace

TEST_CASE("every recorded conversation is understood, in whatever pieces it comes") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    for (const auto* what :
         {"withdraw-announce", "locked", "rejected", "route-map", "paging", "no-enable-password"}) {
      const auto transcript = Transcript::load(bgpd + "-telnet-"s + what);
      const auto recorded = after_log_in(transcript);
      for (const std::size_t piece : {whole, std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
        CAPTURE(transcript.name);
        CAPTURE(piece);
        TranscriptVty peer(transcript);
        TelnetSession session(right());
        log_in(session, peer, piece);
        REQUIRE(session.state() == State::ready);
        session.type(recorded.commands);
        CHECK(session.state() == State::busy);
        converse(session, peer, piece);
        REQUIRE(session.state() == State::ready);
        CHECK(texts(session) == recorded.answers);
        CHECK(peer.unexpected().empty());
        CHECK_FALSE(session.in_configuration());
      }
    }
  }
}

TEST_CASE("answers to commands typed ahead are told apart although they come in one go") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    for (const std::size_t piece : {whole, std::size_t{1}, std::size_t{5}}) {
      const auto transcript = Transcript::load(bgpd + "-telnet-pipelined"s);
      CAPTURE(transcript.name);
      CAPTURE(piece);
      std::string said = transcript.turns.at(1).recv;
      const auto up_to = [&said](std::string_view what) {
        const auto end = said.find(what) + what.size();
        return std::exchange(said, said.substr(end)).substr(0, end);
      };
      TelnetSession session(right());
      session.receive(transcript.turns.at(0).recv);
      CHECK(session.take_output() == "zebra\n");
      session.receive(up_to("edge1> "));
      CHECK(session.take_output() == "enable\n");
      session.receive(up_to("Password: "));
      CHECK(session.take_output() == "secret\n");
      session.receive(up_to("edge1# "));
      CHECK(session.take_output() == "terminal length 0\n");
      session.receive("terminal length 0\r\nedge1# ");
      REQUIRE(session.state() == State::ready);

      session.type({"configure terminal", "router bgp 65001", "no network 192.0.2.0/24",
                    "network 192.0.2.0/24", "end"});
      CHECK("zebra\nenable\nsecret\n" + session.take_output() == transcript.turns.at(1).send);
      for (std::size_t at = 0; at < said.size(); at += std::min(piece, said.size() - at)) {
        CHECK(session.state() == State::busy);
        session.receive(std::string_view(said).substr(at, piece));
      }
      REQUIRE(session.state() == State::ready);
      CHECK(texts(session) == Words(5));
    }
  }
}

TEST_CASE("the configuration lock is in the answer, and the prompt says that we stay outside") {
  TranscriptVty peer(Transcript::load("quagga-1.2.3-telnet-locked"));
  TelnetSession session(right());
  log_in(session, peer);
  session.type({"configure terminal"});
  converse(session, peer);
  CHECK_FALSE(session.in_configuration());
  const auto replies = session.take_replies();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].text == "VTY configuration is locked by other VTY\n");
  CHECK(replies[0].status == 1);
  CHECK(replies[0].command == "configure terminal");
}

TEST_CASE("the prompt tells when bgpd is in configuration mode") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  for (const auto* command : {"configure terminal", "router bgp 65001",
                              "address-family ipv6 unicast", "exit-address-family"}) {
    session.type({command});
    converse(session, peer);
    CHECK(session.in_configuration());
  }
  session.type({"end"});
  converse(session, peer);
  CHECK_FALSE(session.in_configuration());
}

TEST_CASE("an answer's status is what the socket would have said") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    const auto transcript = Transcript::load(bgpd + "-telnet-rejected"s);
    TranscriptVty peer(transcript);
    TelnetSession session(right());
    log_in(session, peer);
    session.type(after_log_in(transcript).commands);
    converse(session, peer);
    std::vector<int> statuses;
    for (const auto& reply : session.take_replies()) statuses.push_back(reply.status);
    CHECK(statuses == std::vector{0, 1, 0, 2, 2, 4, 0, 2});
  }
}

TEST_CASE("a wrong password ends it at once, with one try used up") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    TranscriptVty peer(Transcript::load(bgpd + "-telnet-bad-password"s));
    TelnetSession session({"x", "secret"});
    log_in(session, peer);
    CHECK(session.state() == State::over);
    CHECK(session.failure()->trouble == Trouble::unreachable);
    CHECK(failure_text(session) ==
          "log in: wrong password (write bgpd's vty password into the password_file)");
    CHECK(peer.lines() == Words{"x"});
  }
}

TEST_CASE("a wrong enable password ends it at once, with one try used up") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    TranscriptVty peer(Transcript::load(bgpd + "-telnet-bad-enable"s));
    TelnetSession session({"zebra", "x"});
    log_in(session, peer);
    CHECK(session.state() == State::over);
    CHECK(session.failure()->trouble == Trouble::unreachable);
    CHECK(failure_text(session) ==
          "enable: wrong enable password "
          "(write bgpd's enable password into the enable_password_file)");
    CHECK(peer.lines() == Words{"zebra", "enable", "x"});
  }
}

TEST_CASE("a password that is asked for and not configured is an error that names the setting") {
  ModelVty peer;
  TelnetSession without_any({});
  log_in(without_any, peer);
  CHECK(failure_text(without_any).find("set `password_file`") != std::string::npos);
  TelnetSession without_enable({"zebra", {}});
  log_in(without_enable, peer);
  CHECK(failure_text(without_enable).find("set `enable_password_file`") != std::string::npos);
}

TEST_CASE("a bgpd without a vty password is an error that says what to configure there") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    TranscriptVty peer(Transcript::load(bgpd + "-telnet-no-password"s),
                       TranscriptVty::AtEnd::hangs_up);
    TelnetSession session(right());
    log_in(session, peer);
    CHECK(failure_text(session) ==
          "log in: bgpd has no vty password and so lets nobody in "
          "(set `password` in bgpd's configuration, or drop telnet from `transports`)");
  }
}

TEST_CASE("a bgpd that asks for no password lets us in, enabled or not") {
  for (const bool advanced : {false, true}) {
    ModelVty peer;
    peer.password = std::nullopt;
    peer.advanced = advanced;
    TelnetSession session(right());
    log_in(session, peer, 1);
    CHECK(session.state() == State::ready);
    CHECK(peer.lines.size() == (advanced ? 1 : 2));
  }
}

TEST_CASE("advanced-vty enables with the log-in") {
  ModelVty peer;
  peer.advanced = true;
  TelnetSession session(right());
  log_in(session, peer);
  CHECK(session.state() == State::ready);
  CHECK(peer.lines == Words{"terminal length 0"});
}

TEST_CASE("the hang-up of an idle session is known for what it is") {
  TranscriptVty peer(Transcript::load("quagga-1.2.3-telnet-idle-timeout"));
  TelnetSession session(right());
  log_in(session, peer);
  REQUIRE(session.state() == State::ready);
  session.receive(peer.take_turn());
  session.hang_up();
  CHECK(session.state() == State::over);
  CHECK(session.timed_out_idle());
  CHECK_FALSE(session.failure());

  ModelVty dies;
  TelnetSession loses(right());
  log_in(loses, dies);
  loses.hang_up();
  CHECK(loses.state() == State::over);
  CHECK_FALSE(loses.timed_out_idle());
}

TEST_CASE("an idle session's hang-up that crosses a command is known as well") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  session.type({"show running-config"});
  session.receive("\r\nVty connection is timed out.\r\n");
  session.hang_up();
  CHECK(session.timed_out_idle());
  CHECK(failure_text(session) == "ask \"show running-config\": bgpd hung up");
}

TEST_CASE("wherever bgpd hangs up or falls silent, nothing is taken for an answer that is none") {
  for (const auto* bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    const auto transcript = Transcript::load(bgpd + "-telnet-withdraw-announce"s);
    const auto recorded = after_log_in(transcript);
    std::string said;
    {
      TranscriptVty peer(transcript);
      TelnetSession session(right());
      said = log_in(session, peer);
      session.type(recorded.commands);
      said += converse(session, peer);
      REQUIRE(texts(session) == recorded.answers);
    }
    for (std::size_t cut = 0; cut < said.size(); ++cut) {
      CAPTURE(transcript.name);
      CAPTURE(cut);
      TelnetSession session(right());
      bool typed = false;
      for (std::size_t at = 0; at < cut; ++at) {
        session.receive(std::string_view(said).substr(at, 1));
        if (!typed && session.state() == State::ready) {
          session.type(recorded.commands);
          typed = true;
        }
      }
      const auto state_before = session.state();
      CHECK(state_before == (typed ? State::busy : State::logging_in));
      session.nothing_more();
      CHECK(session.state() == state_before);
      session.hang_up();
      CHECK(session.state() == State::over);
      CHECK(session.failure()->trouble == Trouble::unreachable);
      CHECK(failure_text(session).find("hung up") != std::string::npos);
      CHECK(failure_text(session).find("zebra") == std::string::npos);
      CHECK(failure_text(session).find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("a host may be called almost anything") {
  for (const auto* host : {"r#1", "r>1", "r#", "r>", "##", ">", "a(config)b", "Password:", "x"}) {
    for (const std::size_t piece : {whole, std::size_t{1}, std::size_t{3}}) {
      CAPTURE(host);
      CAPTURE(piece);
      ModelVty peer;
      peer.host = host;
      peer.answers["show one"] = "one line\n";
      TelnetSession session(right());
      log_in(session, peer, piece);
      REQUIRE(session.state() == State::ready);
      session.type({"show one", "configure terminal", "router bgp 65001", "network 192.0.2.0/24",
                    "end", "show one"});
      converse(session, peer, piece);
      REQUIRE(session.state() == State::ready);
      CHECK(texts(session) == Words{"one line\n", "", "", "", "", "one line\n"});
      CHECK(peer.statements == Words{"network 192.0.2.0/24"});
    }
  }
}

TEST_CASE("a banner may hold prompts of every kind") {
  for (const std::size_t piece : {whole, std::size_t{1}}) {
    ModelVty peer;
    peer.banner =
        "Password: \r\nedge1> \r\nedge1# \r\nThe Password: is not zebra\r\n"
        "Vty password is not set.\r\nnobody> enable\r\nPassword: ";
    TelnetSession session(right());
    log_in(session, peer, piece);
    CHECK(session.state() == State::ready);
    CHECK(peer.lines == Words{"enable", "terminal length 0"});
  }
}

TEST_CASE("an answer may hold what looks like prompts and echoes") {
  const std::string tricky =
      "Password: \nother# show two\nother> \n*> 192.0.2.0/24\nshow two\n edge1# show two\n"
      "edge1#\nedge1(config)# network\n\n";
  for (const std::size_t piece : {whole, std::size_t{2}, std::size_t{3}, std::size_t{64}}) {
    CAPTURE(piece);
    ModelVty peer;
    // Of these lines only one is exactly what the end of an answer looks like: a prompt, known or
    // new, with the next command behind it. bgpd itself never prints that.
    auto harmless = tricky;
    harmless.erase(harmless.find("other# show two\n"), 16);
    peer.answers["show one"] = harmless;
    peer.answers["show two"] = "two\n";
    TelnetSession session(right());
    log_in(session, peer, piece);
    session.type({"show one", "show two"});
    converse(session, peer, piece);
    REQUIRE(session.state() == State::ready);
    CHECK(texts(session) == Words{harmless, "two\n"});
  }
}

TEST_CASE("telnet's own language is swallowed wherever it stands, and never answered") {
  const std::string noise =
      "\xff\xfb\x01"                          // WILL ECHO
      "\xff\xf1"                              // NOP
      "\xff\xfa\x18\x01\xff\xff\x02\xff\xf0"  // a subnegotiation with an escaped 0xFF in it
      "\xff\xfd\x18";                         // DO TERMINAL-TYPE
  for (const std::size_t piece : {whole, std::size_t{1}}) {
    ModelVty peer;
    peer.answers["show one"] = "a" + noise + "b\xff\xff" + "c\n";
    TelnetSession session(right());
    log_in(session, peer, piece);
    session.type({"show one"});
    const auto said = converse(session, peer, piece);
    REQUIRE(session.state() == State::ready);
    CHECK(texts(session) == Words{"ab\xff"
                                  "c\n"});
    CHECK(peer.lines == Words{"enable", "terminal length 0", "show one"});
  }
}

TEST_CASE("a hostname changed while commands are typed ahead is learned from the next echo") {
  for (const std::size_t piece : {whole, std::size_t{1}}) {
    ModelVty peer;
    TelnetSession session(right());
    log_in(session, peer, piece);
    session.type({"configure terminal", "hostname core7", "router bgp 65001", "end"});
    converse(session, peer, piece);
    REQUIRE(session.state() == State::ready);
    CHECK(texts(session) == Words(4));
  }
}

TEST_CASE("a hostname changed by somebody else is learned when nothing follows the prompt") {
  ModelVty peer;
  peer.answers["show one"] = "one\n";
  TelnetSession session(right());
  log_in(session, peer);
  peer.host = "core7";
  session.type({"show one"});
  converse(session, peer);
  CHECK(session.state() == State::busy);
  CHECK(session.could_be_at_new_prompt());
  session.nothing_more();
  CHECK(session.state() == State::ready);
  CHECK(texts(session) == Words{"one\n"});
  // From here on the new name is the known one.
  session.type({"show one"});
  converse(session, peer);
  CHECK(session.state() == State::ready);
}

TEST_CASE("a hostname changed in the middle of the log-in does not stop it") {
  ModelVty peer;
  TelnetSession session(right());
  session.receive(peer.greeting());
  session.take_output();
  session.receive(peer.answer("zebra"));
  CHECK(session.take_output() == "enable\n");
  session.receive(peer.answer("enable"));
  CHECK(session.take_output() == "secret\n");
  peer.host = "core7";
  session.receive(peer.answer("secret"));
  CHECK(session.take_output().empty());
  REQUIRE(session.could_be_at_new_prompt());
  session.nothing_more();
  converse(session, peer);
  CHECK(session.state() == State::ready);
}

TEST_CASE("an answer that does not end its last line is still an answer") {
  ModelVty peer;
  peer.answers["show one"] = "first\nno line end";
  TelnetSession session(right());
  log_in(session, peer);
  session.type({"show one"});
  converse(session, peer);
  CHECK(session.could_be_at_new_prompt());
  session.nothing_more();
  REQUIRE(session.state() == State::ready);
  CHECK(texts(session) == Words{"first\nno line end"});
}

TEST_CASE("silence in the middle of an answer proves nothing") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  session.type({"show one"});
  session.receive("show one\r\n*");
  CHECK_FALSE(session.could_be_at_new_prompt());
  session.nothing_more();
  CHECK(session.state() == State::busy);
}

TEST_CASE("however many commands there are, a bounded number of bytes is typed ahead") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  Words commands{"configure terminal", "router bgp 65001"};
  for (int i = 0; i < 5000; ++i) {
    commands.push_back("network 10." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                       ".0/24");
  }
  const Words statements(commands.begin() + 2, commands.end());
  commands.push_back("end");
  session.type(commands);

  std::size_t most = 0;
  std::string typed;
  for (typed += session.take_output(); !typed.empty(); typed += session.take_output()) {
    most = std::max(most, typed.size());
    const auto line = typed.substr(0, typed.find('\n'));
    typed.erase(0, line.size() + 1);
    session.receive(peer.answer(line));
  }
  CHECK(session.state() == State::ready);
  CHECK(session.take_replies().size() == commands.size());
  CHECK(peer.statements == statements);
  CHECK(most <= 16 * 1024);
  CHECK(most > 4 * 1024);
}

TEST_CASE("a bgpd that speaks unasked is not trusted any further") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  session.receive("something\r\n");
  CHECK(session.state() == State::over);
  CHECK(failure_text(session) == "talk to bgpd's vty: it spoke unasked");
}

TEST_CASE("an echo of something else ends it, and is not told: it might be the password") {
  ModelVty peer;
  TelnetSession session(right());
  log_in(session, peer);
  session.type({"show one"});
  session.receive("zebra\r\n");
  CHECK(session.state() == State::over);
  CHECK(failure_text(session) == "talk to bgpd's vty: it echoed something else than was typed");
}

TEST_CASE("whoever talks without end on that port is left") {
  TelnetSession session(right());
  const std::string chunk(100'000, 'x');
  for (int i = 0; i < 11 && session.state() != State::over; ++i) session.receive(chunk);
  CHECK(session.state() == State::over);
  CHECK(failure_text(session) ==
        "read what bgpd's vty says: it never ends (is this bgpd's vty port?)");
}

TEST_CASE("lines end with LF alone, and the password is never typed where it would be echoed") {
  TranscriptVty peer(Transcript::load("quagga-1.2.3-telnet-withdraw-announce"));
  TelnetSession session(right());
  session.receive(peer.greeting());
  CHECK(session.take_output() == "zebra\n");
  ModelVty open;
  open.password = std::nullopt;
  open.enable_password = std::nullopt;
  TelnetSession free(right());
  log_in(free, open);
  CHECK(open.lines == Words{"enable", "terminal length 0"});
}
