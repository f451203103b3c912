#include <doctest/doctest.h>

#include "written_config.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;

namespace {

/// The rule of a sound file with `line` in it.
core::Rule rule_with(std::string_view line) {
  return parsed(in_rule(line)).settings.rules.at(0);
}

/// A sound file in which the rule names the checks "resolver", "other" and "switch", which drains.
std::string three_checks(std::string_view line) {
  std::string text(sound);
  text.replace(text.find("[\"resolver\"]"), 12, "[\"resolver\", \"switch\", \"other\"]");
  return text + std::string(line) +
         "\n[check.other]\nserver = \"::1\"\nname = \"www.test.com\"\n"
         "[check.switch]\ntype = \"file\"\npath = \"/off\"\npresent = \"drain\"\n";
}

std::string grouped(std::string_view min_announced) {
  return std::string(sound) + "group = \"g\"\n[rule.b]\n" +
         "prefixes = [\"198.51.100.0/24\", \"203.0.113.0/24\"]\nchecks = [\"resolver\"]\n" +
         "group = \"g\"\n[group.g]\nmin_announced = " + std::string(min_announced) + "\n";
}

}  // namespace

TEST_CASE("a rule requires all of its checks, any, or a number of them") {
  CHECK(parsed(three_checks("")).settings.rules.at(0).required == 0);
  CHECK(parsed(three_checks("require = \"all\"")).settings.rules.at(0).required == 0);
  CHECK(parsed(three_checks("require = \"any\"")).settings.rules.at(0).required == 1);
  CHECK(parsed(three_checks("require = 2")).settings.rules.at(0).required == 2);
  CHECK(complaints(in_rule("require = \"most\"")) ==
        Lines{"f:7:11: error: \"require\" in [rule.anycast] is the string \"most\"; expected "
              "\"all\" or \"any\""});
  CHECK(complaints(in_rule("require = 0")) ==
        Lines{"f:7:11: error: \"require\" in [rule.anycast] is the number 0; expected a whole "
              "number from 1 to 1000"});
}

TEST_CASE("a rule cannot require more checks than judge it") {
  CHECK(complaints(three_checks("require = 3")) ==
        Lines{"f:7:1: error: [rule.anycast] requires 3 checks; expected at most 2, as many as it "
              "has without those that drain it"});
  CHECK(complaints(in_rule("require = 2")) ==
        Lines{"f:7:1: error: [rule.anycast] requires 2 checks; expected at most 1, as many as it "
              "has"});
}

TEST_CASE("a file whose presence drains is a switch of the rule and no check of it") {
  const auto rule = parsed(three_checks("")).settings.rules.at(0);
  CHECK(rule.checks == std::vector<std::size_t>{0, 1});
  CHECK(rule.switches == std::vector<std::size_t>{2});
}

TEST_CASE("a rule needs a check that tells whether it is well") {
  CHECK(complaints("[check.off]\ntype = \"file\"\npath = \"/off\"\npresent = \"drain\"\n[rule.r]\n"
                   "prefixes = [\"192.0.2.0/24\"]\nchecks = [\"off\"]\n") ==
        Lines{"f:7:1: error: [rule.r] has only checks that drain it; expected one that tells "
              "whether it is well, too"});
}

TEST_CASE("a prefix that is down or drained is withdrawn or has another route-map") {
  CHECK_FALSE(rule_with("on_down = \"withdraw\"").on_down);
  CHECK(rule_with("on_down = { route_map = \"LESS\" }").on_down->text() == "LESS");
  CHECK(rule_with("on_drain = { route_map = \"LESS\" }").on_drain->text() == "LESS");
  CHECK(rule_with("[rule.anycast.on_down]\nroute_map = \"LESS\"").on_down->text() == "LESS");
  for (const auto* value : {"\"drain\"", "{}", "{ route_map = \"A\", med = 5 }", "{ med = 5 }"}) {
    CAPTURE(value);
    const auto said = complaints(in_rule("on_down = " + std::string(value)));
    REQUIRE(said.size() == 1);
    CHECK(said[0].starts_with("f:7:11: error: \"on_down\" in [rule.anycast] is "));
    CHECK(said[0].ends_with("; expected \"withdraw\" or { route_map = \"NAME\" }"));
  }
  CHECK(complaints(in_rule("on_down = { route_map = \"a b\" }")) ==
        Lines{"f:7:25: error: \"on_down\" in [rule.anycast] has the string \"a b\": byte 2 is ' ' "
              "(1 to 127 letters, digits and -_.:@+/=~)"});
}

TEST_CASE("the route-map of a prefix that is down is not the usual one") {
  CHECK(complaints(in_rule("route_map = \"A\"\non_down = { route_map = \"A\" }")) ==
        Lines{"f:8:1: error: \"on_down\" in [rule.anycast] is its \"route_map\", A; expected "
              "another one"});
  CHECK(complaints(in_rule("route_map = \"A\"\non_drain = { route_map = \"A\" }")) ==
        Lines{"f:8:1: error: \"on_drain\" in [rule.anycast] is its \"route_map\", A; expected "
              "another one"});
}

TEST_CASE("a drain's grace is for one that does not withdraw at once") {
  const auto rule = rule_with("on_drain = { route_map = \"LESS\" }\ndrain_grace = \"5min\"");
  CHECK(rule.drain_grace == 5min);
  CHECK(complaints(in_rule("drain_grace = \"5min\"")) ==
        Lines{"f:7:1: error: \"drain_grace\" in [rule.anycast] is of no use without a route-map in "
              "\"on_drain\": a drain withdraws at once"});
}

TEST_CASE("damping is on, gently, and can be set") {
  CHECK(rule_with("").damping == core::Damping{});
  CHECK_FALSE(rule_with("damping = false").damping.on);
  const auto damping = rule_with("half_life = \"90s\"\nsuppress = 1000\nreuse = 999").damping;
  CHECK(damping.half_life == 90s);
  CHECK(damping.suppress == 1000);
  CHECK(damping.reuse == 999);
}

TEST_CASE("what damping is told fits together") {
  CHECK(complaints(in_rule("suppress = 999")) ==
        Lines{"f:7:12: error: \"suppress\" in [rule.anycast] is the number 999; expected a whole "
              "number from 1000 to 1000000"});
  CHECK(complaints(in_rule("suppress = 2000")) ==
        Lines{"f:7:1: error: [rule.anycast] has \"reuse\" 2000 and \"suppress\" 2000; expected a "
              "lower \"reuse\""});
  CHECK(complaints(in_rule("suppress = 3000\nreuse = 4000")) ==
        Lines{"f:8:1: error: [rule.anycast] has \"reuse\" 4000 and \"suppress\" 3000; expected a "
              "lower \"reuse\""});
  CHECK(complaints(in_rule("damping = false\nhalf_life = \"1min\"")) ==
        Lines{"f:8:1: warning: \"half_life\" in [rule.anycast] is of no use without damping"});
}

TEST_CASE("a rule says what becomes of its prefixes at the start and at the end") {
  CHECK_FALSE(rule_with("at_start = \"keep\"\non_exit = \"keep\"").withdraw_at_start);
  CHECK(rule_with("at_start = \"withdraw\"").withdraw_at_start);
  CHECK(rule_with("on_exit = \"withdraw\"").withdraw_on_exit);
}

TEST_CASE("a group keeps a number of the prefixes of its rules, or a share, rounded up") {
  const auto least = [](std::string_view value) {
    return parsed(grouped(value)).settings.groups.at(0).min_announced;
  };
  CHECK(least("2") == 2);
  CHECK(least("\"1%\"") == 1);
  CHECK(least("\"33%\"") == 1);
  CHECK(least("\"34%\"") == 2);
  CHECK(least("\"67%\"") == 3);
  CHECK(least("\"100%\"") == 3);
  const auto config = parsed(grouped("1"));
  CHECK(config.settings.groups.at(0).name == "g");
  CHECK(config.settings.rules.at(0).group == std::size_t{0});
}

TEST_CASE("a group keeps no more prefixes than there are, and a share that is one") {
  CHECK(complaints(grouped("4")) ==
        Lines{"f:13:1: error: \"min_announced\" in [group.g] is 4; expected at most 3, as many "
              "prefixes as its rules have"});
  for (const auto* value : {"\"50\"", "\"0%\"", "\"101%\"", "\"%\"", "\"5 %\"", "\"-5%\""}) {
    CAPTURE(value);
    const auto said = complaints(grouped(value));
    REQUIRE(said.size() == 1);
    CHECK(
        said[0].ends_with("; expected a number of prefixes, or a share of them such as "
                          "\"50%\""));
  }
  CHECK(complaints(grouped("0")).size() == 1);
}

TEST_CASE("a rule's group is one of the file's, and each has a rule") {
  CHECK(complaints(in_rule("group = \"h\"\n[group.hh]\nmin_announced = 1\n[rule.b]\n"
                           "prefixes = [\"198.51.100.0/24\"]\nchecks = [\"resolver\"]\n"
                           "group = \"hh\"")) ==
        Lines{"f:7:9: error: \"group\" in [rule.anycast] is the string \"h\"; expected the name of "
              "a group; did you mean \"hh\"?"});
  CHECK(complaints(in_rule("[group.g]\nmin_announced = 1")) ==
        Lines{"f:7:8: error: no rule is in [group.g]; name it as the \"group\" of a rule, or "
              "remove it"});
  CHECK(complaints(in_rule("group = \"g\"\n[group.g]")) ==
        Lines{"f:8:8: error: [group.g] has no \"min_announced\" (so many prefixes of its rules "
              "stay announced, sick ones if need be)"});
}
