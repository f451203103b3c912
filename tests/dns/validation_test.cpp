#include "dns/validation.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "dns/message.hpp"
#include "signed_zone.hpp"

using namespace withdrawd;
using namespace withdrawd::dns;
using namespace std::chrono_literals;

namespace {

using Records = std::vector<std::string>;

constexpr std::uint16_t a = 1;
constexpr unsigned nxdomain = 3;

const std::string www = "www.example. 300 IN A 192.0.2.1";

std::string wire(std::string_view name) {
  return wire_name(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
}

core::Dnssec anchored_at(const std::string& record, core::Duration margin = {}) {
  return {core::parse_trust_anchors(record).value(), margin};
}

/// A server: what it says of keys, by "NAME TYPE".
struct Server {
  std::map<std::string, Records> says;
  std::vector<std::string> asked;

  Server& keys(const SignedZone& zone) {
    says[zone.name() + " DNSKEY"] = zone.with_signature({zone.dnskey()});
    return *this;
  }
  Server& delegation(const SignedZone& parent, const SignedZone& child) {
    says[child.name() + " DS"] = parent.with_signature({child.ds()});
    return *this;
  }
};

/// What is wrong with the answer to an A question, as far as this server can tell; "" is nothing.
std::string judged(Validation& validation, Server& server, const Bytes& answer) {
  validation.judge(answer);
  while (const auto needed = validation.next()) {
    const auto key = name_text(needed->name) + " " + type_text(needed->type);
    server.asked.push_back(key);
    validation.take(
        *needed, signed_reply(1, name_text(needed->name), static_cast<std::uint16_t>(needed->type),
                              server.says[key])
                     .bytes());
  }
  return validation.wrong();
}

struct Asked {
  std::string name = "www.example";
  Records answer{};
  Records authority{};
  unsigned rcode = 0;
};

std::string judged(const core::Dnssec& settings, Server& server, const Asked& asked) {
  Validation validation(settings, wire(asked.name), a, test_time);
  return judged(validation, server,
                signed_reply(1, asked.name, a, asked.answer, asked.authority, asked.rcode).bytes());
}

std::string changed(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("an answer is good that is signed by a key of the zone, which the anchor vouches for") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  for (const auto& anchor : {zone.ds(), zone.dnskey()}) {
    CAPTURE(anchor);
    CHECK(judged(anchored_at(anchor), server, {.answer = zone.with_signature({www})}) == "");
  }
  CHECK(server.asked == Records{"example. DNSKEY", "example. DNSKEY"});
}

TEST_CASE("what is wrong with a signature is said in words") {
  SignedZone zone("example.");
  const SignedZone stranger("example.");
  const SignedZone other("other.");
  Server server;
  server.keys(zone);
  const auto anchor = anchored_at(zone.ds());
  const auto wrong = [&](Records answer) {
    return judged(anchor, server, {.answer = std::move(answer)});
  };
  CHECK(wrong({www}) == "no signature of www.example. A");
  CHECK(wrong(stranger.with_signature({www})) == "signature of www.example. A is by key " +
                                                     std::to_string(stranger.tag()) +
                                                     ", which example. does not have");
  CHECK(wrong({changed(www, "2.1", "2.2"), zone.signature({www})}) ==
        "signature of www.example. A is bogus: it does not match the data and key " +
            std::to_string(zone.tag()));
  CHECK(wrong({www, "www.example. 300 IN A 192.0.2.9", zone.signature({www})})
            .starts_with("signature of www.example. A is bogus"));
  zone.valid_until(test_time - 3600);
  CHECK(wrong(zone.with_signature({www})) ==
        "signature of www.example. A expired 2027-01-15 07:00 UTC");
  zone.valid_until(test_time + 86400).valid_from(test_time + 60);
  CHECK(wrong(zone.with_signature({www})) ==
        "signature of www.example. A is not valid before 2027-01-15 08:01 UTC");
  CHECK(wrong({www, changed(other.signature({changed(www, "example", "other")}), "www.other",
                            "www.example")}) ==
        "signature of www.example. A is by other., which it does not belong to");
}

TEST_CASE("one good signature is enough") {
  SignedZone zone("example.");
  Server server;
  server.keys(zone);
  auto answer = zone.with_signature({www});
  answer.push_back(zone.valid_until(test_time - 1).signature({www}));
  CHECK(judged(anchored_at(zone.ds()), server, {.answer = answer}) == "");
}

TEST_CASE("a signature that ends within the margin is no longer good") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto answer = zone.with_signature({www});
  CHECK(judged(anchored_at(zone.ds(), 24h), server, {.answer = answer}) == "");
  CHECK(judged(anchored_at(zone.ds(), 25h), server, {.answer = answer}) ==
        "signature of example. DNSKEY expires 2027-01-16 08:00 UTC, in less than 1 d 1 h");
}

TEST_CASE("keys that the anchor does not vouch for are not believed") {
  SignedZone zone("example.");
  const SignedZone stranger("example.");
  Server server;
  const auto answer = zone.with_signature({www});
  const auto anchor = anchored_at(zone.ds());
  CHECK(judged(anchor, server, {.answer = answer}) == "example. has no DNSKEY record");
  server.keys(stranger);
  CHECK(judged(anchor, server, {.answer = stranger.with_signature({www})}) ==
        "DNSKEY of example. does not match the trust anchor");
  server.says["example. DNSKEY"] = {zone.dnskey()};
  CHECK(judged(anchor, server, {.answer = answer}) == "no signature of example. DNSKEY");
  // A key slipped in beside the good one is not in what that one signed.
  server.says["example. DNSKEY"] = zone.with_signature({zone.dnskey()});
  server.says["example. DNSKEY"].push_back(stranger.dnskey());
  CHECK(judged(anchor, server, {.answer = stranger.with_signature({www})})
            .starts_with("signature of example. DNSKEY is bogus"));
  zone.valid_until(test_time - 60);
  server.keys(zone);
  CHECK(judged(anchor, server, {.answer = answer}) ==
        "signature of example. DNSKEY expired 2027-01-15 07:59 UTC");
}

TEST_CASE("the chain goes from the anchor of a zone above, by DS records") {
  const SignedZone root("."), example("example."), sub("sub.example.");
  Server server;
  server.keys(root).keys(example).keys(sub).delegation(root, example).delegation(example, sub);
  const Asked asked{.name = "www.sub.example",
                    .answer = sub.with_signature({"www.sub.example. 300 IN A 192.0.2.1"})};
  const auto anchor = anchored_at(root.ds());
  CHECK(judged(anchor, server, asked) == "");
  CHECK(server.asked == Records{"sub.example. DS", "example. DS", ". DNSKEY", "example. DNSKEY",
                                "sub.example. DNSKEY"});

  SUBCASE("an unsigned DS record breaks it") {
    server.says["example. DS"].pop_back();
    CHECK(judged(anchor, server, asked) == "no signature of example. DS");
  }
  SUBCASE("a missing one, too") {
    server.says["example. DS"].clear();
    CHECK(judged(anchor, server, asked).starts_with("no DS record of example. to be had here"));
  }
  SUBCASE("one that the zone has signed itself, too") {
    server.says["example. DS"] = example.with_signature({example.ds()});
    CHECK(judged(anchor, server, asked) ==
          "signature of example. DS is by example., which is not above it");
  }
  SUBCASE("one for another key, too") {
    const SignedZone fresh("sub.example.");
    server.keys(fresh);
    CHECK(judged(anchor, server, asked) ==
          "DNSKEY of sub.example. does not match its DS record in example.");
  }
  SUBCASE("an anchor closer by makes it shorter") {
    server.asked.clear();
    CHECK(judged(anchored_at(sub.dnskey()), server, asked) == "");
    CHECK(server.asked == Records{"sub.example. DNSKEY"});
  }
  SUBCASE("an anchor of another zone is none") {
    CHECK(judged(anchored_at(changed(root.ds(), ".", "net.")), server, asked)
              .starts_with("signed by sub.example., for which there is no trust anchor"));
  }
}

TEST_CASE("each alias on the way must be signed") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const std::string alias = "www.example. 300 IN CNAME web.example.";
  const std::string web = "web.example. 300 IN A 192.0.2.1";
  auto answer = zone.with_signature({alias});
  for (auto& record : zone.with_signature({web})) answer.push_back(record);
  const auto anchor = anchored_at(zone.ds());
  CHECK(judged(anchor, server, {.answer = answer}) == "");
  std::erase(answer, answer[1]);
  CHECK(judged(anchor, server, {.answer = answer}) == "no signature of www.example. CNAME");
}

TEST_CASE("a name that does not exist must be proven, and no wildcard in its place") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto anchor = anchored_at(zone.ds());
  const std::string around = "mail.example. 300 IN NSEC zebra.example. A RRSIG NSEC";
  const std::string first = "example. 300 IN NSEC mail.example. SOA NS RRSIG NSEC DNSKEY";
  auto authority = zone.with_signature({around});
  const auto wrong = [&](std::string name = "www.example") {
    return judged(anchor, server,
                  {.name = std::move(name), .authority = authority, .rcode = nxdomain});
  };
  CHECK(wrong() == "nothing proves that *.example. does not exist");
  for (auto& record : zone.with_signature({first})) authority.push_back(record);
  CHECK(wrong() == "");
  CHECK(wrong("a.b.c.www.example") == "");
  CHECK(wrong("mail.example") == "nothing proves that mail.example. does not exist");
  CHECK(judged(anchor, server, {.authority = authority}) ==
        "nothing proves that www.example. has no A record");
  authority.erase(authority.begin() + 1);
  CHECK(wrong() == "no signature of mail.example. NSEC");
  authority.clear();
  CHECK(wrong() == "no NSEC or NSEC3 record says anything of www.example.");
}

TEST_CASE("that a name has no such records must be proven") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto with = [&](const std::string& nsec) {
    return judged(anchored_at(zone.ds()), server, {.authority = zone.with_signature({nsec})});
  };
  const std::string refused = "nothing proves that www.example. has no A record";
  CHECK(with("www.example. 300 IN NSEC zebra.example. TXT RRSIG NSEC") == "");
  CHECK(with("www.example. 300 IN NSEC zebra.example. A TXT RRSIG NSEC") == refused);
  CHECK(with("www.example. 300 IN NSEC zebra.example. CNAME RRSIG NSEC") == refused);
  // The parent's side of a delegation knows nothing of the child's addresses.
  CHECK(with("www.example. 300 IN NSEC zebra.example. NS RRSIG NSEC") == refused);
  // A name that is only the end of a longer one.
  CHECK(with("mail.example. 300 IN NSEC a.www.example. A RRSIG NSEC") == "");
  CHECK(with("mail.example. 300 IN NSEC zebra.example. A RRSIG NSEC") == refused);
}

TEST_CASE("hashed names prove the same") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  // Of the names example. and mail.example., with the salt ab and one iteration more.
  const auto hashed = [](const std::string& name, unsigned iterations = 1) {
    const Rdf dname(ldns_dname_new_frm_str(name.c_str()));
    std::uint8_t salt[] = {0xab};
    const Rdf hash(
        ldns_nsec3_hash_name(dname.get(), 1, static_cast<std::uint16_t>(iterations), 1, salt));
    const Text text(ldns_rdf2str(hash.get()));
    return std::string(text.get()).substr(0, 32);
  };
  const auto nsec3 = [&](const std::string& from, const std::string& to, const std::string& types,
                         unsigned iterations = 1) {
    return from + ".example. 300 IN NSEC3 1 0 " + std::to_string(iterations) + " ab " + to + " " +
           types;
  };
  const auto judge_with = [&](const Records& nsecs, unsigned rcode) {
    Records authority;
    for (const auto& one : nsecs)
      for (auto& record : zone.with_signature({one})) authority.push_back(record);
    return judged(anchored_at(zone.ds()), server, {.authority = authority, .rcode = rcode});
  };
  // One name is all there is: the gap is the whole circle.
  const auto apex = hashed("example.");
  CHECK(judge_with({nsec3(apex, apex, "SOA NS DNSKEY RRSIG")}, nxdomain) == "");
  const auto own = hashed("www.example.");
  CHECK(judge_with({nsec3(own, apex, "TXT RRSIG")}, 0) == "");
  CHECK(judge_with({nsec3(own, apex, "A RRSIG")}, 0) ==
        "nothing proves that www.example. has no A record");
  CHECK(judge_with({nsec3(own, apex, "TXT RRSIG")}, nxdomain) ==
        "nothing proves that www.example. does not exist");
  CHECK(judge_with({nsec3(apex, apex, "SOA NS", 151)}, nxdomain)
            .starts_with("NSEC3 of example. has 151 iterations"));
}

TEST_CASE("an answer by a wildcard needs proof that nothing is closer") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const std::string wildcard = "*.example. 300 IN A 192.0.2.1";
  const Records answer{www, changed(zone.signature({wildcard}), "*.example", "www.example")};
  const auto anchor = anchored_at(zone.ds());
  CHECK(judged(anchor, server, {.answer = answer}) ==
        "no NSEC or NSEC3 record says anything of www.example.");
  const auto proof = zone.with_signature({"*.example. 300 IN NSEC zebra.example. A RRSIG NSEC"});
  CHECK(judged(anchor, server, {.answer = answer, .authority = proof}) == "");
  const auto not_it = zone.with_signature({"x.example. 300 IN NSEC zebra.example. A RRSIG NSEC"});
  CHECK(judged(anchor, server, {.answer = answer, .authority = not_it}) ==
        "nothing proves that www.example. is a wildcard's to answer");
}

TEST_CASE("each step of the chain is told, from the anchor down") {
  const SignedZone root("."), zone("example.");
  Server server;
  server.keys(root).keys(zone).delegation(root, zone);
  Validation validation(anchored_at(root.ds()), wire("www.example"), a, test_time);
  CHECK(judged(validation, server,
               signed_reply(1, "www.example", a, zone.with_signature({www})).bytes()) == "");
  Records told;
  for (const auto& step : validation.steps()) told.push_back(step.what + ": " + step.seen);
  const auto good = [](const SignedZone& by) {
    return ": good until 2027-01-16 08:00 UTC, by key " + std::to_string(by.tag());
  };
  CHECK(told == Records{". DNSKEY" + good(root), "example. DS" + good(root),
                        "example. DNSKEY" + good(zone), "www.example. A" + good(zone)});
}

TEST_CASE("an answer full of signatures costs a bounded number of checks") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  Records answer{www};
  for (int i = 0; i < 200; ++i) answer.push_back(zone.signature({changed(www, "2.1", "2.2")}));
  const auto before = std::chrono::steady_clock::now();
  CHECK(judged(anchored_at(zone.ds()), server, {.answer = answer})
            .starts_with("signature of www.example. A is bogus"));
  CHECK(std::chrono::steady_clock::now() - before < 500ms);
}

TEST_CASE("whatever bytes come, validation ends, with a printable word on it") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto anchor = anchored_at(zone.ds());
  auto authority = zone.with_signature({"mail.example. 300 IN NSEC zebra.example. A RRSIG NSEC"});
  const auto whole =
      signed_reply(1, "www.example", a, zone.with_signature({www}), authority).bytes();
  const auto keys = signed_reply(1, "example", 48, server.says["example. DNSKEY"]).bytes();
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  const auto damaged = [&](Bytes message) {
    for (auto changes = random() % 4; changes > 0; --changes)
      message[random() % message.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) message.resize(random() % message.size());
    return message;
  };
  for (int round = 0; round < 3000; ++round) {
    Validation validation(anchor, wire("www.example"), a, test_time);
    validation.judge(damaged(whole));
    std::size_t questions = 0;
    while (const auto needed = validation.next()) {
      REQUIRE(++questions <= Validation::most_questions);
      validation.take(*needed, damaged(keys));
    }
    for (const char c : validation.wrong())
      if (c < ' ' || c > '~') FAIL_CHECK("round " << round << ": " << validation.wrong());
  }
}
