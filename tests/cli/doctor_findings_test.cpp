#include "cli/doctor_findings.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <sstream>

using namespace withdrawd;
using cli::Finding;
using Verdict = Finding::Verdict;

namespace {

std::string text(const std::vector<Finding>& findings) {
  return cli::doctor_text(findings, cli::Terminal(-1));
}

}  // namespace

TEST_CASE("a finding is a line with its cure below, and the last line sums up") {
  CHECK(text({{Verdict::ok, "clock", "", "kept right"},
              {Verdict::wrong, "transport", "vtysh", "it failed", "usermod -aG frrvty ann", true},
              {Verdict::unseen, "files", "", "not for you"}}) ==
        "ok      clock: kept right\n"
        "wrong   vtysh: it failed\n"
        "        -> usermod -aG frrvty ann\n"
        "unseen  files: not for you\n"
        "\n"
        "1 thing is wrong. 1 could not be looked at.\n");
}

TEST_CASE("a long command is broken where a shell puts it together again") {
  const std::string command =
      "vtysh -d bgpd -c 'configure terminal' -c 'router bgp 65001' -c 'address-family ipv4 "
      "unicast' -c 'no redistribute connected'";
  const auto said = text({{Verdict::wrong, "prefix", "192.0.2.0/24", "x", command, true}});
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  const auto from = said.find("-> ") + 3;
  auto typed = said.substr(from, said.find("\n\n") - from);
  for (auto at = typed.find(" \\\n"); at != typed.npos; at = typed.find(" \\\n")) {
    typed.erase(at, typed.find_first_not_of(' ', at + 3) - at - 1);
    typed[at] = ' ';
  }
  CHECK(typed == command);
}

TEST_CASE("a word is quoted for a shell only where it must be") {
  CHECK(cli::quoted_for_shell("/run/frr/bgpd.vty") == "/run/frr/bgpd.vty");
  CHECK(cli::quoted_for_shell("a b") == "'a b'");
  CHECK(cli::quoted_for_shell("it's") == "'it'\\''s'");
  CHECK(cli::quoted_for_shell("$(x)") == "'$(x)'");
  CHECK(cli::quoted_for_shell("") == "''");
}

TEST_CASE("of many prefixes that are fine only the first are shown, of the others all") {
  std::vector<Finding> findings(1000, {Verdict::ok, "prefix", "192.0.2.0/24", "fine"});
  findings.push_back({Verdict::wrong, "prefix", "198.51.100.0/24", "not fine"});
  const auto said = text(findings);
  CHECK(std::ranges::count(said, '\n') < 30);
  CHECK(said.find("and 980 more") != said.npos);
  CHECK(said.find("not fine") != said.npos);
}

TEST_CASE("the JSON has every finding") {
  const auto value =
      cli::doctor_json({{Verdict::note, "clock", "", "x"},
                        {Verdict::wrong, "transport", "vtysh", "it failed", "chmod 1 x", true}},
                       1);
  CHECK(value.at("version") == 1);
  CHECK(value.at("exit_status") == 1);
  CHECK(value.at("findings").at(0).at("cure").is_null());
  CHECK(value.at("findings").at(1).at("verdict") == "wrong");
  CHECK(value.at("findings").at(1).at("cure_is_command") == true);
}
