#include "config/config.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "written_config.hpp"

using namespace withdrawd;
using namespace std::chrono_literals;

namespace {

/// The only complaint there is.
std::string complaint(std::string_view text) {
  const auto all = complaints(text);
  CAPTURE(text);
  REQUIRE(all.size() == 1);
  return all.front();
}

}  // namespace

TEST_CASE("what is not said has the documented default") {
  const auto config = parsed(sound);
  const core::HealthPolicy policy;
  const auto& check = config.settings.checks.at(0);
  CHECK(check.name == "resolver");
  const auto& question = std::get<core::DnsQuestion>(check.probe);
  CHECK(question.text() == "127.0.0.1:53, A www.test.com");
  CHECK(question.transport == core::DnsTransport::udp);
  CHECK(question.timeout == 800ms);
  CHECK_FALSE(check.watch);
  CHECK(question.tries == 2);
  CHECK(check.policy.rise == policy.rise);
  CHECK(check.policy.fall == policy.fall);
  CHECK(check.policy.interval == policy.interval);
  CHECK(check.policy.fast_interval == policy.fast_interval);
  const auto& rule = config.settings.rules.at(0);
  CHECK(rule.name == "anycast");
  CHECK(rule.prefixes == std::vector{core::Prefix::parse("192.0.2.0/24").value()});
  CHECK(rule.checks == std::vector<std::size_t>{0});
  CHECK(rule.instance == core::InstanceChoice{});
  CHECK_FALSE(rule.route_map);
  CHECK(rule.may_fall_back);
  CHECK(config.settings.mode == core::Mode::soft);
  CHECK(config.process.restart.empty());
  CHECK_FALSE(config.access.telnet);
}

TEST_CASE("silence is broken after an interval") {
  const auto again_after = [](std::string_view lines) {
    const auto config = parsed(in_check(lines));
    return std::get<core::DnsQuestion>(config.settings.checks.at(0).probe).again_after;
  };
  CHECK(again_after("interval = \"100ms\"") == 100ms);
  CHECK(again_after("") == 800ms);
}

TEST_CASE("every key is stored where it belongs") {
  const auto config = parsed(R"(
mode = "hard"
state_file = "/s"
control_socket = "/c"
lock_file = "/l"
control_group = "noc"
history_file = "/h"
history_size = "50kB"
on_change = ["tell", "it"]
on_change_timeout = "21ms"
[log]
file = "/log"
level = "critical"
format = "json"
to = "file"
[metrics]
file = "/m.prom"
max_series = 123
[http]
listen = ["[::1]:80", "unix:/h.sock"]
allow_remote = true
hosts = ["A."]
[bgpd]
transports = ["telnet", "vtysh"]
as = 65001
socket = "/run/bgpd.vty"
vtysh = "/opt/vtysh"
vtysh_socket_dir = "/run/x"
telnet = "[::1]:2606"
password_file = "/p"
enable_password_file = "/e"
socket_timeout = "11ms"
vtysh_timeout = "12ms"
telnet_timeout = "13ms"
retry_transport = "14ms"
reconcile_interval = "15ms"
pid_file = "/pid"
process_name = "quagga-bgpd"
restart = ["rcctl", "restart", "bgp d", ""]
restart_timeout = "16ms"
settle = "17ms"
[fallback]
after = "18ms"
restart_delay = "19ms"
restart_delay_max = "20ms"
[check.one]
server = "::1"
port = 5353
name = "one.example."
transport = "tcp"
interval = "40ms"
fast_interval = "30ms"
timeout = "50ms"
tries = 5
rise = 6
fall = 7
watch = "nsd"
[check.another]
server = "127.0.0.2:54"
name = "another.example"
[check.records]
server = "127.0.0.1"
name = "hostname.bind"
qtype = "txt"
class = "CH"
transport = "both"
expect_any = ["a", "b"]
expect_all = ["c"]
min_answers = 2
flags = ["aa", "ad"]
max_latency = "70ms"
edns_size = 1400
nsid = true
dnssec_ok = true
source = "127.0.0.9"
interface = "eth0"
[check.gone]
server = "127.0.0.1"
name = "gone.example"
qtype = "AAAA"
rcode = "NXDOMAIN"
nsid = true
[check.fresh]
server = "127.0.0.1"
name = "example"
qtype = "SOA"
serial_from = "192.0.2.53"
serial_lag = 3
[check.plugin]
type = "exec"
command = ["check_dns", "-H", ""]
timeout = "60ms"
rise = 8
watch = "/run/nsd.pid"
[check.here]
type = "address"
address = "2001:DB8::53"
interface = "lo"
[check.switch]
type = "file"
path = "/on"
present = "up"
[check.drain]
type = "file"
path = "/drain"
present = "drain"
[group.g]
min_announced = 2
[rule.b]
prefixes = ["2001:db8::/32", "192.0.2.1"]
checks = ["another", "drain", "one"]
require = "any"
on_down = { route_map = "LESS" }
on_drain = { route_map = "LEAST" }
drain_grace = "22ms"
half_life = "1min"
suppress = 3000
reuse = 1500
group = "g"
at_start = "withdraw"
on_exit = "withdraw"
vrf = "RED"
as = 65002
route_map = "TAG"
fallback = "never"
[rule.a]
prefixes = ["192.0.2.1"]
checks = ["one"]
view = "LAB"
damping = false
[rule.default]
prefixes = ["192.0.2.1"]
checks = ["one"]
vrf = "default"
)");
  CHECK(
      everything_in(config) ==
      "check one: [::1]:5353, A one.example. tcp 50ms tries 5 rise 6 fall 7 interval 40ms fast "
      "30ms watch nsd\n"
      "check another: 127.0.0.2:54, A another.example udp 800ms tries 2 rise 1 fall 1 interval "
      "800ms "
      "fast 800ms\n"
      "check records: 127.0.0.1:53, CH TXT hostname.bind both 800ms tries 2 answers 2 any [\"a\", "
      "\"b\"] all [\"c\"] aa ad within 70ms edns 1400 do nsid source 127.0.0.9 interface eth0 "
      "rise 1 fall 1 interval 800ms fast 800ms\n"
      "check gone: 127.0.0.1:53, AAAA gone.example udp 800ms tries 2 rcode 3 edns 1232 nsid rise 1 "
      "fall 1 interval 800ms fast 800ms\n"
      "check fresh: 127.0.0.1:53, SOA example udp 800ms tries 2 serial from 192.0.2.53:53 lag 3 "
      "rise "
      "1 fall 1 interval 800ms fast 800ms\n"
      "check plugin: check_dns -H  [\"check_dns\", \"-H\", \"\"] 60ms rise 8 fall 1 interval 800ms "
      "fast 800ms watch /run/nsd.pid\n"
      "check here: address 2001:db8::53 on lo rise 1 fall 1 interval 800ms fast 800ms\n"
      "check switch: file /on up rise 1 fall 1 interval 800ms fast 800ms\n"
      "check drain: file /drain drain rise 1 fall 1 interval 800ms fast 800ms\n"
      "rule b: 2001:db8::/32 192.0.2.1/32 checks [1, 0] require 1 switches [8] as 65002 in vrf RED "
      "route-map TAG down LESS drain LEAST grace 22ms damped 1min 3000 1500 group 0 withdrawn at "
      "start withdrawn on exit may fall back: false\n"
      "rule a: 192.0.2.1/32 checks [0] as 65001 in view LAB undamped may fall back: true\n"
      "rule default: 192.0.2.1/32 checks [0] as 65001 in the default instance may fall back: "
      "true\n"
      "group g: 2\n"
      "mode hard\n"
      "fallback after 18ms restart 19ms to 20ms\n"
      "reconcile 15ms settle 17ms\n"
      "telnet vtysh \n"
      "socket /run/bgpd.vty 11ms\n"
      "vtysh /opt/vtysh /run/x 12ms\n"
      "telnet [::1]:2606 /p /e 13ms\n"
      "retry 14ms\n"
      "process quagga-bgpd /pid restart [\"rcctl\", \"restart\", \"bgp d\", \"\"] 16ms settle "
      "17ms\n"
      "files /s /c /l\n"
      "log /log 4\n"
      "listen [::1]:80\nlisten unix:/h.sock\nlog to 1 format 1 facility 3\nmetrics /m.prom "
      "123\nremote true hosts [\"a\"]\n"
      "control group noc\n"
      "history /h 50000\n"
      "on change [\"tell\", \"it\"] 21ms\n");
}

TEST_CASE("all complaints come in one go, in the order of the file") {
  CHECK(
      complaints(R"(mod = "soft"
[rule.anycast]
prefixes = ["192.0.2.1/24"]
checks = ["resolvr"]
[check.resolver]
name = "www..com"
tries = "2"
[lgo]
)") ==
      Lines{
          "f:1:1: error: unknown key \"mod\"; did you mean \"mode\"?",
          "f:3:13: error: \"prefixes\" in [rule.anycast] has the string \"192.0.2.1/24\": host "
          "bits are set (did you mean 192.0.2.0/24?)",
          "f:4:11: error: \"checks\" in [rule.anycast] has the string \"resolvr\"; expected the "
          "name of a check; did you mean \"resolver\"?",
          "f:5:8: error: [check.resolver] has no \"server\" (the DNS server to ask)",
          "f:6:8: error: \"name\" in [check.resolver] is the string \"www..com\": it has an empty "
          "label (labels of 1 to 63 letters, digits, \"-\" and \"_\", separated by dots, 253 bytes "
          "together)",
          "f:7:9: error: \"tries\" in [check.resolver] is the string \"2\"; expected a whole "
          "number "
          "from 1 to 1000",
          "f:8:2: error: unknown section [lgo]; did you mean [log]?",
      });
}

TEST_CASE("an unknown key is an error with what may have been meant") {
  CHECK(complaint(in_section("bgpd", "sokcet = \"/run/frr/bgpd.vty\"")) ==
        "f:2:1: error: unknown key \"sokcet\" in [bgpd]; did you mean \"socket\"?");
  CHECK(complaint(in_check("colour = 1")) ==
        "f:4:1: error: unknown key \"colour\" in [check.resolver]");
  CHECK(complaint(in_section("bgpd", "\"zebra\\u001b\" = 1")) ==
        "f:2:1: error: unknown key \"zebra\\x1b\" in [bgpd]");
}

TEST_CASE("a misspelt key that must be there is not missing as well") {
  CHECK(complaint("[check.resolver]\nserve = \"127.0.0.1\"\nname = \"www.test.com\"\n"
                  "[rule.anycast]\nprefixes = [\"192.0.2.0/24\"]\nchecks = [\"resolver\"]\n") ==
        "f:2:1: error: unknown key \"serve\" in [check.resolver]; did you mean \"server\"?");
}

TEST_CASE("a key in the wrong section is told its place") {
  CHECK(complaint(in_section("log", "mode = \"soft\"")) ==
        "f:2:1: error: unknown key \"mode\" in [log]; it belongs at the top, before the first "
        "section");
  CHECK(complaint(in_rule("interval = \"1s\"")) ==
        "f:7:1: error: unknown key \"interval\" in [rule.anycast]; it is a key of [check.NAME]");
}

TEST_CASE("a check has the keys of its type, and all that it needs") {
  CHECK(complaints("[check.a]\ntype = \"exec\"\nserver = \"::1\"\ntries = 2\n[rule.r]\n"
                   "prefixes = [\"192.0.2.0/24\"]\nchecks = [\"a\"]\n") ==
        Lines{"f:1:8: error: [check.a] has no \"command\" (the program, and its arguments; exit "
              "status 0 is ok; no shell)",
              "f:3:1: error: \"server\" in [check.a] is a key of checks of type \"dns\"; this one "
              "is of type \"exec\"",
              "f:4:1: error: \"tries\" in [check.a] is a key of checks of type \"dns\"; this one "
              "is of type \"exec\""});
  CHECK(complaint(in_check("path = \"/f\"")) ==
        "f:4:1: error: \"path\" in [check.resolver] is a key of checks of type \"file\"; this one "
        "is of type \"dns\", the default");
  CHECK(complaint(in_check("type = \"exce\"")) ==
        "f:4:8: error: \"type\" in [check.resolver] is the string \"exce\"; expected \"dns\", "
        "\"exec\", \"address\" or \"file\"; did you mean \"exec\"?");
}

TEST_CASE("what is expected of an answer fits the question") {
  CHECK(complaint(in_check("expect_any = [\"2001:db8::1\"]")) ==
        "f:4:1: error: \"expect_any\" in [check.resolver] has \"2001:db8::1\"; expected an IPv4 "
        "address, as an A record has it");
  const auto config = parsed(in_check("qtype = \"AAAA\"\nexpect_all = [\"2001:DB8:0::1\"]"));
  CHECK(std::get<core::DnsQuestion>(config.settings.checks.at(0).probe).expect.all ==
        Lines{"2001:db8::1"});
  CHECK(complaint(in_check("rcode = \"REFUSED\"\nmin_answers = 2")) ==
        "f:5:1: error: \"min_answers\" in [check.resolver] is about records; expected it with the "
        "rcode \"NOERROR\" only");
  CHECK(complaint(in_check("expect_any = [\"\"]")) ==
        "f:4:15: error: \"expect_any\" in [check.resolver] has the string \"\"; a record holds "
        "something");
  CHECK(complaint(in_check("nsid = 1")) ==
        "f:4:8: error: \"nsid\" in [check.resolver] is the number 1; expected true or false");
}

TEST_CASE("answers are validated from a trust anchor, in the file or beside it") {
  const std::string ds = "test.com. DS 12345 13 2 " + std::string(64, 'a');
  const std::string validate = "dnssec = \"validate\"\n";
  CHECK(everything_in(parsed(in_check(validate + "signature_margin = \"72h\"\ntrust_anchor = [\"" +
                                      ds + "\", \". DNSKEY 257 3 8 AAAA\"]")))
            .contains("edns 1232 do anchor test.com. DS anchor . DNSKEY margin 72h "));
  const auto file =
      std::filesystem::temp_directory_path() / ("withdrawd-anchor-" + std::to_string(getpid()));
  std::ofstream(file) << "; the key\n" << ds << "\n";
  const auto given = validate + "trust_anchor = \"" + file.native() + "\"";
  CHECK(everything_in(parsed(in_check(given))).contains("anchor test.com. DS"));
  std::ofstream(file) << "; the key\ntest.com. A 192.0.2.1\n";
  CHECK(complaint(in_check(given)).contains("\": line 2: \"A\" is not DS or DNSKEY"));
  std::filesystem::remove(file);
  CHECK(complaint(in_check(given)).contains(", which cannot be read: No such file"));
  CHECK(complaint(in_check(validate + "trust_anchor = \"/\""))
            .ends_with(", which cannot be read: it is a directory"));
}

TEST_CASE("validation needs a trust anchor, and an answer that is signed") {
  const std::string anchor = "trust_anchor = [\"com. DS 1 13 2 " + std::string(64, 'a') + "\"]\n";
  const std::string validate = "dnssec = \"validate\"\n";
  const std::string refused = "\"dnssec\" in [check.resolver] ";
  CHECK(complaint(in_check(validate)).contains(refused + "needs a \"trust_anchor\", such as"));
  CHECK(complaint(
            in_check(validate + "trust_anchor = [\"org. DS 1 13 2 " + std::string(64, 'a') + "\"]"))
            .ends_with(refused + "needs a \"trust_anchor\" at www.test.com or above it; there is "
                                 "one for org."));
  CHECK(complaint(in_check(validate + anchor + "rcode = \"REFUSED\""))
            .contains(refused + "is for the rcodes \"NOERROR\" and \"NXDOMAIN\" only"));
  CHECK(complaint(in_check(validate + anchor + "class = \"CH\""))
            .contains(refused + "is for the class \"IN\" only"));
  CHECK(complaint(in_check(validate + anchor + "qtype = \"RRSIG\""))
            .contains(refused + "cannot be had with the qtype \"RRSIG\""));
  CHECK(complaint(in_check(anchor)) ==
        "f:4:1: error: \"trust_anchor\" in [check.resolver] is of no use without dnssec = "
        "\"validate\"");
  CHECK(complaint(in_check(validate + "trust_anchor = []")).contains("is empty"));
}

TEST_CASE("the root can be asked for") {
  auto text = std::string(sound);
  text.replace(text.find("www.test.com"), 12, ".");
  CHECK(everything_in(parsed(text)).contains("A . udp"));
}

TEST_CASE("a serial is that of an SOA record") {
  CHECK(complaint(in_check("serial_from = \"192.0.2.53\"")) ==
        "f:4:1: error: \"serial_from\" in [check.resolver] compares SOA records; expected it with "
        "the qtype \"SOA\" only");
  CHECK(complaint(in_check("serial_lag = 1")) ==
        "f:4:1: error: \"serial_lag\" in [check.resolver] is of no use without \"serial_from\"");
}

TEST_CASE("a source is of the server's family") {
  CHECK(complaint(in_check("source = \"::1\"")) ==
        "f:4:1: error: \"source\" in [check.resolver] is ::1; expected an address of the family of "
        "the server, 127.0.0.1");
}

TEST_CASE("a type of records is one that can be asked for") {
  CHECK(complaint(in_check("qtype = \"ANY\"")) ==
        "f:4:9: error: \"qtype\" in [check.resolver] is the string \"ANY\": it is not a type that "
        "can be asked for (such as A, AAAA, SOA, NS, TXT, CNAME, PTR, MX, SRV, CAA, or a number as "
        "in TYPE65280)");
}

TEST_CASE("the types of checks that need one key say which") {
  const auto missing = [](const std::string& type) {
    return complaint("[check.a]\ntype = \"" + type + "\"\n[rule.r]\n" +
                     "prefixes = [\"192.0.2.0/24\"]\nchecks = [\"a\"]\n");
  };
  CHECK(missing("address") ==
        "f:1:8: error: [check.a] has no \"address\" (must be on an interface that is up)");
  CHECK(missing("file") == "f:1:8: error: [check.a] has no \"path\" (the file that is looked for)");
}

TEST_CASE("an interface has a name that the kernel takes") {
  const auto text =
      "[check.a]\ntype = \"address\"\naddress = \"::1\"\ninterface = \"a b\"\n"
      "[rule.r]\nprefixes = [\"192.0.2.0/24\"]\nchecks = [\"a\"]\n";
  CHECK(complaint(text) ==
        "f:4:13: error: \"interface\" in [check.a] is the string \"a b\"; expected the name of an "
        "interface: 1 to 15 printable characters without a blank, slash or colon");
}

TEST_CASE("an unknown section is an error with what may have been meant") {
  CHECK(complaint(at_top("[bgdp]")) ==
        "f:1:2: error: unknown section [bgdp]; did you mean [bgpd]?");
  CHECK(complaint(at_top("[rules.x]")) ==
        "f:1:2: error: unknown section [rules]; did you mean [rule.NAME]?");
  CHECK(complaint(at_top("[zebra]")) == "f:1:2: error: unknown section [zebra]");
}

TEST_CASE("a section must be a section") {
  CHECK(complaint(at_top("bgpd = 5")) ==
        "f:1:1: error: \"bgpd\" is the number 5; expected a section, [bgpd]");
  CHECK(complaint(at_top("[[log]]")) ==
        "f:1:3: error: \"log\" is an array; expected a section, [log]");
  CHECK(
      complaint(at_top("check.server = \"::1\"")) ==
      "f:1:7: error: \"server\" in [check] is the string \"::1\"; expected named sections, such as "
      "[check.resolver]");
  CHECK(complaints("mode = \"hard\"\nrule = 5\n" +
                   std::string(sound.substr(0, sound.find("[rule")))) ==
        Lines{"f:2:1: error: \"rule\" is the number 5; expected named sections, such as "
              "[rule.anycast]"});
}

TEST_CASE("a check or rule has a name that can stand in a log") {
  CHECK(
      complaint("[rule.\"a\\nb\"]\nprefixes = [\"198.51.100.0/24\"]\nchecks = [\"resolver\"]\n" +
                std::string(sound)) ==
      "f:1:7: error: [rule.a\\x0ab] has a bad name; expected 1 to 64 letters, digits, \"-\", \"_\" "
      "or \".\"");
}

TEST_CASE("a wrong word is an error with the right ones") {
  CHECK(
      complaint(at_top("mode = \"hrad\"")) ==
      "f:1:8: error: \"mode\" is the string \"hrad\"; expected \"soft\" or \"hard\"; did you mean "
      "\"hard\"?");
  CHECK(complaint(in_section("log", "level = \"warn\"")) ==
        "f:2:9: error: \"level\" in [log] is the string \"warn\"; expected \"debug\", \"info\", "
        "\"warning\", \"error\" or \"critical\"; did you mean \"warning\"?");
  CHECK(complaint(in_section("bgpd", "transports = [\"telnet\", \"sokcet\"]")) ==
        "f:2:25: error: \"transports\" in [bgpd] has the string \"sokcet\"; expected \"socket\", "
        "\"vtysh\" or \"telnet\"; did you mean \"socket\"?");
  CHECK(complaint(in_check("transport = \"quic\"")) ==
        "f:4:13: error: \"transport\" in [check.resolver] is the string \"quic\"; expected "
        "\"udp\", \"tcp\" or \"both\"");
  CHECK(
      complaint(in_rule("fallback = \"soft\"")) ==
      "f:7:12: error: \"fallback\" in [rule.anycast] is the string \"soft\"; expected \"hard\" or "
      "\"never\"");
}

TEST_CASE("a value of the wrong type is named together with what was expected") {
  CHECK(complaint(at_top("mode = true")) ==
        "f:1:8: error: \"mode\" is the boolean true; expected \"soft\" or \"hard\"");
  CHECK(
      complaint(in_check("port = 53.5")) ==
      "f:4:8: error: \"port\" in [check.resolver] is the number 53.5; expected a whole number from "
      "1 to 65535");
  CHECK(complaint(in_section("log", "file = 2026-11-23")) ==
        "f:2:8: error: \"file\" in [log] is a date or time; expected the absolute path of a file");
  CHECK(complaint(in_section("log", "level = {}")) ==
        "f:2:9: error: \"level\" in [log] is a table; expected \"debug\", \"info\", \"warning\", "
        "\"error\" or \"critical\"");
  CHECK(complaint(in_section("bgpd", "restart = \"systemctl restart frr\"")) ==
        "f:2:11: error: \"restart\" in [bgpd] is the string \"systemctl restart frr\"; expected a "
        "program and its arguments, such as [\"systemctl\", \"restart\", \"frr\"]");
  CHECK(complaint(in_section("bgpd", "restart = [\"systemctl\", 5]")) ==
        "f:2:25: error: \"restart\" in [bgpd] has the number 5; expected a string");
}

TEST_CASE("an array that needs elements must not be empty") {
  CHECK(
      complaint(in_section("bgpd", "transports = []")) ==
      "f:2:14: error: \"transports\" in [bgpd] is empty; expected an array of transports, such as "
      "[\"socket\", \"vtysh\"]");
}

TEST_CASE("what is listed twice is an error") {
  CHECK(complaint(in_section("bgpd", "transports = [\"vtysh\", \"vtysh\"]")) ==
        "f:2:24: error: \"transports\" in [bgpd] has the string \"vtysh\" twice");
}

TEST_CASE("a duration without a unit is refused with the likely ones") {
  CHECK(complaint(in_check("interval = 800")) ==
        "f:4:12: error: \"interval\" in [check.resolver] is the number 800: a duration carries a "
        "unit "
        "(did you mean \"800ms\" or \"800s\"?)");
  CHECK(
      complaint(in_check("interval = \"800\"")) ==
      "f:4:12: error: \"interval\" in [check.resolver] is the string \"800\": it has no unit (did "
      "you mean \"800ms\" or \"800s\"?)");
  CHECK(
      complaint(in_check("interval = 0.8")) ==
      "f:4:12: error: \"interval\" in [check.resolver] is the number 0.8; expected a duration with "
      "its unit, as in \"800ms\" or \"5s\"");
  CHECK(complaint(in_section("fallback", "after = 0")) ==
        "f:2:9: error: \"after\" in [fallback] is the number 0; expected a duration with its unit, "
        "as "
        "in \"800ms\" or \"5s\"");
}

TEST_CASE("a duration that makes no sense is refused") {
  CHECK(complaint(in_section("fallback", "after = \"0s\"")) ==
        "f:2:9: error: \"after\" in [fallback] is the string \"0s\": it is zero (as in \"800ms\", "
        "\"5s\", \"2min\" or \"1h\")");
  CHECK(complaint(in_check("interval = \"9ms\"")) ==
        "f:4:12: error: \"interval\" in [check.resolver] is the string \"9ms\"; expected at least "
        "\"10ms\"");
  CHECK(complaint(in_section("bgpd", "telnet_timeout = \"61min\"")) ==
        "f:2:18: error: \"telnet_timeout\" in [bgpd] is the string \"61min\"; expected at most "
        "\"1h\"");
  CHECK(complaint(in_check("timeout = \"2h\"")) ==
        "f:4:11: error: \"timeout\" in [check.resolver] is the string \"2h\"; expected at most "
        "\"1h\"");
}

TEST_CASE("the fast interval is not the slower one") {
  CHECK(complaint(in_check("fast_interval = \"1s\"")) ==
        "f:4:1: error: \"fast_interval\" in [check.resolver] is \"1s\"; expected at most the "
        "interval, \"800ms\"");
  CHECK(
      complaint(in_check("fast_interval = \"1s\"\ninterval = \"1s\"\nrise = 0")) ==
      "f:6:8: error: \"rise\" in [check.resolver] is the number 0; expected a whole number from 1 "
      "to 1000");
}

TEST_CASE("an interval shorter than the usual fast one takes that along") {
  const auto config = parsed(in_check("interval = \"100ms\""));
  CHECK(config.settings.checks.at(0).policy.interval == 100ms);
  CHECK(config.settings.checks.at(0).policy.fast_interval == 100ms);
}

TEST_CASE("each try has time to be answered") {
  CHECK(
      complaint(in_check("tries = 81")) ==
      "f:4:1: error: [check.resolver] has 81 tries in a timeout of \"800ms\"; expected \"10ms\" or "
      "more for each");
  CHECK(complaint(in_check("timeout = \"19ms\"")) ==
        "f:4:1: error: [check.resolver] has 2 tries in a timeout of \"19ms\"; expected \"10ms\" or "
        "more for each");
  CHECK(complaints(in_check("tries = 80")) == Lines{});
}

TEST_CASE("a restart delay is at most its maximum") {
  CHECK(complaint(in_section("fallback", "restart_delay = \"11min\"")) ==
        "f:2:1: error: \"restart_delay\" in [fallback] is \"11min\"; expected at most "
        "restart_delay_max, \"10min\"");
  CHECK(complaint(in_section("fallback", "restart_delay_max = \"1s\"")) ==
        "f:2:1: error: \"restart_delay\" in [fallback] is \"2s\"; expected at most "
        "restart_delay_max, \"1s\"");
}

TEST_CASE("numbers have bounds") {
  CHECK(complaint(in_check("port = 65536")) ==
        "f:4:8: error: \"port\" in [check.resolver] is the number 65536; expected a whole number "
        "from "
        "1 to 65535");
  CHECK(
      complaint(in_check("fall = 0")) ==
      "f:4:8: error: \"fall\" in [check.resolver] is the number 0; expected a whole number from 1 "
      "to 1000");
  CHECK(parsed(in_section("bgpd", "as = \"1.10\"")).settings.rules[0].instance.asn ==
        core::Asn::from(65546).value());
  CHECK(complaint(in_section("bgpd", "as = \"1.70000\"")).find("it is not an AS number") !=
        std::string::npos);
  CHECK(
      complaint(in_section("bgpd", "as = 4294967295")) ==
      "f:2:6: error: \"as\" in [bgpd] is the number 4294967295; expected a whole number from 1 to "
      "4294967294");
}

TEST_CASE("a server may carry its port, but only one port is given") {
  const std::string rest =
      "name = \"www.test.com\"\n[rule.anycast]\nprefixes = [\"192.0.2.0/24\"]\n"
      "checks = [\"resolver\"]\n";
  const auto config = parsed("[check.resolver]\nserver = \"[::1]:5353\"\n" + rest);
  CHECK(config.settings.checks.at(0).text() == "[::1]:5353, A www.test.com");
  CHECK(complaint("[check.resolver]\nserver = \"127.0.0.1:5353\"\nport = 5354\n" + rest) ==
        "f:3:1: error: \"port\" in [check.resolver] is one port too many: \"server\" names 5353 "
        "already");
  CHECK(
      complaint("[check.resolver]\nserver = \"localhost\"\n" + rest) ==
      "f:2:10: error: \"server\" in [check.resolver] is the string \"localhost\": it is neither an "
      "IPv4 nor an IPv6 address");
}

TEST_CASE("telnet has a usual port") {
  CHECK(parsed(in_section("bgpd", "telnet = \"::1\"\n[log]")).access.telnet->text() ==
        "[::1]:2605");
  CHECK(
      complaint(in_section("bgpd", "telnet = \"127.0.0.1:0\"")) ==
      "f:2:10: error: \"telnet\" in [bgpd] is the string \"127.0.0.1:0\": it is not a port number "
      "(1 to 65535)");
}

TEST_CASE("paths are absolute, except for what is looked up in PATH") {
  CHECK(complaint(at_top("lock_file = \"lock\"")) ==
        "f:1:13: error: \"lock_file\" is the string \"lock\"; a path must be absolute");
  CHECK(complaint(at_top("state_file = \"\"")) ==
        "f:1:14: error: \"state_file\" is the string \"\"; a path must be absolute");
  CHECK(complaint(in_section("bgpd", "vtysh = \"bin/vtysh\"")) ==
        "f:2:9: error: \"vtysh\" in [bgpd] is the string \"bin/vtysh\"; a path must be absolute");
  CHECK(
      complaint(in_section("bgpd", "restart = [\"./restart\"]")) ==
      "f:2:12: error: \"restart\" in [bgpd] has the string \"./restart\"; a path must be absolute");
  CHECK(
      complaint(in_section("log", "file = \"/var/log/a\\nb\"")) ==
      "f:2:8: error: \"file\" in [log] is the string \"/var/log/a\\x0ab\"; a path must not contain "
      "control characters");
  CHECK(parsed(in_section("bgpd", "vtysh = \"vtysh9\"")).access.vtysh == "vtysh9");
}

TEST_CASE("a socket's path must fit into a socket's address") {
  const auto path = "/" + std::string(106, 'x');
  CHECK(complaints(at_top("control_socket = \"" + path + "\"")) == Lines{});
  CHECK(complaint(at_top("control_socket = \"" + path + "x\""))
            .ends_with("; the path of a socket has 107 bytes at most"));
}

TEST_CASE("a process name is one that the kernel can show") {
  CHECK(complaint(in_section("bgpd", "process_name = \"sixteen-bytes-xx\"")) ==
        "f:2:16: error: \"process_name\" in [bgpd] is the string \"sixteen-bytes-xx\"; expected a "
        "process name of 1 to 15 printable characters without a slash");
}

TEST_CASE("names for the vty are single words") {
  CHECK(complaint(in_rule("route_map = \"TAG\\nend\"")) ==
        "f:7:13: error: \"route_map\" in [rule.anycast] is the string \"TAG\\x0aend\": byte 4 is "
        "'\\x0a' (1 to 127 letters, digits and -_.:@+/=~)");
}

TEST_CASE("a rule is in a VRF or in a view") {
  CHECK(complaint(in_rule("vrf = \"RED\"\nview = \"LAB\"")) ==
        "f:8:1: error: [rule.anycast] has both \"vrf\" and \"view\"; expected one of them");
}

TEST_CASE("a check that no rule uses is an error") {
  CHECK(complaint(in_rule("[check.spare]\nserver = \"::1\"\nname = \"www.test.com\"")) ==
        "f:7:8: error: no rule uses [check.spare]; name it in the \"checks\" of a rule, or remove "
        "it");
}

TEST_CASE("a rule names only checks that exist, each once") {
  std::string text(sound);
  text.replace(text.find("[\"resolver\"]"), 12, "[\"resolver\", \"other\", \"resolver\"]");
  CHECK(complaints(text) ==
        Lines{"f:6:23: error: \"checks\" in [rule.anycast] has the string \"other\"; expected the "
              "name of a check",
              "f:6:32: error: \"checks\" in [rule.anycast] has the string \"resolver\" twice"});
}

TEST_CASE("a rule has prefixes and checks") {
  CHECK(
      complaints("[check.a]\nserver = \"::1\"\nname = \"a\"\n[rule.x]\n[rule.y]\n"
                 "prefixes = []\nchecks = [\"a\"]\n") ==
      Lines{"f:4:7: error: [rule.x] has no \"checks\" (what the prefixes depend on)",
            "f:4:7: error: [rule.x] has no \"prefixes\" (such as [\"192.0.2.0/24\", "
            "\"2001:db8:53::/48\"])",
            "f:6:12: error: \"prefixes\" in [rule.y] is empty; expected an array of prefixes, such "
            "as [\"192.0.2.0/24\", \"2001:db8:53::/48\"]"});
}

TEST_CASE("a file without checks and rules does nothing, which is an error") {
  CHECK(complaints("mode = \"soft\"\n") ==
        Lines{"f: error: no check; expected at least one section such as [check.resolver]",
              "f: error: no rule; expected at least one section such as [rule.anycast]"});
}

TEST_CASE("hard mode needs a check and no rule, and decides by one answer as the script did") {
  CHECK(complaint("mode = \"hard\"\n") ==
        "f: error: no check; expected at least one section such as [check.resolver]");
  const std::string check = "mode = \"hard\"\n[check.a]\nserver = \"::1\"\nname = \"a\"\n";
  const auto script = parsed(check + "interval = \"2s\"\n").settings.checks.at(0).policy;
  CHECK(script.rise == 1);
  CHECK(script.fall == 1);
  CHECK(script.fast_interval == 2s);
  const auto other =
      parsed(check + "rise = 4\nfall = 5\nfast_interval = \"20ms\"\n").settings.checks.at(0).policy;
  CHECK(other.rise == 4);
  CHECK(other.fall == 5);
  CHECK(other.fast_interval == 20ms);
  CHECK(parsed(check + "[rule.x]\nchecks = [\"a\"]\n").settings.rules.at(0).prefixes.empty());
}

// The words behind "this is not TOML" are toml++'s own and differ between its versions.
TEST_CASE("what is not TOML is told with its place") {
  CHECK(
      complaint("[log\n") ==
      "f:1:5: error: this is not TOML: Error while parsing table header: expected ']', saw '\\n'");
  CHECK(complaint("[log]\nlevel = \"info\"\nlevel = \"info\"\n")
            .starts_with("f:3:9: error: this is not TOML: "));
}

TEST_CASE("text that lacks its quotes is offered with them") {
  CHECK(complaint("\ninterval = 800ms # often\n").starts_with("f:2:15: error: this is not TOML: "));
  CHECK(complaint("\ninterval = 800ms # often\n")
            .ends_with("; text is written in quotes: \"800ms\""));
  CHECK(complaint("mode = soft\r\n").ends_with("; text is written in quotes: \"soft\""));
  CHECK(complaint("server = 127.0.0.1").ends_with("; text is written in quotes: \"127.0.0.1\""));
}

TEST_CASE("a broken number is not taken for text without quotes") {
  CHECK(complaint("port = 053\n").find("quotes") == std::string::npos);
  CHECK(complaint("mode = hard\nmode = hard\n").find("quotes") != std::string::npos);
  CHECK(complaint("a = true\na = true\n").find("quotes") == std::string::npos);
}

TEST_CASE("what is not UTF-8 is told with its place") {
  CHECK(complaint("mode = \"soft\"\n# caf\xe9\n")
            .starts_with("f:2:5: error: this is not UTF-8 text: "));
}

TEST_CASE("a byte order mark and carriage returns do no harm") {
  std::string text = "\xef\xbb\xbf" + std::string(sound);
  for (std::size_t i = 0; (i = text.find('\n', i)) != text.npos; i += 2) text.replace(i, 1, "\r\n");
  CHECK(complaints(text) == Lines{});
}

TEST_CASE("a size has a unit, or is a number of bytes") {
  const auto size = [](std::string_view value) {
    return parsed(at_top("history_size = " + std::string(value))).history_size;
  };
  CHECK(size("20000") == 20'000);
  CHECK(size("\"20000B\"") == 20'000);
  CHECK(size("\"20kB\"") == 20'000);
  CHECK(size("\"1GB\"") == 1'000'000'000);
  CHECK(complaint(at_top("history_size = \"1 MB\"")) ==
        "f:1:16: error: \"history_size\" is the string \"1 MB\": its unit is none of B, kB, MB and "
        "GB (as in \"500kB\" or \"1MB\")");
  CHECK(complaint(at_top("history_size = \"MB\""))
            .ends_with(": it is not a number with a unit (as in \"500kB\" or \"1MB\")"));
  CHECK(complaint(at_top("history_size = \"99999999999999999999GB\"")).find(": it is too large") !=
        std::string::npos);
  CHECK(complaint(at_top("history_size = 9999")) ==
        "f:1:16: error: \"history_size\" is the number 9999; expected 10000 to 1000000000 bytes");
}

TEST_CASE("a control group is a name that a group can have") {
  CHECK(parsed(at_top("control_group = \"noc\"")).control_group == "noc");
  CHECK(complaint(at_top("control_group = \"a b\"")) ==
        "f:1:17: error: \"control_group\" is the string \"a b\"; expected the name of a group of "
        "this host, or \"\"");
}
