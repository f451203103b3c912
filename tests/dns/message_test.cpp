#include "dns/message.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "dns/ldns.hpp"
#include "reply.hpp"

using namespace withdrawd;
using namespace withdrawd::dns;
using core::OutcomeKind;

namespace {

constexpr std::uint16_t id = 0x1234;

Question question(std::string_view name = "www.test.com") {
  auto question = Question::from(name);
  REQUIRE(question);
  return *question;
}

Reply reply() {
  return Reply(id).question("www.test.com");
}

Judgement judged(const Bytes& message) {
  return judge(message, id, question());
}

Judgement ok(std::string detail) {
  return Verdict{OutcomeKind::ok, std::move(detail)};
}
Judgement error(std::string detail) {
  return Verdict{OutcomeKind::error, std::move(detail)};
}
const Judgement nxdomain = Verdict{OutcomeKind::nxdomain, "NXDOMAIN"};
const Judgement malformed = Verdict{OutcomeKind::error, "malformed answer"};

std::string pointer(std::size_t to) {
  return {static_cast<char>(0xc0 | to >> 8), static_cast<char>(to & 0xff)};
}
const std::string to_question = pointer(12);
const std::string address("\xc0\x00\x02\x07", 4);

}  // namespace

namespace doctest {
template <>
struct StringMaker<Judgement> {
  static String convert(const Judgement& judgement) {
    if (const auto* verdict = std::get_if<Verdict>(&judgement))
      return (std::string(core::name(verdict->kind)) + ": " + verdict->detail).c_str();
    if (const auto* why = std::get_if<Ignored>(&judgement))
      return ("ignored: " + std::string(describe(*why))).c_str();
    return "truncated";
  }
};
}  // namespace doctest

TEST_CASE("a query has the given ID, recursion desired and the question alone") {
  const auto query = question("www.Test.com.").query(0xabcd);
  REQUIRE(query);
  const Bytes expected = Reply(0xabcd).flags(0x0100).question("www.Test.com");
  CHECK(*query == expected);
}

TEST_CASE("a query can ask for another type and class") {
  const auto chaos = Question::from("version.bind", LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_CH);
  REQUIRE(chaos);
  const Bytes expected = Reply(1).flags(0x0100).question("version.bind", 16, class_ch);
  CHECK(chaos->query(1).value() == expected);
}

TEST_CASE("the root is a name") {
  CHECK(question(".").name() == std::string(1, '\0'));
}

TEST_CASE("what is no domain name makes no question") {
  const std::string label(64, 'a');
  std::string long_name;
  for (int i = 0; i < 130; ++i) long_name += "a.";
  for (const auto& name : {std::string(), std::string("www..test.com"), std::string(".test.com"),
                           label + ".com", long_name, std::string("www\0.test.com", 13)}) {
    CAPTURE(name);
    const auto question = Question::from(name);
    REQUIRE_FALSE(question);
    CHECK(question.error().tried.starts_with("read the domain name"));
    CHECK_FALSE(question.error().happened.empty());
  }
}

TEST_CASE("an address for the name asked for is ok, and the last one is the detail") {
  CHECK(judged(reply().a("www.test.com", 1)) == ok("192.0.2.1"));
  CHECK(judged(reply().a("www.test.com", 1).a("www.test.com", 9).a("www.test.com", 4)) ==
        ok("192.0.2.4"));
}

TEST_CASE("an answer may use compression and any case") {
  CHECK(judged(reply().record(to_question, type_a, address)) == ok("192.0.2.7"));
  CHECK(judged(Reply(id).question("wWw.TEST.com").a("WWW.test.COM")) == ok("192.0.2.1"));
}

TEST_CASE("an address is found through CNAMEs in whatever order they stand") {
  CHECK(judged(reply()
                   .cname("www.test.com", "a.test.com")
                   .cname("A.test.com", "b.example")
                   .a("b.Example", 3)) == ok("192.0.2.3"));
  CHECK(judged(reply()
                   .a("b.example", 3)
                   .cname("a.test.com", "b.example")
                   .cname("www.test.com", "a.test.com")) == ok("192.0.2.3"));
}

TEST_CASE("a CNAME that leads to no address is no data, and says where it leads") {
  CHECK(judged(reply().cname("www.test.com", "target.example")) ==
        error("no data (CNAME to target.example. without any A record)"));
  CHECK(judged(reply().cname("www.test.com", "a.example").cname("a.example", "b.example")) ==
        error("no data (CNAME to b.example. without any A record)"));
}

TEST_CASE("a loop of CNAMEs ends") {
  CHECK(judged(reply().cname("www.test.com", "www.test.com")) ==
        error("no data (CNAME loop at www.test.com.)"));
  const auto loop = judged(reply()
                               .cname("www.test.com", "a.example")
                               .cname("a.example", "b.example")
                               .cname("b.example", "a.example"));
  REQUIRE(std::holds_alternative<Verdict>(loop));
  CHECK(std::get<Verdict>(loop).kind == OutcomeKind::error);
  CHECK(std::get<Verdict>(loop).detail.starts_with("no data (CNAME loop at "));
}

TEST_CASE("what a CNAME holds is escaped in the detail") {
  CHECK(judged(reply().record(to_question, type_cname, wire_name("a\n\x1b\xff"))) ==
        error("no data (CNAME to a\\\\010\\\\027\\\\255. without any A record)"));
}

TEST_CASE("an address that the name does not lead to is no data") {
  CHECK(judged(reply().a("other.test.com")) == error("no data"));
  CHECK(judged(reply().cname("other.test.com", "b.example").a("b.example")) == error("no data"));
  CHECK(judged(reply().cname("www.test.com", "b.example").a("c.example")) ==
        error("no data (CNAME to b.example. without any A record)"));
}

TEST_CASE("records of another type or class, or outside the answer section, are no data") {
  CHECK(judged(reply()) == error("no data"));
  CHECK(judged(reply().record(to_question, type_aaaa, std::string(16, '\1'))) == error("no data"));
  CHECK(judged(reply().record(to_question, type_a, address, class_ch)) == error("no data"));
  auto additional = reply().record(to_question, type_a, address);
  CHECK(judged(additional.put(6, 0).put(8, 1)) == error("no data"));
  CHECK(judged(additional.put(8, 0).put(10, 1)) == error("no data"));
}

TEST_CASE("NXDOMAIN is nxdomain, whatever else the answer holds") {
  CHECK(judged(reply().rcode(3)) == nxdomain);
  CHECK(judged(reply().rcode(3).cname("www.test.com", "gone.example")) == nxdomain);
  CHECK(judged(reply().rcode(3).a("www.test.com")) == nxdomain);
}

TEST_CASE("every other response code is an error that bears its name") {
  const char* names[] = {"FORMERR", "SERVFAIL", nullptr,   "NOTIMP",  "REFUSED", "YXDOMAIN",
                         "YXRRSET", "NXRRSET",  "NOTAUTH", "NOTZONE", "rcode 11"};
  for (unsigned rcode = 1; rcode <= 11; ++rcode) {
    if (rcode == 3) continue;
    CAPTURE(rcode);
    CHECK(judged(reply().rcode(rcode)) == error(names[rcode - 1]));
    CHECK(judged(reply().rcode(rcode).a("www.test.com")) == error(names[rcode - 1]));
  }
}

TEST_CASE("a server that could not answer may leave the question out, others may not") {
  CHECK(judged(Reply(id).rcode(1)) == error("FORMERR"));
  CHECK(judged(Reply(id).rcode(2)) == error("SERVFAIL"));
  CHECK(judged(Reply(id).rcode(4)) == error("NOTIMP"));
  CHECK(judged(Reply(id).rcode(5)) == error("REFUSED"));
  CHECK(judged(Reply(id).rcode(0)) == Judgement(Ignored::wrong_question));
  CHECK(judged(Reply(id).rcode(3)) == Judgement(Ignored::wrong_question));
}

TEST_CASE("what does not answer this question is ignored") {
  const auto ignored = [](Ignored why) { return Judgement(why); };
  CHECK(judged({}) == ignored(Ignored::too_short));
  CHECK(judged(Bytes(11)) == ignored(Ignored::too_short));
  CHECK(judged(Reply(id + 1).question("www.test.com").a("www.test.com")) ==
        ignored(Ignored::wrong_id));
  CHECK(judged(reply().flags(0x0100).a("www.test.com")) == ignored(Ignored::not_an_answer));
  CHECK(judged(reply().flags(0xa000).a("www.test.com")) == ignored(Ignored::not_an_answer));
  CHECK(judged(Reply(id).question("ww.test.com").a("ww.test.com")) ==
        ignored(Ignored::wrong_question));
  CHECK(judged(Reply(id).question("www.test.com", type_aaaa)) == ignored(Ignored::wrong_question));
  CHECK(judged(Reply(id).question("www.test.com", type_a, class_ch)) ==
        ignored(Ignored::wrong_question));
  CHECK(judged(reply().question("www.test.com").a("www.test.com")) ==
        ignored(Ignored::wrong_question));
}

TEST_CASE("a truncated answer is truncated wherever it was cut") {
  CHECK(judged(reply().truncated()) == Judgement(Truncated{}));
  auto cut = reply().truncated().a("www.test.com").bytes();
  cut.resize(cut.size() - 3);
  CHECK(judged(cut) == Judgement(Truncated{}));
}

TEST_CASE("an answer cut without saying so is malformed wherever it was cut") {
  const auto whole = reply().cname("www.test.com", "b.example").a("b.example").bytes();
  REQUIRE(judged(whole) == ok("192.0.2.1"));
  for (std::size_t size = 12; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(judged(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) ==
          malformed);
  }
}

TEST_CASE("counts that promise more than there is are malformed") {
  for (const std::size_t count : {6U, 8U, 10U}) {
    CAPTURE(count);
    CHECK(judged(reply().a("www.test.com").count(count)) == malformed);
    CHECK(judged(reply().a("www.test.com").put(count, 0xffff)) == malformed);
  }
}

TEST_CASE("an address of the wrong size is malformed") {
  for (const std::size_t size : {0U, 3U, 5U, 16U}) {
    CAPTURE(size);
    CHECK(judged(reply().record(to_question, type_a, std::string(size, '\1'))) == malformed);
  }
}

TEST_CASE("a CNAME that does not fill its record is malformed") {
  CHECK(judged(reply().record(to_question, type_cname, "")) == malformed);
  CHECK(judged(reply().record(to_question, type_cname, wire_name("a.b") + "x")) == malformed);
  CHECK(judged(reply().record(to_question, type_cname, std::string("\3ab", 3))) == malformed);
}

TEST_CASE("compression that loops or points out of the message is malformed") {
  const auto here = reply().bytes().size();
  CHECK(judged(reply().record(pointer(here), type_a, address)) == malformed);
  CHECK(judged(reply().record("\1a" + pointer(here), type_a, address)) == malformed);
  CHECK(judged(reply().record(pointer(0x3fff), type_a, address)) == malformed);
  CHECK(judged(reply().record("\x80", type_a, address)) == malformed);
  CHECK(judged(Reply(id).add(pointer(12)).add(type_a).add(class_in).count(4)) == malformed);
  CHECK(judged(reply().record(to_question, type_cname, pointer(here + 12))) == malformed);
}

TEST_CASE("a name longer than 255 bytes is malformed") {
  std::string name;
  for (int i = 0; i < 5; ++i) name += '\x3f' + std::string(63, 'a');
  CHECK(judged(reply().record(name + '\0', type_a, address)) == malformed);
}

TEST_CASE("the biggest message made of pointers to pointers takes little time") {
  auto message = reply().record(to_question, type_a, address);
  // A record of unknown type whose data is a chain: each pointer leads to the one before it.
  std::string chain = to_question;
  std::size_t at = message.bytes().size() + 12;
  for (; at < 0x3ff0; at += 2) chain += pointer(at);
  message.record(to_question, 65280, chain);
  const auto last = pointer(at);
  while (message.bytes().size() < 65500) message.record(last, type_a, address);
  const auto before = std::chrono::steady_clock::now();
  CHECK(judged(message) == malformed);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(500));
}

TEST_CASE("a message of 64 KiB full of addresses is read to its end") {
  auto message = reply();
  while (message.bytes().size() < 65500) message.record(to_question, type_a, address);
  CHECK(judged(message) == ok("192.0.2.7"));
}

TEST_CASE("a chain of thousands of CNAMEs in reverse is followed to its end") {
  auto message = reply();
  const int length = 1000;
  message.a("c1000.example", 5);
  for (int i = length; i > 0; --i)
    message.cname("c" + std::to_string(i - 1) + ".example", "c" + std::to_string(i) + ".example");
  message.cname("www.test.com", "c0.example");
  CHECK(judged(message) == ok("192.0.2.5"));
}

TEST_CASE("another type is asked for and judged by the same rules") {
  const auto ipv6 = Question::from("www.test.com", LDNS_RR_TYPE_AAAA);
  REQUIRE(ipv6);
  std::string loopback(16, '\0');
  loopback.back() = '\1';
  auto message = Reply(id).question("www.test.com", type_aaaa).cname("www.test.com", "b.example");
  CHECK(judge(message.bytes(), id, *ipv6) ==
        error("no data (CNAME to b.example. without any AAAA record)"));
  message.record(wire_name("b.example"), type_aaaa, loopback);
  CHECK(judge(message.bytes(), id, *ipv6) == ok("::1"));
}

TEST_CASE("a CNAME asked for by its type is itself the answer") {
  const auto alias = Question::from("www.test.com", LDNS_RR_TYPE_CNAME);
  REQUIRE(alias);
  CHECK(judge(Reply(id).question("www.test.com", type_cname).cname("www.test.com", "b.c").bytes(),
              id, *alias) == ok("b.c."));
}

namespace {

core::DnsQuestion asking(const char* type, core::DnsExpectations expect = {}) {
  core::DnsQuestion asked{.server = {core::Address::parse("127.0.0.1").value(), 53},
                          .name = "www.test.com"};
  asked.type = core::RecordType::parse(type).value();
  asked.expect = std::move(expect);
  return asked;
}

Judgement judged(const Reply& message, const core::DnsQuestion& asked) {
  const auto wire = Question::from(asked);
  REQUIRE(wire);
  return judge(message.bytes(), id, *wire, asked.expect);
}

/// An answer to `asking(type)` with one record.
Reply with(const char* type, std::string_view data) {
  const auto number = core::RecordType::parse(type).value().number();
  return Reply(id).question("www.test.com", number).record(to_question, number, data);
}

std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

}  // namespace

TEST_CASE("the data of every type are shown as in a zone file, names uncompressed") {
  const auto shown = [](const char* type, const std::string& data) {
    const auto judgement = judged(with(type, data), asking(type));
    const auto* verdict = std::get_if<Verdict>(&judgement);
    REQUIRE(verdict);
    return std::string(core::name(verdict->kind)) + ": " + verdict->detail;
  };
  const auto here = to_question;  // www.test.com
  CHECK(shown("NS", here) == "ok: www.test.com.");
  CHECK(shown("PTR", wire_name("a.b")) == "ok: a.b.");
  CHECK(shown("MX", number16(10) + here) == "ok: 10 www.test.com.");
  CHECK(shown("SRV", number16(1) + number16(2) + number16(53) + here) ==
        "ok: 1 2 53 www.test.com.");
  CHECK(shown("TXT", "\x02hi\x05 y\"o\\") == "ok: \"hi\" \" y\\\\\"o\\\\\\\\\"");
  CHECK(shown("CAA", std::string("\0\x05issuea.b", 10)) == "ok: 0 issue \"a.b\"");
  CHECK(shown("SOA", here + here + std::string("\0\0\0\x07\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 20)) ==
        "ok: www.test.com. www.test.com. 7 1 2 3 4");
  CHECK(shown("NAPTR", number16(1) + number16(2) + "\1s\1t\0" + std::string(1, '\0') + here)
            .ends_with("www.test.com."));
  CHECK(shown("TYPE65280", "\xc0\x0c") == "ok: \\\\# 2 c00c");
  CHECK(shown("TYPE65280", "") == "ok: \\\\# 0");
}

TEST_CASE("data that are too short, too long or not what the type says are malformed") {
  const std::vector<std::pair<const char*, std::string>> wrong{
      {"NS", ""},
      {"NS", to_question + "x"},
      {"NS", pointer(0xfff)},
      {"MX", "\1"},
      {"MX", number16(1)},
      {"SOA", to_question},
      {"SRV", to_question},
      {"TXT", "\x05hi"},
      {"AAAA", "\1"},
      {"NAPTR", number16(1) + number16(2) + "\x7fs"}};
  for (const auto& [type, data] : wrong) {
    CAPTURE(type);
    CHECK(judged(with(type, data), asking(type)) == malformed);
  }
}

TEST_CASE("every mnemonic of ours is one of ldns, with the same number") {
  for (unsigned number = 1; number <= 0xffff; ++number) {
    const auto type = core::RecordType::of(static_cast<std::uint16_t>(number));
    if (type.known()) CHECK(ldns_get_rr_type_by_name(type.text().c_str()) == number);
  }
}

TEST_CASE("one of the expected records is enough for any, each is needed for all") {
  const auto answer = reply().a("www.test.com", 1).a("www.test.com", 2);
  const auto any = [&](std::vector<std::string> expected) {
    return judged(answer, asking("A", {.any = std::move(expected)}));
  };
  const auto all = [&](std::vector<std::string> expected) {
    return judged(answer, asking("A", {.all = std::move(expected)}));
  };
  CHECK(any({"192.0.2.9", "192.0.2.1"}) == ok("192.0.2.2"));
  CHECK(any({"198.51.100.1", "198.51.100.2"}) ==
        error("expected one of 198.51.100.1, 198.51.100.2; got 192.0.2.1, 192.0.2.2"));
  CHECK(any({"198.51.100.1"}) == error("expected 198.51.100.1; got 192.0.2.1, 192.0.2.2"));
  CHECK(all({"192.0.2.2", "192.0.2.1"}) == ok("192.0.2.2"));
  CHECK(all({"192.0.2.2", "192.0.2.3"}) ==
        error("expected all of 192.0.2.2, 192.0.2.3; got 192.0.2.1, 192.0.2.2"));
}

TEST_CASE("text may be expected without its quotes, names in any case and without the last dot") {
  const auto txt = [](const char* expected) {
    return judged(with("TXT",
                       "\x03"
                       "fra"),
                  asking("TXT", {.any = {expected}}));
  };
  CHECK(txt("fra") == ok("\"fra\""));
  CHECK(txt("\"fra\"") == ok("\"fra\""));
  CHECK(txt("FRA") == error("expected FRA; got \"fra\""));
  CHECK(txt("fr") == error("expected fr; got \"fra\""));
  const auto ns = [](const char* expected) {
    return judged(with("NS", wire_name("NS.test")), asking("NS", {.any = {expected}}));
  };
  CHECK(ns("ns.test") == ok("NS.test."));
  CHECK(ns("ns.TEST.") == ok("NS.test."));
  CHECK(ns("ns.tes") == error("expected ns.tes; got NS.test."));
}

TEST_CASE("a number of answers can be expected, also none") {
  const auto two = reply().a("www.test.com", 1).a("www.test.com", 2);
  CHECK(judged(two, asking("A", {.min_answers = 2})) == ok("192.0.2.2"));
  CHECK(judged(two, asking("A", {.min_answers = 3})) ==
        error("expected at least 3 answers; got 2"));
  CHECK(judged(reply(), asking("A", {.min_answers = 3})) == error("no data"));
  CHECK(judged(reply(), asking("A", {.min_answers = 0})) == ok("no data"));
  CHECK(judged(reply(), asking("A", {.min_answers = 0, .any = {"192.0.2.1"}})) ==
        error("expected 192.0.2.1; got no data"));
}

TEST_CASE("the response code that is expected is ok by itself, any other an error") {
  const auto none = asking("A", {.rcode = core::Rcode::nxdomain});
  CHECK(judged(reply().rcode(3), none) == ok("NXDOMAIN"));
  CHECK(judged(reply().a("www.test.com"), none) == error("expected NXDOMAIN; got NOERROR"));
  const auto refused = asking("A", {.rcode = core::Rcode::refused});
  CHECK(judged(Reply(id).rcode(5), refused) == ok("REFUSED"));
  CHECK(judged(reply().rcode(3), refused) == error("expected REFUSED; got NXDOMAIN"));
}

TEST_CASE("flags that are expected must be set") {
  const auto answer = [](unsigned flags) {
    return reply().flags(static_cast<std::uint16_t>(0x8180 | flags)).a("www.test.com");
  };
  const auto aa = asking("A", {.authoritative = true});
  CHECK(judged(answer(0x0400), aa) == ok("192.0.2.1"));
  CHECK(judged(answer(0x0020), aa) == error("expected the AA flag; it is not set"));
  const auto ad = asking("A", {.authenticated = true});
  CHECK(judged(answer(0x0020), ad) == ok("192.0.2.1"));
  CHECK(judged(answer(0x0400), ad) == error("expected the AD flag; it is not set"));
}

TEST_CASE("a query that expects the AD flag sets it, and one with EDNS has an OPT record") {
  auto asked = asking("A", {.authenticated = true});
  CHECK(Question::from(asked)->query(1).value() ==
        Reply(1).flags(0x0120).question("www.test.com").bytes());
  asked.expect.authenticated = false;
  asked.edns = core::Edns{.size = 1400, .dnssec_ok = true, .nsid = true};
  auto expected = Reply(1).flags(0x0100).question("www.test.com");
  expected.count(10).add(std::string_view("\0", 1)).add(std::uint16_t{41}).add(std::uint16_t{1400});
  expected.add(std::uint16_t{0}).add(std::uint16_t{0x8000}).add(std::uint16_t{4});
  expected.add(std::uint16_t{3}).add(std::uint16_t{0});
  CHECK(Question::from(asked)->query(1).value() == expected.bytes());
}

namespace {

/// `message` with an OPT record that holds `options`; `rcode_high` are the upper bits of the code.
Reply with_edns(Reply message, std::string_view options, unsigned rcode_high = 0) {
  message.count(10).add(std::string_view("\0", 1)).add(std::uint16_t{41}).add(std::uint16_t{1232});
  message.add(static_cast<std::uint16_t>(rcode_high << 8)).add(std::uint16_t{0});
  return message.add(static_cast<std::uint16_t>(options.size())).add(options);
}

}  // namespace

TEST_CASE("the server's NSID is shown, as text where it is text") {
  const auto answer = reply().a("www.test.com");
  CHECK(judged(with_edns(answer, number16(3) + number16(4) + "fra1"), asking("A")) ==
        ok("192.0.2.1, NSID fra1"));
  CHECK(judged(with_edns(reply().rcode(2), number16(3) + number16(2) + "\x01z"), asking("A")) ==
        error("SERVFAIL, NSID 0x017a"));
  CHECK(judged(with_edns(answer, number16(10) + number16(1) + "x"), asking("A")) ==
        ok("192.0.2.1"));
  CHECK(judged(with_edns(answer, number16(3) + number16(5) + "fra1"), asking("A")) == malformed);
}

TEST_CASE("what the server says of its error is shown") {
  const auto ede = [](std::uint16_t code, const std::string& text) {
    return number16(15) + number16(static_cast<std::uint16_t>(2 + text.size())) + number16(code) +
           text;
  };
  CHECK(judged(with_edns(reply().rcode(2), ede(22, "all timed\nout")), asking("A")) ==
        error("SERVFAIL, EDE 22 (No Reachable Authority): all timed\\x0aout"));
  CHECK(judged(with_edns(reply().rcode(2), ede(6, "") + number16(3) + number16(4) + "fra1"),
               asking("A")) == error("SERVFAIL, EDE 6 (DNSSEC Bogus), NSID fra1"));
  CHECK(judged(with_edns(reply().a("www.test.com"), ede(4711, "")), asking("A")) ==
        ok("192.0.2.1, EDE 4711"));
  const auto cut = number16(15) + number16(1) + "x";
  CHECK(judged(with_edns(reply().rcode(2), cut), asking("A")) == error("SERVFAIL"));
}

TEST_CASE("EDNS extends the response code") {
  CHECK(judged(with_edns(reply(), "", 1), asking("A")) == error("BADVERS"));
}

TEST_CASE("serials are compared on their circle") {
  const core::SerialReference from{{core::Address::parse("192.0.2.53").value(), 53}, 0};
  const Verdict fine{OutcomeKind::ok, ""};
  CHECK(compare_serials(5, 5, from) == fine);
  CHECK(compare_serials(6, 5, from) == fine);
  CHECK(compare_serials(5, 8, from) ==
        Verdict{OutcomeKind::error, "serial 5 is 3 behind 8 of 192.0.2.53:53"});
  CHECK(compare_serials(5, 8, {from.server, 3}) == fine);
  CHECK(compare_serials(5, 9, {from.server, 3}) ==
        Verdict{OutcomeKind::error, "serial 5 is 4 behind 9 of 192.0.2.53:53 (at most 3)"});
  CHECK(compare_serials(4294967295, 1, from) ==
        Verdict{OutcomeKind::error, "serial 4294967295 is 2 behind 1 of 192.0.2.53:53"});
  CHECK(compare_serials(1, 4294967295, from) == fine);
}

TEST_CASE("whatever data a record of whatever type has, there is a judgement in printable ASCII") {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  for (unsigned number = 1; number <= 0xffff; ++number) {
    const auto type = core::RecordType::of(static_cast<std::uint16_t>(number));
    if (!type.known()) continue;
    const auto text = type.text();
    const auto asked = asking(text.c_str());
    for (int round = 0; round < 500; ++round) {
      std::string data(random() % 40, '\0');
      for (char& c : data) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 8);
      if (random() % 2 == 0) data += to_question;
      const auto judgement = judged(with(text.c_str(), data), asked);
      const auto* verdict = std::get_if<Verdict>(&judgement);
      if (verdict == nullptr || !std::ranges::all_of(verdict->detail, printable))
        FAIL_CHECK(text << " round " << round);
    }
  }
}

TEST_CASE("whatever bytes come, there is a judgement in printable ASCII") {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto whole = reply()
                         .cname("www.test.com", "a.example")
                         .cname("a.example", "b.example")
                         .record(to_question, type_cname, to_question)
                         .a("b.example")
                         .bytes();
  const auto asked = question();
  for (int round = 0; round < 50000; ++round) {
    auto message = whole;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      message[2 + random() % (message.size() - 2)] = static_cast<std::uint8_t>(random());
    message.resize(random() % 4 == 0 ? random() % message.size() : message.size());
    const auto judgement = judge(message, id, asked);
    const auto* verdict = std::get_if<Verdict>(&judgement);
    if (verdict == nullptr) continue;
    const bool printable =
        std::ranges::all_of(verdict->detail, [](char c) { return c >= ' ' && c <= '~'; });
    if (!printable || verdict->detail.empty()) FAIL_CHECK("round " << round);
  }
}
