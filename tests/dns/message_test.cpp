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
