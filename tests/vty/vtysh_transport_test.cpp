#include "vty/vtysh_transport.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "fake_vtysh.hpp"
#include "process/event_loop.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;
using core::Trouble;
using test::FakeVtysh;
using test::Transcript;
using vty::Reply;
using vty::VtyshTransport;

namespace {

using Lines = std::vector<std::string>;
using Replies = std::expected<std::vector<Reply>, vty::Failure>;

core::BgpdAccess access_to(const std::filesystem::path& program, core::Duration timeout = 20s) {
  return {.vtysh = program, .vtysh_timeout = timeout};
}

Replies show(const core::BgpdAccess& access, Lines commands) {
  VtyshTransport transport({}, access);
  return test::run_to_end(transport.show(std::move(commands)));
}

Replies configure(const core::BgpdAccess& access, Lines lines) {
  VtyshTransport transport({}, access);
  return test::run_to_end(transport.configure(std::move(lines)));
}

std::string error_of(const Replies& replies) {
  return replies ? "no error" : replies.error().error.text();
}

Lines lines_of(std::string text) {
  Lines lines;
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  lines.push_back(text);
  return lines;
}

const Lines twice_withdrawn{"configure terminal",          "router bgp 65001",
                            "address-family ipv4 unicast", "no network 192.0.2.0/24",
                            "no network 192.0.2.0/24",     "network 192.0.2.0/24",
                            "exit-address-family",         "end"};

}  // namespace

TEST_CASE("the recorded runs of Quagga's and FRR's vtysh give one reply a command") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto recorded = Transcript::load(bgpd + "-vtysh-echo").turns.at(0);
    FakeVtysh vtysh({recorded});
    const auto commands = lines_of(recorded.argv.back());
    const auto replies = show(access_to(vtysh.program()), commands);
    REQUIRE(replies);
    REQUIRE(replies->size() == 5);
    CHECK((*replies)[0].text.ends_with("end\n"));
    CHECK((*replies)[2].text == "% Network not in table\n");
    CHECK((*replies)[4].text.starts_with("BGP routing table entry for 2001:db8:53::/48"));
    CHECK((*replies)[4].command == commands[4]);
    // Sent as it was recorded: bgpd alone, all in one run.
    REQUIRE(vtysh.runs().size() == 1);
    CHECK(vtysh.runs().front() == recorded.argv);
  }
}

TEST_CASE("a command that vtysh stops at costs no other its answer") {
  const auto recorded = Transcript::load("frr-8.4.4-vtysh-echo");
  FakeVtysh vtysh(
      {recorded.turns.at(4), {.out = "vm# show ip bgp 192.0.2.0/24\nBGP routing table entry\n"}});
  const auto replies = show(access_to(vtysh.program()), lines_of(recorded.turns.at(4).argv.back()));
  REQUIRE(replies);
  REQUIRE(replies->size() == 3);
  CHECK((*replies)[0].text == "% Network not in table\n");
  CHECK((*replies)[1].status != 0);
  CHECK((*replies)[2].text == "BGP routing table entry\n");
  CHECK(vtysh.runs().size() == 2);
}

TEST_CASE("Quagga's vtysh goes on behind a refused statement") {
  const auto recorded = Transcript::load("quagga-1.2.3-vtysh-echo");
  FakeVtysh vtysh({recorded.turns.at(1)});
  const auto replies = configure(access_to(vtysh.program()), twice_withdrawn);
  REQUIRE(replies);
  REQUIRE(replies->size() == 1);
  CHECK(replies->front().text == "% Can't find specified static route configuration.\n");
  CHECK(replies->front().command == "no network 192.0.2.0/24");
  CHECK(vtysh.runs().size() == 1);
}

TEST_CASE("FRR's vtysh stops at a refused statement, and the rest is sent in another run") {
  const auto recorded = Transcript::load("frr-8.4.4-vtysh-echo");
  FakeVtysh vtysh({recorded.turns.at(1), recorded.turns.at(2)});
  const auto replies = configure(access_to(vtysh.program()), twice_withdrawn);
  REQUIRE(replies);
  REQUIRE(replies->size() == 1);
  CHECK(replies->front().text == "% Can't find static route specified\n");
  CHECK(replies->front().status != 0);
  // Exactly what was recorded: the way back in, then what was left.
  REQUIRE(vtysh.runs().size() == 2);
  CHECK(vtysh.runs()[0] == recorded.turns.at(1).argv);
  CHECK(vtysh.runs()[1] == recorded.turns.at(2).argv);
}

TEST_CASE("statements for an instance that cannot be entered are typed nowhere else") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto recorded = Transcript::load(bgpd + "-vtysh-echo").turns.at(3);
    FakeVtysh vtysh({recorded});
    const auto replies = configure(access_to(vtysh.program()), lines_of(recorded.argv.back()));
    REQUIRE(replies);
    REQUIRE_FALSE(replies->empty());
    CHECK(replies->front().text.find("AS is 65001") != std::string::npos);
    CHECK(vtysh.runs().size() == 1);
  }
}

TEST_CASE("the configuration lock is told from other refusals") {
  FakeVtysh vtysh({Transcript::load("quagga-1.2.3-vtysh-echo").turns.at(5)});
  const auto replies = configure(access_to(vtysh.program()), twice_withdrawn);
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::locked);
  CHECK(error_of(replies).find("VTY configuration is locked by other VTY") != std::string::npos);
}

TEST_CASE("a vtysh that reaches no bgpd is unreachable, as recorded") {
  for (const std::string bgpd : {"quagga-1.2.3", "frr-8.4.4"}) {
    CAPTURE(bgpd);
    const auto recorded = Transcript::load(bgpd + "-vtysh-bgpd-down").turns.at(2);
    FakeVtysh vtysh({recorded, recorded});
    for (const auto& replies : {show(access_to(vtysh.program()), {"show running-config"}),
                                configure(access_to(vtysh.program()), twice_withdrawn)}) {
      REQUIRE_FALSE(replies);
      CHECK(replies.error().trouble == Trouble::unreachable);
      CHECK(error_of(replies).starts_with("run vtysh: it failed to connect to bgpd"));
    }
  }
}

TEST_CASE("a vtysh that exits with 0 and did nothing has failed") {
  FakeVtysh vtysh("exit 0");
  for (const auto& replies : {show(access_to(vtysh.program()), {"show running-config"}),
                              configure(access_to(vtysh.program()), twice_withdrawn)}) {
    REQUIRE_FALSE(replies);
    CHECK(replies.error().trouble == Trouble::unreachable);
    CHECK(error_of(replies) == "run vtysh: it exited with status 0 and ran nothing");
  }
}

TEST_CASE("a vtysh that hangs is killed and silent") {
  FakeVtysh vtysh("exec sleep 1000");
  const auto replies = show(access_to(vtysh.program(), 50ms), {"show running-config"});
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::silent);
}

TEST_CASE("a vtysh that dies says so") {
  FakeVtysh vtysh("echo 'symbol lookup error: vtysh: undefined' >&2; kill -SEGV $$");
  const auto replies = show(access_to(vtysh.program()), {"show running-config"});
  REQUIRE_FALSE(replies);
  CHECK(replies.error().trouble == Trouble::unreachable);
  CHECK(error_of(replies) ==
        "run vtysh: it exited with status 139 and ran nothing: symbol lookup error: vtysh: "
        "undefined");
}

TEST_CASE("a vtysh that cannot be run says why") {
  FakeVtysh vtysh("exit 0");
  CHECK(error_of(show(access_to(vtysh.directory() / "nothing"), {"x"})) ==
        "run vtysh: there is no such program (install it, or name it with bgpd.vtysh)");
  CHECK(error_of(show(access_to("no-such-vtysh-anywhere"), {"x"})) ==
        "run vtysh: there is no such program (install it, or name it with bgpd.vtysh)");
  std::filesystem::permissions(vtysh.program(), std::filesystem::perms::owner_read);
  CHECK(error_of(show(access_to(vtysh.program()), {"x"})) ==
        "run vtysh: it is not executable (for the user that withdrawd runs as)");
}

TEST_CASE("an answer of many megabytes arrives whole") {
  FakeVtysh vtysh(
      "echo 'vm# show running-config'\n"
      "i=0; while [ $i -lt 16 ]; do head -c 262144 /dev/zero | tr '\\0' 'x'; echo; i=$((i + 1)); "
      "done\n");
  const auto replies = show(access_to(vtysh.program()), {"show running-config"});
  REQUIRE(replies);
  CHECK(replies->front().text.size() == 16 * 262145);
}

TEST_CASE("ten thousand statements fit into a few runs, none of them too long to be started") {
  FakeVtysh vtysh(
      "echo run >> runs\n"
      "while [ $# -gt 0 ]; do\n"
      "  if [ \"$1\" = -c ]; then printf '%s\\n' \"$2\" | sed 's/^/vm# /'; shift; fi\n"
      "  shift\n"
      "done\n");
  Lines lines{"configure terminal", "router bgp 65001", "address-family ipv4 unicast"};
  for (int i = 0; i < 10000; ++i) {
    lines.push_back("no network 10." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                    ".0/24");
  }
  lines.insert(lines.end(), {"exit-address-family", "end"});
  const auto replies = configure(access_to(vtysh.program()), lines);
  REQUIRE(replies);
  CHECK(replies->empty());
  CHECK(std::filesystem::file_size(vtysh.directory() / "runs") / 4 <= 3);
}

TEST_CASE("the socket directory is handed on") {
  FakeVtysh vtysh({{.out = "vm# show version\nFRR\n"}});
  auto access = access_to(vtysh.program());
  access.vtysh_socket_dir = "/run/elsewhere";
  REQUIRE(show(access, {"show version"}));
  CHECK(vtysh.runs().front() ==
        Lines{"--vty_socket", "/run/elsewhere", "-d", "bgpd", "-E", "-c", "show version"});
  CHECK(VtyshTransport({}, access).text() == "vtysh " + vtysh.program().string());
  CHECK(VtyshTransport({}, {}).text() == "vtysh");
}
