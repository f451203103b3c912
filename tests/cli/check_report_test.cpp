#include "cli/check_report.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <sstream>

using namespace withdrawd;

namespace {

cli::AskedCheck signed_zone() {
  core::DnsQuestion question{.server = {core::Address::parse("192.0.2.53").value(), 53},
                             .name = "www.example"};
  return {{"zone", question, {}},
          {core::OutcomeKind::error, std::chrono::microseconds(1500), "no data"},
          {.expectations = {{"rcode NOERROR", true, "NOERROR"}, {"1 A record", false, "no data"}},
           .chain = {{"example. DNSKEY", true, "good until 2027-01-16 08:00 UTC, by key 1"}},
           .facts = {{"transport", "UDP"}},
           .answers = {"192.0.2.1", "192.0.2.2"}}};
}

cli::AskedCheck file(core::FileMeaning meaning) {
  return {{"switch", core::FileCheck{.path = "/run/maintenance", .present = meaning}, {}},
          {core::OutcomeKind::error, {}, "present"},
          {}};
}

const cli::Terminal plain(-1);

}  // namespace

TEST_CASE("a check is explained: the verdict, each expectation, the chain, what else was seen") {
  CHECK(cli::check_text(signed_zone(), plain) ==
        "zone: error: no data (1.5 ms)\n"
        "  asked      192.0.2.53:53, A www.example\n"
        "  ok      rcode NOERROR: NOERROR\n"
        "  FAILED  1 A record: no data\n"
        "  chain of signatures, from the trust anchor:\n"
        "  ok      example. DNSKEY: good until 2027-01-16 08:00 UTC, by key 1\n"
        "  answers    192.0.2.1\n"
        "             192.0.2.2\n"
        "  transport  UDP\n");
}

TEST_CASE("a file that means a drain says so") {
  CHECK(cli::check_text(file(core::FileMeaning::drain), plain)
            .starts_with("switch: drained: the file is there"));
  CHECK(
      cli::check_text(file(core::FileMeaning::down), plain).starts_with("switch: error: present"));
}

TEST_CASE("whatever was seen, no line has more than 80 columns, and nothing is lost") {
  auto asked = signed_zone();
  const std::string long_word(200, 'x');
  asked.outcome.detail = "expected " + long_word + " and one two three four five six seven eight";
  asked.account.expectations[1].seen = asked.outcome.detail;
  asked.account.answers[0] = long_word + " end";
  asked.account.facts[0].value = asked.outcome.detail;
  const auto text = cli::check_text(asked, plain);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  CHECK(std::ranges::count(text, 'x') >= 800);
  CHECK(text.contains("eight"));
}

TEST_CASE("the same for scripts") {
  CHECK(boost::json::serialize(cli::check_json(signed_zone())) ==
        R"({"name":"zone","type":"dns","question":"192.0.2.53:53, A www.example","ok":false,)"
        R"("drained":false,"outcome":"error","detail":"no data","latency_ms":1.5E0,)"
        R"("expectations":[{"what":"rcode NOERROR","ok":true,"seen":"NOERROR"},)"
        R"({"what":"1 A record","ok":false,"seen":"no data"}],)"
        R"("chain":[{"what":"example. DNSKEY","ok":true,)"
        R"("seen":"good until 2027-01-16 08:00 UTC, by key 1"}],)"
        R"("answers":["192.0.2.1","192.0.2.2"],"facts":[{"name":"transport","value":"UDP"}]})");
  CHECK(cli::check_json(file(core::FileMeaning::drain)).at("drained").as_bool());
}
