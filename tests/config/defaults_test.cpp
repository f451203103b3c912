#include <doctest/doctest.h>

#include <algorithm>

#include "written_config.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;

namespace {

/// `lines` stand in [defaults], from line 2; [check.resolver] follows, and [rule.anycast] behind
/// `in_check`.
std::string with_defaults(std::string_view lines, std::string_view in_check = "",
                          std::string_view in_rule = "") {
  return "[defaults]\n" + std::string(lines) + "\n" + ::in_check(in_check) + std::string(in_rule) +
         "\n";
}

core::Check check_of(const std::string& text) {
  return parsed(text).settings.checks.at(0);
}
core::DnsQuestion question_of(const std::string& text) {
  return std::get<core::DnsQuestion>(check_of(text).probe);
}
core::Rule rule_of(const std::string& text) {
  return parsed(text).settings.rules.at(0);
}

}  // namespace

TEST_CASE("a check takes from the defaults what it does not say itself") {
  const std::string defaults = "interval = \"5s\"\nrise = 7\n";
  CHECK(check_of(with_defaults(defaults)).policy.interval == 5s);
  CHECK(check_of(with_defaults(defaults)).policy.rise == 7);
  CHECK(check_of(with_defaults(defaults, "rise = 2")).policy.rise == 2);
  CHECK(check_of(with_defaults(defaults, "rise = 2")).policy.interval == 5s);
}

TEST_CASE("the defaults stand where they like") {
  CHECK(check_of(std::string(sound) + "[defaults]\ninterval = \"5s\"\n").policy.interval == 5s);
}

TEST_CASE("what a check needs can be a default") {
  const auto config = parsed(
      "[defaults]\nserver = \"127.0.0.1\"\nname = \"www.test.com\"\nchecks = [\"a\"]\n[check.a]\n"
      "[check.b]\nname = \"b\"\n[rule.a]\nprefixes = [\"192.0.2.0/24\"]\n[rule.b]\n"
      "prefixes = [\"198.51.100.0/24\"]\nchecks = [\"a\", \"b\"]\n");
  CHECK(config.settings.checks.at(0).text() == "127.0.0.1:53, A www.test.com");
  CHECK(config.settings.checks.at(1).text() == "127.0.0.1:53, A b");
  CHECK(config.settings.rules.at(0).checks == std::vector<std::size_t>{0});
  CHECK(config.settings.rules.at(1).checks == std::vector<std::size_t>{0, 1});
}

TEST_CASE("a rule takes from the defaults what it does not say itself") {
  const std::string defaults =
      "on_down = { route_map = \"LESS\" }\nhalf_life = \"1min\"\nfallback = \"never\"\n";
  const auto rule = rule_of(with_defaults(defaults));
  CHECK(rule.on_down->text() == "LESS");
  CHECK(rule.damping.half_life == 1min);
  CHECK_FALSE(rule.may_fall_back);
  CHECK_FALSE(rule_of(with_defaults(defaults, "", "on_down = \"withdraw\"")).on_down);
}

TEST_CASE("a default of one type of checks is none of the others") {
  const auto config = parsed(
      "[defaults]\ntries = 1\ntimeout = \"3s\"\nport = 5353\nserver = \"::1\"\n[check.a]\n"
      "type = \"exec\"\ncommand = [\"true\"]\n[rule.r]\nprefixes = [\"192.0.2.0/24\"]\n"
      "checks = [\"a\"]\n");
  CHECK(std::get<core::ExecCheck>(config.settings.checks.at(0).probe).timeout == 3s);
}

TEST_CASE("a list of one's own replaces that of the defaults") {
  const auto text = with_defaults("expect_any = [\"192.0.2.1\"]\nflags = [\"aa\"]",
                                  "expect_any = [\"192.0.2.2\"]\nflags = [\"ad\"]");
  const auto expect = question_of(text).expect;
  CHECK(expect.any == Lines{"192.0.2.2"});
  CHECK_FALSE(expect.authoritative);
  CHECK(expect.authenticated);
}

TEST_CASE("what one says oneself goes before a default that contradicts it") {
  CHECK(question_of(with_defaults("port = 54")).server.port == 54);
  const auto server = question_of(
                          "[defaults]\nserver = \"::1\"\nname = \"a\"\nport = 54\n"
                          "[check.a]\nserver = \"127.0.0.1:55\"\n[rule.r]\n"
                          "prefixes = [\"192.0.2.0/24\"]\nchecks = [\"a\"]\n")
                          .server;
  CHECK(server.text() == "127.0.0.1:55");
  CHECK(check_of(with_defaults("fast_interval = \"500ms\"", "interval = \"100ms\""))
            .policy.fast_interval == 100ms);
  CHECK_FALSE(question_of(with_defaults("source = \"::1\"")).source);
  CHECK(question_of(with_defaults("serial_from = \"::1\"", "qtype = \"SOA\"")).serial_from);
  CHECK_FALSE(question_of(with_defaults("serial_from = \"::1\"")).serial_from);
  CHECK(complaints(with_defaults("min_answers = 2", "rcode = \"NXDOMAIN\"")) == Lines{});
  CHECK(rule_of(with_defaults("vrf = \"RED\"", "", "view = \"LAB\"")).instance.key->text() ==
        "view LAB");
  CHECK(rule_of(with_defaults("on_drain = { route_map = \"A\" }\ndrain_grace = \"1h\"", "",
                              "on_drain = \"withdraw\""))
            .drain_grace == std::nullopt);
  CHECK(complaints(with_defaults("half_life = \"1h\"", "", "damping = false")) == Lines{});
}

TEST_CASE("a default counts as said in hard mode") {
  CHECK(check_of("mode = \"hard\"\n" + with_defaults("rise = 3")).policy.rise == 3);
  CHECK(check_of("mode = \"hard\"\n" + with_defaults("")).policy.rise == 1);
}

TEST_CASE("a mistake in the defaults is told once, where it stands") {
  CHECK(complaints(with_defaults("rise = 0\nsuppress = 1500\nfast_interval = \"1s\"\nvrf = \"a b\"",
                                 "",
                                 "[rule.b]\nprefixes = [\"198.51.100.0/24\"]\n"
                                 "checks = [\"resolver\"]\n")) ==
        Lines{"f:2:8: error: \"rise\" in [defaults] is the number 0; expected a whole number from "
              "1 to 1000",
              "f:3:1: error: [defaults] has \"reuse\" 2000 and \"suppress\" 1500; expected a lower "
              "\"reuse\"",
              "f:4:1: error: \"fast_interval\" in [defaults] is \"1s\"; expected at most the "
              "interval, \"800ms\"",
              "f:5:7: error: \"vrf\" in [defaults] is the string \"a b\": byte 2 is ' ' (1 to 127 "
              "letters, digits and -_.:@+/=~)"});
}

TEST_CASE("a default that does not fit a rule names both") {
  CHECK(complaints(with_defaults("require = 2")) ==
        Lines{"f:7:7: error: [rule.anycast] requires 2 checks (so say [defaults]); expected at "
              "most 1, as many as it has"});
}

TEST_CASE("what makes a check or rule the one that it is has no default") {
  CHECK(complaints(with_defaults("type = \"exec\"")) ==
        Lines{"f:2:1: error: \"type\" in [defaults] is each check's own; expected no default for "
              "it"});
  CHECK(complaints(with_defaults("prefixes = [\"10.0.0.0/8\"]")) ==
        Lines{"f:2:1: error: \"prefixes\" in [defaults] is each rule's own; expected no default "
              "for it"});
}

TEST_CASE("an unknown default is an error with what may have been meant") {
  CHECK(complaints(with_defaults("intervall = \"5s\"")) ==
        Lines{"f:2:1: error: unknown key \"intervall\" in [defaults]; did you mean \"interval\"?"});
  CHECK(complaints(with_defaults("reconcile_interval = \"5s\"")) ==
        Lines{"f:2:1: error: unknown key \"reconcile_interval\" in [defaults]; it is a key of "
              "[bgpd]"});
  CHECK(complaints(at_top("defaults = 5")) ==
        Lines{"f:1:1: error: \"defaults\" is the number 5; expected a section, [defaults]"});
}

TEST_CASE("no key is one of checks and of rules, so that a default is never both") {
  Lines of_checks, of_rules, both;
  for (const auto& key : config::known_keys()) {
    if (key.section == "check.NAME") of_checks.push_back(key.key);
    if (key.section == "rule.NAME") of_rules.push_back(key.key);
  }
  std::ranges::sort(of_checks);
  std::ranges::sort(of_rules);
  std::ranges::set_intersection(of_checks, of_rules, std::back_inserter(both));
  CHECK(both == Lines{});
}
