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
  std::uint16_t type = a;
};

std::string judged(const core::Dnssec& settings, Server& server, const Asked& asked) {
  Validation validation(settings, wire(asked.name), asked.type, test_time);
  return judged(
      validation, server,
      signed_reply(1, asked.name, asked.type, asked.answer, asked.authority, asked.rcode).bytes());
}

std::string changed(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

/// The records of a wildcard and their signature, as they are served for another name.
Records expanded(const SignedZone& zone, const std::string& record, std::string_view to) {
  const auto wildcard = record.substr(0, record.find(' '));
  return {changed(record, wildcard, to), changed(zone.signature({record}), wildcard, to)};
}

Records together(std::initializer_list<Records> sets) {
  Records all;
  for (const auto& set : sets) all.insert(all.end(), set.begin(), set.end());
  return all;
}

/// A zone's NSEC3 chain, salted with ab.
struct Hashed {
  const SignedZone* zone;
  unsigned iterations = 1;
  unsigned flags = 0;

  std::string hash(const std::string& name) const {
    const Rdf dname(ldns_dname_new_frm_str(name.c_str()));
    std::uint8_t salt[] = {0xab};
    const Rdf hashed(
        ldns_nsec3_hash_name(dname.get(), 1, static_cast<std::uint16_t>(iterations), 1, salt));
    const Text text(ldns_rdf2str(hashed.get()));
    return std::string(text.get()).substr(0, 32);
  }
  /// Signed. The next one is as long as a hash.
  Records from_to(const std::string& from, const std::string& to, const std::string& types) const {
    return zone->with_signature({from + "." + zone->name() + " 300 IN NSEC3 1 " +
                                 std::to_string(flags) + " " + std::to_string(iterations) + " ab " +
                                 to + " " + types});
  }
  /// Of a name, with nothing behind it but what would be right there.
  Records of(const std::string& name, const std::string& types) const {
    return from_to(hash(name), beside(name, 1), types);
  }
  /// Of the gap that a name is in.
  Records around(const std::string& name) const {
    return from_to(beside(name, -1), beside(name, 1), "A RRSIG");
  }

 private:
  std::string beside(const std::string& name, int by) const {
    static constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
    auto text = hash(name);
    for (auto at = text.size(); at-- > 0;) {
      const auto digit = static_cast<int>(digits.find(text[at])) + by;
      text[at] = digits[static_cast<std::size_t>(digit + 32) % 32];
      if (digit >= 0 && digit < 32) break;
    }
    return text;
  }
};

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

TEST_CASE("a record that is there twice is there once") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  CHECK(judged(anchored_at(zone.ds()), server, {.answer = {www, www, zone.signature({www})}}) ==
        "");
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
  SUBCASE("one that is a wildcard's, too") {
    const auto wildcard = root.signature({changed(example.ds(), "example.", "*.")});
    server.says["example. DS"] = {example.ds(), changed(wildcard, "*.", "example.")};
    CHECK(judged(anchor, server, asked) == "example. DS is a wildcard's");
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

TEST_CASE("an alias may lead from a zone with NSEC into one with NSEC3") {
  const SignedZone root("."), zone("example."), other("other.");
  Server server;
  server.keys(root).keys(zone).keys(other).delegation(root, zone).delegation(root, other);
  // The alias is a wildcard's, so that the first zone has a record in the authority section, too.
  const auto alias = expanded(zone, "*.example. 300 IN CNAME www.other.", "www.example.");
  const auto first = zone.with_signature({"mail.example. 300 IN NSEC zebra.example. A RRSIG NSEC"});
  const Hashed chain{&other};
  const auto second = together({chain.of("other.", "SOA NS DNSKEY RRSIG"),
                                chain.around("www.other."), chain.around("*.other.")});
  const auto wrong = [&](const Records& of_other) {
    return judged(anchored_at(root.ds()), server,
                  {.answer = alias, .authority = together({first, of_other}), .rcode = nxdomain});
  };
  CHECK(wrong(second) == "");
  CHECK(wrong({}) == "no NSEC or NSEC3 record says anything of www.other.");
}

TEST_CASE("hashed names prove the same") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto judge_with = [&](const Records& authority, unsigned rcode) {
    return judged(anchored_at(zone.ds()), server, {.authority = authority, .rcode = rcode});
  };
  const Hashed chain{&zone};
  // One name is all there is: the gap is the whole circle.
  const auto apex = chain.hash("example.");
  CHECK(judge_with(chain.from_to(apex, apex, "SOA NS DNSKEY RRSIG"), nxdomain) == "");
  const auto own = chain.hash("www.example.");
  CHECK(judge_with(chain.from_to(own, apex, "TXT RRSIG"), 0) == "");
  CHECK(judge_with(chain.from_to(own, apex, "A RRSIG"), 0) ==
        "nothing proves that www.example. has no A record");
  CHECK(judge_with(chain.from_to(own, apex, "TXT RRSIG"), nxdomain) ==
        "nothing proves that www.example. does not exist");
  // An unknown flag: what it means is not known either (RFC 5155, 8.2).
  const Hashed strange{.zone = &zone, .flags = 2};
  CHECK(judge_with(strange.from_to(own, apex, "TXT RRSIG"), 0) ==
        "nothing proves that www.example. has no A record");
}

TEST_CASE("a zone that hashes too often counts as not signed, which is said") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto with = [&](unsigned iterations) {
    const Hashed chain{&zone, iterations};
    const auto apex = chain.hash("example.");
    return judged(anchored_at(zone.ds()), server,
                  {.authority = chain.from_to(apex, apex, "SOA NS"), .rcode = nxdomain});
  };
  CHECK(with(150) == "");
  CHECK(with(151) ==
        "NSEC3 of example. has 151 iterations; with more than 150 it counts as not signed (RFC "
        "9276)");
}

TEST_CASE("hashed names prove an absence by three records, none of which can be missing") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const Hashed chain{&zone};
  const auto closest = chain.of("example.", "SOA NS DNSKEY RRSIG");
  const auto next = chain.around("b.example.");
  const auto wildcard = chain.around("*.example.");
  const auto wrong = [&](std::initializer_list<Records> sets, unsigned rcode = nxdomain) {
    return judged(anchored_at(zone.ds()), server,
                  {.name = "a.b.example", .authority = together(sets), .rcode = rcode});
  };
  CHECK(wrong({closest, next, wildcard}) == "");
  CHECK(wrong({next, wildcard}) == "nothing proves that a.b.example. does not exist");
  CHECK(wrong({closest, wildcard}) == "nothing proves that a.b.example. does not exist");
  CHECK(wrong({closest, next}) == "nothing proves that *.example. does not exist");
  // What is below a delegation is not the parent's to deny, nor what a DNAME record hides.
  for (const auto* types : {"NS", "NS DS RRSIG", "DNAME RRSIG"}) {
    CAPTURE(types);
    CHECK(wrong({chain.of("example.", types), next, wildcard}) ==
          "nothing proves that a.b.example. does not exist");
  }
  // The wildcard is there, but has no address.
  CHECK(wrong({closest, next, chain.of("*.example.", "TXT RRSIG")}, 0) == "");
  CHECK(wrong({closest, next, chain.of("*.example.", "A RRSIG")}, 0) ==
        "nothing proves that a.b.example. has no A record");
}

TEST_CASE("what a zone with opt-out denies is proven but for unsigned delegations") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto opted_out = [&](unsigned flags, std::uint16_t type, unsigned rcode) {
    const Hashed chain{.zone = &zone, .flags = flags};
    auto authority =
        together({chain.of("example.", "SOA NS DNSKEY RRSIG"), chain.around("www.example.")});
    if (rcode == nxdomain) authority = together({authority, chain.around("*.example.")});
    Validation validation(anchored_at(zone.ds()), wire("www.example"), type, test_time);
    const auto wrong = judged(validation, server,
                              signed_reply(1, "www.example", type, {}, authority, rcode).bytes());
    return wrong + (validation.opted_out() ? "opted out: " + validation.steps().back().seen : "");
  };
  CHECK(opted_out(0, a, nxdomain) == "");
  CHECK(opted_out(1, a, nxdomain) ==
        "opted out: proven by NSEC3 of example., but for unsigned delegations");
  constexpr std::uint16_t ds = 43;
  CHECK(opted_out(1, ds, 0) ==
        "opted out: proven by NSEC3 of example., but for unsigned delegations");
  CHECK(opted_out(0, ds, 0) == "nothing proves that www.example. has no DS record");
  CHECK(opted_out(1, a, 0) == "nothing proves that www.example. has no A record");
}

// CVE-2017-15105: the labels that the signature is over say that the record is the wildcard's.
TEST_CASE("a wildcard's NSEC record, expanded to another name, proves nothing") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto anchor = anchored_at(zone.ds());
  const std::string wildcard = "*.example. 300 IN NSEC zebra.example. TXT RRSIG NSEC";
  const auto first =
      zone.with_signature({"example. 300 IN NSEC *.example. SOA NS RRSIG NSEC DNSKEY"});
  const auto refused = [](const std::string& name) {
    return name + " NSEC is a wildcard's, expanded: it proves nothing of " + name;
  };
  SUBCASE("not that the name has no data") {
    CHECK(judged(anchor, server, {.authority = expanded(zone, wildcard, "www.example.")}) ==
          refused("www.example."));
  }
  SUBCASE("not that a name behind it does not exist") {
    CHECK(judged(anchor, server,
                 {.authority = together({expanded(zone, wildcard, "wa.example."), first}),
                  .rcode = nxdomain}) == refused("wa.example."));
  }
  SUBCASE("not that nothing is closer than the wildcard") {
    const auto answer = expanded(zone, "*.example. 300 IN A 192.0.2.1", "www.example.");
    CHECK(judged(anchor, server,
                 {.answer = answer, .authority = expanded(zone, wildcard, "wa.example.")}) ==
          refused("wa.example."));
  }
  SUBCASE("nor where it has been asked for, and is good in the answer") {
    constexpr std::uint16_t nsec = 47;
    const auto answer = expanded(zone, wildcard, "www.example.");
    CHECK(judged(anchor, server, {.answer = answer, .authority = answer, .type = nsec}) ==
          refused("www.example."));
  }
  SUBCASE("as itself it does, whatever is beside it") {
    const auto own = zone.with_signature({wildcard});
    CHECK(judged(anchor, server, {.authority = own}) == "");
    const auto more = expanded(zone, wildcard, "wa.example.");
    CHECK(judged(anchor, server, {.authority = together({own, more})}) == "");
  }
}

TEST_CASE("an NSEC record of the parent's side of a delegation says nothing of the child") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto first =
      zone.with_signature({"example. 300 IN NSEC sub.example. SOA NS RRSIG NSEC DNSKEY"});
  const auto judge_with = [&](const std::string& types, const std::string& name, unsigned rcode,
                              std::uint16_t type = a) {
    const auto cut = zone.with_signature({"sub.example. 300 IN NSEC zebra.example. " + types});
    return judged(
        anchored_at(zone.ds()), server,
        {.name = name, .authority = together({cut, first}), .rcode = rcode, .type = type});
  };
  CHECK(judge_with("NS DS RRSIG NSEC", "www.sub.example", nxdomain) ==
        "nothing proves that www.sub.example. does not exist");
  CHECK(judge_with("DNAME RRSIG NSEC", "www.sub.example", nxdomain) ==
        "nothing proves that www.sub.example. does not exist");
  CHECK(judge_with("A RRSIG NSEC", "www.sub.example", nxdomain) == "");
  CHECK(judge_with("NS RRSIG NSEC", "sub.example", 0) ==
        "nothing proves that sub.example. has no A record");
  constexpr std::uint16_t ds = 43;
  CHECK(judge_with("NS RRSIG NSEC", "sub.example", 0, ds) == "");
  // The child's own: whether there is a DS record is not its to say.
  CHECK(judge_with("NS SOA RRSIG NSEC", "sub.example", 0, ds) ==
        "nothing proves that sub.example. has no DS record");
}

TEST_CASE("an NSEC record that leads out of its zone, or back, proves nothing") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto first =
      zone.with_signature({"example. 300 IN NSEC b.example. SOA NS RRSIG NSEC DNSKEY"});
  for (const auto* next : {"other.", "a.example."}) {
    CAPTURE(next);
    const auto around =
        zone.with_signature({std::string("mail.example. 300 IN NSEC ") + next + " A RRSIG NSEC"});
    CHECK(judged(anchored_at(zone.ds()), server,
                 {.authority = together({around, first}), .rcode = nxdomain}) ==
          "nothing proves that www.example. does not exist");
  }
}

TEST_CASE("what a DNAME record makes of a name needs no signature of its own") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const auto anchor = anchored_at(zone.ds());
  const std::string dname = "old.example. 300 IN DNAME new.example.";
  const std::string alias = "www.old.example. 0 IN CNAME www.new.example.";
  const auto web = zone.with_signature({"www.new.example. 300 IN A 192.0.2.1"});
  const auto wrong = [&](std::initializer_list<Records> sets, std::uint16_t type = a) {
    return judged(anchor, server,
                  {.name = "www.old.example", .answer = together(sets), .type = type});
  };
  CHECK(wrong({zone.with_signature({dname}), {alias}, web}) == "");
  CHECK(wrong({zone.with_signature({dname}), web}) == "");
  CHECK(wrong({zone.with_signature({dname}), {alias}}, type_cname) == "");
  CHECK(wrong({zone.with_signature({dname}), {changed(alias, "new", "odd")}, web}) ==
        "www.old.example. CNAME is not what its DNAME record makes of it");
  CHECK(wrong({zone.with_signature({dname}), {changed(alias, "new", "odd")}}, type_cname) ==
        "www.old.example. CNAME is not what its DNAME record makes of it");
  CHECK(wrong({{dname}, {alias}, web}) == "no signature of old.example. DNAME");
  CHECK(wrong({{changed(dname, "new", "odd"), zone.signature({dname})}, {alias}, web})
            .starts_with("signature of old.example. DNAME is bogus"));
  CHECK(wrong({zone.with_signature({dname}), {alias}, {web.front()}}) ==
        "no signature of www.new.example. A");
  CHECK(wrong({expanded(zone, "*.example. 300 IN DNAME new.example.", "old.example."),
               {alias},
               web}) == "no NSEC or NSEC3 record says anything of old.example.");
  CHECK(wrong({zone.with_signature({"example. 300 IN DNAME " + std::string(62, 'x') + "." +
                                    std::string(62, 'x') + "." + std::string(62, 'x') + "." +
                                    std::string(62, 'x') + "."})}) ==
        "example. DNAME makes too long a name");
  // Two that lead to each other.
  CHECK(wrong({zone.with_signature({dname}),
               zone.with_signature({"new.example. 300 IN DNAME old.example."})}) ==
        "too many CNAME records in a row");
}

TEST_CASE("of DS records, those count whose algorithm and digest are known, and SHA-1 the least") {
  const SignedZone root("."), zone("example.");
  const auto digest_of = [](const SignedZone& of, ldns_hash hash) {
    const auto key = SignedZone::parsed(of.dnskey());
    const Record made(ldns_key_rr2ds(key.get(), hash));
    const Text text(ldns_rr2str(made.get()));
    return std::string(text.get());
  };
  const auto sha1 = digest_of(zone, LDNS_SHA1);
  const auto with = [&](const Records& delegation) {
    Server server;
    server.keys(root).keys(zone);
    server.says["example. DS"] = root.with_signature(delegation);
    return judged(anchored_at(root.ds()), server, {.answer = zone.with_signature({www})});
  };
  const std::string unsupported =
      "example. DS has no algorithm and digest that are supported here: it counts as not signed";
  CHECK(with({zone.ds()}) == "");
  CHECK(with({sha1}) == "");
  CHECK(with({digest_of(zone, LDNS_SHA384)}) == "");
  CHECK(with({changed(zone.ds(), " 13 ", " 99 ")}) == unsupported);
  CHECK(with({changed(sha1, " 13 1 ", " 13 99 ")}) == unsupported);
  CHECK(with({changed(zone.ds(), " 13 ", " 99 "), zone.ds()}) == "");
  // RFC 4509, 3: a better digest that does not match is not made up for by SHA-1.
  CHECK(with({sha1, digest_of(SignedZone("example."), LDNS_SHA256)}) ==
        "DNSKEY of example. does not match its DS record in .");
}

TEST_CASE("a signature of an algorithm that is not known is not believed") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  CHECK(judged(anchored_at(zone.ds()), server,
               {.answer = {www, changed(zone.signature({www}), " 13 ", " 99 ")}}) ==
        "signature of www.example. A has algorithm 99, which is not supported here");
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
  const auto behind = [&](int bad) {
    Records answer{www};
    for (; bad > 0; --bad) answer.push_back(zone.signature({changed(www, "2.1", "2.2")}));
    answer.push_back(zone.signature({www}));
    return judged(anchored_at(zone.ds()), server, {.answer = answer});
  };
  CHECK(behind(15) == "");
  CHECK(behind(16).starts_with("signature of www.example. A is bogus"));
}

// CVE-2023-50387: keys of one tag, each of which each signature may have been made with.
TEST_CASE("keys that share a tag cost a bounded number of checks") {
  const SignedZone zone("example.");
  Server server;
  Records keys{zone.dnskey()};
  const auto last = zone.dnskey().rfind(' ', zone.dnskey().size() - 40) + 1;
  for (std::size_t i = 0; i < 40; ++i) {
    // Eight digits are three words of the sum that a tag is: moved, they make another key of it.
    auto key = zone.dnskey();
    std::rotate(key.begin() + static_cast<std::ptrdiff_t>(last),
                key.begin() + static_cast<std::ptrdiff_t>(last + 8 * (1 + i % 9)),
                key.begin() + static_cast<std::ptrdiff_t>(last + 80));
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  REQUIRE(keys.size() >= 9);
  server.says["example. DNSKEY"] = zone.with_signature(keys);
  Records answer;
  for (int set = 0; set < 20; ++set) {
    const auto name = "n" + std::to_string(set) + ".example. 300 IN ";
    answer.push_back(name + "CNAME n" + std::to_string(set + 1) + ".example.");
    for (int i = 0; i < 16; ++i)
      answer.push_back(changed(zone.signature({www}), "www", name.substr(0, name.find('.'))));
  }
  const auto before = std::chrono::steady_clock::now();
  CHECK(judged(anchored_at(zone.ds()), server, {.name = "n0.example", .answer = answer}) != "");
  CHECK(std::chrono::steady_clock::now() - before < 500ms);
}

// CVE-2023-50868: each label of a long name is hashed, as often as the zone says.
TEST_CASE("an answer full of hashed names costs a bounded number of hashes") {
  const SignedZone zone("example.");
  Server server;
  server.keys(zone);
  const Hashed chain{&zone, most_iterations};
  std::string labels;
  for (int label = 0; label < 115; ++label) labels += "x.";
  const auto name = labels + "example.";
  const auto apex = chain.hash("example.");
  const auto nothing_else = chain.from_to(apex, apex, "SOA NS DNSKEY RRSIG");
  // Aliases, each a wildcard's, and thus to be proven.
  Records answer;
  std::string owner = "www.example.";
  for (char alias = 'a'; alias < 'a' + 15; ++alias) {
    const auto target = labels + alias + ".example.";
    const auto made = expanded(zone, "*.example. 300 IN CNAME " + target, owner);
    answer.insert(answer.end(), made.begin(), made.end());
    owner = target;
  }
  CHECK(judged(anchored_at(zone.ds()), server, {.answer = answer, .authority = nothing_else}) ==
        "NSEC3 of example. takes too many hashes to check");
  // The longest name that there is can still be denied, and no more than that is spent on it.
  CHECK(judged(anchored_at(zone.ds()), server,
               {.name = name, .authority = nothing_else, .rcode = nxdomain}) == "");
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
