#include <doctest/doctest.h>
#include <fmt/format.h>

#include "written_config.hpp"

namespace {

/// Two rules; `first` stands on line 5 and `second` on line 8.
std::string two_rules(std::string_view first, std::string_view second) {
  return fmt::format(
      "[check.resolver]\nserver = \"127.0.0.1\"\nname = \"www.test.com\"\n"
      "[rule.a]\n{}\nchecks = [\"resolver\"]\n[rule.b]\n{}\nchecks = [\"resolver\"]\n",
      first, second);
}

}  // namespace

TEST_CASE("the same prefix in two rules is an error that names the line of the first") {
  CHECK(complaints(two_rules("prefixes = [\"192.0.2.0/24\"]", "prefixes = [\"192.0.2.0/24\"]")) ==
        Lines{"f:8:13: error: 192.0.2.0/24 in [rule.b] stands already in [rule.a] (line 5)"});
}

TEST_CASE("the same prefix twice in one rule is an error") {
  CHECK(complaints(two_rules("prefixes = [\"192.0.2.1\", \"192.0.2.1/32\"]",
                             "prefixes = [\"2001:db8::/32\"]")) ==
        Lines{"f:5:26: error: 192.0.2.1/32 in [rule.a] stands already there (line 5)"});
}

TEST_CASE("prefixes that overlap across rules are an error, whichever is the longer one") {
  CHECK(complaints(two_rules("prefixes = [\"192.0.2.0/24\"]", "prefixes = [\"192.0.2.128/25\"]")) ==
        Lines{"f:8:13: error: 192.0.2.128/25 in [rule.b] overlaps 192.0.2.0/24 in [rule.a] "
              "(line 5)"});
  CHECK(
      complaints(two_rules("prefixes = [\"2001:db8:1::/48\"]", "prefixes = [\"2001:db8::/32\"]")) ==
      Lines{"f:8:13: error: 2001:db8::/32 in [rule.b] overlaps 2001:db8:1::/48 in [rule.a] "
            "(line 5)"});
}

TEST_CASE("an overlap is found however much stands between the two") {
  CHECK(complaints(two_rules("prefixes = [\"10.0.0.0/8\"]",
                             "prefixes = [\"9.0.0.0/8\", \"11.0.0.0/8\", \"::/0\", "
                             "\"10.255.255.255\", \"0.0.0.0/8\"]")) ==
        Lines{"f:8:48: error: 10.255.255.255/32 in [rule.b] overlaps 10.0.0.0/8 in [rule.a] "
              "(line 5)"});
}

TEST_CASE("prefixes that overlap within one rule are a warning") {
  CHECK(complaints(two_rules("prefixes = [\"192.0.2.0/24\", \"192.0.2.0/25\"]",
                             "prefixes = [\"2001:db8::/32\"]")) ==
        Lines{"f:5:29: warning: 192.0.2.0/25 in [rule.a] overlaps 192.0.2.0/24 (line 5) of that "
              "rule"});
  CHECK(parsed(two_rules("prefixes = [\"192.0.2.0/24\", \"192.0.2.0/25\"]",
                         "prefixes = [\"2001:db8::/32\"]"))
            .settings.rules.front()
            .prefixes.size() == 2);
}

TEST_CASE("the same prefix in two instances is fine") {
  const std::string prefix = "prefixes = [\"192.0.2.0/24\"]\n";
  CHECK(complaints(two_rules(prefix + "vrf = \"RED\"", prefix + "vrf = \"BLUE\"")) == Lines{});
  CHECK(complaints(two_rules(prefix + "vrf = \"RED\"", prefix + "view = \"RED\"")) == Lines{});
  CHECK(complaints(two_rules(prefix + "as = 1", prefix + "as = 2")) == Lines{});
  CHECK(complaints(two_rules(prefix, prefix + "vrf = \"RED\"")) == Lines{});
}

TEST_CASE("the same prefix twice in one named instance is an error") {
  const std::string prefix = "prefixes = [\"192.0.2.0/24\"]\nvrf = \"RED\"";
  CHECK(complaints(two_rules(prefix, prefix)) ==
        Lines{"f:9:13: error: 192.0.2.0/24 in [rule.b] stands already in [rule.a] (line 5)"});
}

TEST_CASE("an AS that comes from [bgpd] makes no second instance") {
  const std::string prefix = "prefixes = [\"192.0.2.0/24\"]";
  CHECK(complaints("[bgpd]\nas = 65001\n" + two_rules(prefix, prefix + "\nas = 65001")) ==
        Lines{"f:10:13: error: 192.0.2.0/24 in [rule.b] stands already in [rule.a] (line 7)"});
}
