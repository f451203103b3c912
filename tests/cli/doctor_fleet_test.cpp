#include "cli/doctor_fleet.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace withdrawd;
using cli::Finding;
using Verdict = Finding::Verdict;

namespace {

constexpr std::int64_t day = 86400;

/// A site in a fleet of four in which nothing is wrong; each test breaks something.
struct Host {
  config::Config config;
  cli::FleetFacts facts;

  explicit Host(const std::string& more = "keep_announcing = 2\n") {
    auto parsed = config::parse(
        "[fleet]\nendpoints = [\"https://192.0.2.11:2379\"]\nsite = \"fra1\"\ngroup = \"edge\"\n"
        "cert = \"/etc/c.pem\"\nkey = \"/etc/k.pem\"\n" +
            more +
            "[check.dns]\nserver = \"127.0.0.1\"\nname = \"www.test.com\"\n[rule.anycast]\n"
            "prefixes = [\"192.0.2.0/24\"]\nchecks = [\"dns\"]\n",
        "test.toml");
    REQUIRE(parsed);
    config = parsed->config;
    facts.now = 1'764'000'000;
    facts.certificate = fleet::Validity{facts.now - day, facts.now + 100 * day};
    facts.endpoints.push_back({"https://192.0.2.11:2379", {}, {}, facts.certificate});
    facts.running = true;
    facts.groups = {"edge"};
    facts.view.emplace();
    for (const char* site : {"fra1", "lhr1", "ams1", "waw1"}) {
      facts.view->members.emplace_back(site);
      facts.view->entries.push_back(
          {"192.0.2.0/24", site, {.state = core::PlaceState::up, .announced = true}});
    }
  }
  void lose(const std::string& site) {
    std::erase_if(facts.view->entries, [&](const auto& entry) { return entry.site == site; });
  }
  std::vector<Finding> of(Verdict verdict) const {
    auto all = cli::judge_fleet(config, facts, true);
    std::erase_if(all, [&](const Finding& one) { return one.verdict != verdict; });
    return all;
  }
  Finding only(Verdict verdict) const {
    const auto found = of(verdict);
    REQUIRE(found.size() == 1);
    CHECK(found.front().item == "fleet");
    return found.front();
  }
};

bool says(const Finding& finding, std::string_view text) {
  return finding.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("nothing is wrong with a site whose fleet is right") {
  Host host;
  CHECK(host.of(Verdict::wrong).empty());
  CHECK(host.of(Verdict::note).empty());
  CHECK(host.of(Verdict::ok).size() == 4);  // certificate, endpoint, record, floor
  CHECK(says(host.of(Verdict::ok).back(),
             "3 other sites of it are live, and keep_announcing = 2 wants 2; 3 healthy"));
}

TEST_CASE("fewer live sites than the floor and one more never get leave") {
  Host host;
  host.lose("lhr1");
  CHECK(host.of(Verdict::wrong).empty());
  host.lose("ams1");
  const auto finding = host.only(Verdict::wrong);
  CHECK(finding.subject == "192.0.2.0/24");
  CHECK(says(finding,
             "1 other site of it is live, and keep_announcing = 2 wants 2: no automatic "
             "withdrawal of it will ever be given leave"));
  CHECK(says(host.only(Verdict::note), "2 sites of it are silent: ams1, lhr1"));
}

TEST_CASE("a share of the live sites can be had, and a rule that is not guarded needs nobody") {
  Host share("keep_announcing = \"100%\"\n");
  CHECK(says(share.only(Verdict::wrong),
             "3 other sites of it are live, and keep_announcing = 100% "
             "wants 4"));
  Host half("keep_announcing = \"50%\"\n");
  CHECK(half.of(Verdict::wrong).empty());
  Host none("keep_announcing = 0\n");
  for (const char* site : {"lhr1", "ams1", "waw1"}) none.lose(site);
  CHECK(none.of(Verdict::wrong).empty());
}

TEST_CASE("that enough others live but are sick is worth knowing") {
  Host host;
  for (auto& entry : host.facts.view->entries) {
    if (entry.site != "lhr1") entry.said.state = core::PlaceState::sick;
  }
  CHECK(says(host.only(Verdict::note), "only 1 healthy: it would stay announced now"));
}

TEST_CASE("a certificate that has expired is wrong, and one that is about to is mentioned") {
  Host host;
  host.facts.certificate->until = host.facts.now - 1;
  auto finding = host.only(Verdict::wrong);
  CHECK(finding.subject == "/etc/c.pem");
  CHECK(says(finding, "has expired on 2025-11-24 15:59:59 UTC: etcd refuses it"));
  host.facts.certificate->until = host.facts.now + 3 * day;
  CHECK(host.of(Verdict::wrong).empty());
  CHECK(says(host.only(Verdict::note), "ends soon, on 2025-11-27 16:00:00 UTC: in 3 d"));
  host.facts.certificate->until = host.facts.now + 100 * day;
  host.facts.endpoints[0].certificate->until = host.facts.now + day / 2;
  finding = host.only(Verdict::note);
  CHECK(finding.subject == "https://192.0.2.11:2379");
  CHECK(says(finding, "its certificate ends soon"));
}

TEST_CASE("each endpoint is told by itself") {
  Host host;
  host.facts.endpoints.push_back(
      {"https://192.0.2.12:2379",
       core::Error{"connect to https://192.0.2.12:2379", "Connection refused", ""},
       {},
       {}});
  const auto finding = host.only(Verdict::wrong);
  CHECK(finding.subject == "https://192.0.2.12:2379");
  CHECK(says(finding, "Connection refused"));
  host.facts.endpoints[1].problem =
      core::Error{"log in to etcd as withdrawd", "no", "correct user"};
  CHECK(host.only(Verdict::wrong).cure == "correct user");
  host.facts.endpoints[1].problem =
      core::Error{"ask etcd", "it may not", "", core::Error::Code::not_permitted};
  CHECK(host.only(Verdict::wrong).cure.find("/withdrawd/1/edge/") != std::string::npos);
}

TEST_CASE("a password file that this user may not read is unseen, and wrong for withdrawd's own") {
  Host host;
  host.facts.view.reset();
  host.facts.proof = core::Error{"read the password file /x", "Permission denied", "chmod",
                                 core::Error::Code::private_file};
  CHECK(host.only(Verdict::wrong).cure == "chmod");
  const auto as_anybody = cli::judge_fleet(host.config, host.facts, false);
  CHECK(as_anybody.front().verdict == Verdict::unseen);
}

TEST_CASE("a site that runs and is not in the store is wrong, and one that does not run is told") {
  Host host;
  host.lose("fra1");
  CHECK(
      says(host.only(Verdict::wrong), "the others do not know where it stands with 192.0.2.0/24"));
  host.facts.running = false;
  CHECK(host.of(Verdict::wrong).empty());
  CHECK(says(host.only(Verdict::note), "it does not count"));
}

TEST_CASE("another host with the same name is wrong") {
  Host host;
  host.facts.contested_by = "ns2/1";
  const auto finding = host.only(Verdict::wrong);
  CHECK(finding.subject == "site fra1");
  CHECK(says(finding, "another host (ns2/1) uses the same name"));
}

TEST_CASE("a group that nobody else is in, where the store has others, may be a mistake") {
  Host host("keep_announcing = 0\n");
  for (const char* site : {"lhr1", "ams1", "waw1"}) host.lose(site);
  host.facts.view->members = {"fra1"};
  CHECK(host.of(Verdict::note).empty());
  host.facts.groups = {"edge", "edges"};
  CHECK(says(host.only(Verdict::note), "the store has others: edges"));
}
