// Answers whose names and data want to be more than text.
#include <doctest/doctest.h>

#include "../hostile_text.hpp"
#include "dns/message.hpp"
#include "dns/wire.hpp"
#include "reply.hpp"

using namespace withdrawd;
using namespace withdrawd::dns;
using testing::hostile_texts;
using testing::is_printable;
using namespace std::string_view_literals;

namespace {

constexpr std::uint16_t id = 4711;
constexpr std::uint16_t type_txt = 16;

std::string label(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

void check_printable(const Bytes& answer, const Question& question,
                     const core::DnsExpectations& expect = {}) {
  core::Account account;
  const auto judgement = judge(answer, id, question, expect, &account);
  const auto* verdict = std::get_if<Verdict>(&judgement);
  REQUIRE(verdict);
  CHECK(is_printable(verdict->detail));
  CHECK_FALSE(account.expectations.empty());
  for (const auto& step : account.expectations) CHECK(is_printable(step.what + step.seen));
  for (const auto& fact : account.facts) CHECK(is_printable(fact.name + fact.value));
  for (const auto& record : account.answers) CHECK(is_printable(record));
}

}  // namespace

TEST_CASE("what a TXT record says is shown escaped, expected or not") {
  const auto question = Question::from("www.test.com", LDNS_RR_TYPE_TXT).value();
  for (const auto hostile : hostile_texts) {
    CAPTURE(std::string(hostile));
    const Bytes answer = Reply(id)
                             .question("www.test.com", type_txt)
                             .record(wire_name("www.test.com"), type_txt, label(hostile));
    check_printable(answer, question);
    core::DnsExpectations expect;
    expect.any = {"something else"};
    check_printable(answer, question, expect);
    expect.any = {std::string(hostile)};
    check_printable(answer, question, expect);
  }
}

TEST_CASE("the names of an answer are shown escaped") {
  const auto question = Question::from("www.test.com").value();
  for (const auto hostile : hostile_texts) {
    CAPTURE(std::string(hostile));
    const auto name = label(hostile) + wire_name("test.com");
    CHECK(is_printable(name_text(name)));
    // Led there, and nothing there; or an answer to it.
    const Reply led =
        Reply(id).question("www.test.com").record(wire_name("www.test.com"), type_cname, name);
    check_printable(led, question);
    check_printable(Reply(led).record(name, type_a, "\xc0\x00\x02\x01"sv), question);
    // As a record's data.
    const auto asked = Question::from("www.test.com", LDNS_RR_TYPE_NS).value();
    check_printable(Reply(id)
                        .question("www.test.com", type_ns)
                        .record(wire_name("www.test.com"), type_ns, name),
                    asked);
  }
}
