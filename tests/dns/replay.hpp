#pragma once

#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dns/wire.hpp"
#include "signed_zone.hpp"

// Scenarios of a validating resolver's test bench (unbound's testbound): what servers answer, what
// the resolver is asked, and what it must answer. Here the servers of all zones are one, which
// answers as a resolver that does not validate would.

namespace withdrawd::dns {

inline std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

inline std::string wire_of(std::string_view name) {
  return folded(wire_name(name.ends_with('.') ? name.substr(0, name.size() - 1) : name));
}

/// What is between ENTRY_BEGIN and ENTRY_END.
struct ReplayEntry {
  long from = 0;  ///< the steps that it is for
  long to = 0;
  std::string match;
  std::string reply;  ///< flags and rcode
  std::string name;   ///< in wire format, folded
  unsigned type = 0;
  std::map<std::string, std::vector<std::string>> sections{};  ///< records as text

  const std::vector<std::string>& section(const std::string& which) const {
    static const std::vector<std::string> none;
    const auto found = sections.find(which);
    return found == sections.end() ? none : found->second;
  }
  bool says(std::string_view word) const {
    std::istringstream words(reply);
    for (std::string each; words >> each;)
      if (each == word) return true;
    return false;
  }
};

struct ReplayStep {
  long number = 0;
  std::string what;  ///< QUERY, CHECK_ANSWER, ...
  ReplayEntry entry;
};

struct Replay {
  std::string anchors;  ///< as in a file
  std::time_t now = 0;  ///< where the scenario does not look at the time, one when all are good
  std::vector<ReplayEntry> entries;
  std::vector<ReplayStep> steps;
};

class ReplayReader {
 public:
  explicit ReplayReader(const std::string& path) : file_(path) {}

  Replay read() {
    while (next()) {
      const auto word = words_.empty() ? std::string() : words_.front();
      if (word == "trust-anchor:") {
        replay_.anchors +=
            line_.substr(line_.find('"') + 1, line_.rfind('"') - line_.find('"') - 1);
        replay_.anchors += '\n';
      } else if (word == "val-override-date:") {
        read_date(words_.at(1));
      } else if (word == "RANGE_BEGIN") {
        from_ = std::stol(words_.at(1));
        to_ = std::stol(words_.at(2));
      } else if (word == "STEP") {
        replay_.steps.push_back({std::stol(words_.at(1)), words_.at(2), {}});
      } else if (word == "RANGE_END") {
        from_ = 0;
      } else if (word == "ENTRY_BEGIN") {
        auto entry = read_entry();
        if (!replay_.steps.empty())
          replay_.steps.back().entry = std::move(entry);
        else
          replay_.entries.push_back(std::move(entry));
      }
    }
    if (replay_.now == 0) replay_.now = latest_inception();
    return std::move(replay_);
  }

 private:
  bool next() {
    if (!std::getline(file_, line_)) return false;
    line_.erase(std::min(line_.find(';'), line_.size()));
    for (std::string more; std::ranges::count(line_, '(') > std::ranges::count(line_, ')') &&
                           std::getline(file_, more);) {
      more.erase(std::min(more.find(';'), more.size()));
      line_ += ' ' + more;
    }
    words_.clear();
    std::istringstream words(line_);
    for (std::string word; words >> word;) words_.push_back(word);
    return true;
  }

  void read_date(std::string text) {
    std::erase(text, '"');
    std::tm parts{};
    if (::strptime(text.c_str(), "%Y%m%d%H%M%S", &parts) != nullptr) replay_.now = ::timegm(&parts);
  }

  std::time_t latest_inception() const {
    std::time_t latest = 0;
    for (const auto& entry : replay_.entries) {
      for (const auto& [section, texts] : entry.sections) {
        for (const auto& text : texts) {
          const auto record = SignedZone::parsed(text);
          if (!record || ldns_rr_get_type(record.get()) != LDNS_RR_TYPE_RRSIG) continue;
          latest = std::max<std::time_t>(
              latest, ldns_rdf2native_int32(ldns_rr_rrsig_inception(record.get())));
        }
      }
    }
    return latest;
  }

  ReplayEntry read_entry() {
    ReplayEntry entry{from_, to_, {}, {}, {}};
    std::string section;
    while (next() && (words_.empty() || words_.front() != "ENTRY_END")) {
      if (words_.empty()) continue;
      const auto rest = line_.substr(line_.find(words_.front()) + words_.front().size()) + ' ';
      if (words_.front() == "MATCH") {
        entry.match = rest;
      } else if (words_.front() == "REPLY") {
        entry.reply = rest;
      } else if (words_.front() == "SECTION") {
        section = words_.at(1);
      } else if (section == "QUESTION") {
        entry.name = wire_of(words_.front());
        entry.type = ldns_get_rr_type_by_name(words_.back().c_str());
      } else if (!section.empty()) {
        entry.sections[section].push_back(line_);
      }
    }
    return entry;
  }

  std::ifstream file_;
  std::string line_;
  std::vector<std::string> words_;
  long from_ = 0;
  long to_ = 0;
  Replay replay_;
};

/// A record with what it is asked by.
struct ReplayRecord {
  std::string text;
  std::string owner;
  unsigned type = 0;
  unsigned covered = 0;  ///< of a signature
  std::string target{};  ///< of an alias
};

/// The files have DSA signatures as OpenSSL writes them: a DER sequence of two numbers. RFC 2536, 3
/// wants a byte and the two of 20 bytes each.
inline std::string with_plain_dsa(const std::string& text) {
  const auto record = SignedZone::parsed(text);
  if (!record || ldns_rr_get_type(record.get()) != LDNS_RR_TYPE_RRSIG) return text;
  auto* rdf = ldns_rr_rrsig_sig(record.get());
  const auto* data = ldns_rdf_data(rdf);
  const std::string der(data, data + ldns_rdf_size(rdf));
  if (*ldns_rdf_data(ldns_rr_rrsig_algorithm(record.get())) != LDNS_DSA || der.size() < 8 ||
      der[0] != 0x30)
    return text;
  std::string plain(1, '\0');
  for (std::size_t at = 2, number = 0; number < 2; ++number) {
    const auto length = static_cast<unsigned char>(der.at(at + 1));
    auto digits = std::string(20, '\0') + der.substr(at + 2, length);
    plain += digits.substr(digits.size() - 20);
    at += 2U + length;
  }
  ldns_rdf_deep_free(ldns_rr_set_rdf(
      record.get(), ldns_rdf_new_frm_data(LDNS_RDF_TYPE_B64, plain.size(), plain.data()), 8));
  const Text made(ldns_rr2str(record.get()));
  return made.get();
}

inline ReplayRecord replay_record(const std::string& text) {
  const auto record = SignedZone::parsed(text);
  if (!record) return {text, {}, 0, 0, {}};
  const auto bytes = [](const ldns_rdf* rdf) {
    const auto* data = ldns_rdf_data(rdf);
    return folded(std::string(data, data + ldns_rdf_size(rdf)));
  };
  ReplayRecord read{
      text, bytes(ldns_rr_owner(record.get())), ldns_rr_get_type(record.get()), 0, {}};
  if (read.type == LDNS_RR_TYPE_RRSIG)
    read.covered = ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(record.get()));
  if (read.type == LDNS_RR_TYPE_CNAME || read.type == LDNS_RR_TYPE_DNAME)
    read.target = bytes(ldns_rr_rdf(record.get(), 0));
  return read;
}

struct ReplayAnswer {
  unsigned rcode = LDNS_RCODE_NOERROR;
  std::vector<ReplayRecord> answer{};
  std::vector<ReplayRecord> authority{};

  Bytes message(const std::string& name, unsigned type) const {
    Reply reply(1);
    reply.rcode(rcode).add(name).add(static_cast<std::uint16_t>(type)).add(class_in).count(4);
    for (const auto& record : answer) reply.add(wire_record(record.text)).count(6);
    for (const auto& record : authority) reply.add(wire_record(record.text)).count(8);
    return reply.bytes();
  }
};

/// All servers of a scenario as one resolver, at one step.
class ReplayServer {
 public:
  ReplayServer(const Replay& replay, long step) : replay_(&replay), step_(step) {}

  /// Nothing: there is no answer, or a failure.
  std::optional<ReplayAnswer> answer(const std::string& name, unsigned type) const {
    auto whole = one_answer(name, type);
    auto owner = name;
    for (int aliases = 0; whole && aliases < 20; ++aliases) {
      const auto target = target_of(*whole, owner, type);
      if (!target) break;
      owner = *target;
      // As a resolver does: it asks for each alias's target, too.
      if (auto more = one_answer(owner, type)) {
        std::erase_if(whole->answer, [&](const auto& record) { return record.owner == owner; });
        append(whole->answer, more->answer);
        append(whole->authority, more->authority);
        whole->rcode = more->rcode;
      }
    }
    return whole;
  }

 private:
  static void append(std::vector<ReplayRecord>& to, const std::vector<ReplayRecord>& more) {
    for (const auto& record : more)
      if (std::ranges::find(to, record.text, &ReplayRecord::text) == to.end()) to.push_back(record);
  }

  static std::vector<ReplayRecord> records(const std::vector<std::string>& texts) {
    std::vector<ReplayRecord> read;
    for (const auto& text : texts)
      if (auto record = replay_record(with_plain_dsa(text)); record.type != 0)
        read.push_back(std::move(record));
    return read;
  }

  /// Where the name leads; adds the CNAME record that a DNAME record stands for.
  static std::optional<std::string> target_of(ReplayAnswer& whole, const std::string& owner,
                                              unsigned type) {
    if (type == LDNS_RR_TYPE_CNAME) return {};
    std::optional<std::string> target;
    for (const auto& record : whole.answer) {
      if (record.owner == owner && record.type == type) return {};
      if (record.owner == owner && record.type == LDNS_RR_TYPE_CNAME) return record.target;
      if (record.type == LDNS_RR_TYPE_DNAME && owner != record.owner &&
          is_within(owner, record.owner))
        target = owner.substr(0, owner.size() - record.owner.size()) + record.target;
    }
    if (target && target->size() > 255) return {};
    if (target)
      whole.answer.push_back(replay_record(name_text(owner) + " 0 IN CNAME " + name_text(*target)));
    return target;
  }

  static bool is_referral(const ReplayEntry& entry) {
    if (!entry.section("ANSWER").empty()) return false;
    bool delegates = false;
    for (const auto& record : records(entry.section("AUTHORITY"))) {
      if (record.type == LDNS_RR_TYPE_SOA) return false;
      if (record.type == LDNS_RR_TYPE_NS) delegates = true;
    }
    return delegates;
  }

  static bool is_for(const ReplayEntry& entry, const std::string& name, unsigned type) {
    const auto& match = entry.match;
    const bool subdomain = match.find("subdomain") != std::string::npos;
    const bool qname = match.find("qname") != std::string::npos;
    const bool qtype = match.find("qtype") != std::string::npos;
    if (subdomain && !is_within(name, entry.name)) return false;
    if (qname && name != entry.name) return false;
    return !qtype || type == entry.type;
  }

  static ReplayAnswer answer_in(const ReplayEntry& entry, const std::string& name, unsigned type) {
    const unsigned rcode = entry.says("NXDOMAIN")   ? LDNS_RCODE_NXDOMAIN
                           : entry.says("YXDOMAIN") ? LDNS_RCODE_YXDOMAIN
                                                    : LDNS_RCODE_NOERROR;
    ReplayAnswer made{rcode, records(entry.section("ANSWER")), records(entry.section("AUTHORITY"))};
    // A resolver puts signatures beside what they are over, wherever it has found them.
    for (auto& record : records(entry.section("ADDITIONAL")))
      if (record.owner == name && record.covered == type) made.answer.push_back(record);
    return made;
  }

  std::optional<ReplayAnswer> one_answer(const std::string& name, unsigned type) const {
    std::optional<ReplayAnswer> instead;
    for (const auto& entry : replay_->entries) {
      if (step_ < entry.from || step_ > entry.to) continue;
      const bool wanted = is_for(entry, name, type);
      if (is_referral(entry)) {
        // A delegation has the DS record, or the proof that there is none.
        if (type == LDNS_RR_TYPE_DS && !instead) instead = delegation_in(entry, name);
        // From the zone itself, it is an answer that is nothing but empty.
        if (wanted && entry.says("AA") && !instead) instead = answer_in(entry, name, type);
      } else if (wanted && !entry.says("REFUSED") && !entry.says("SERVFAIL")) {
        return answer_in(entry, name, type);
      }
    }
    return instead;
  }

  static std::optional<ReplayAnswer> delegation_in(const ReplayEntry& entry,
                                                   const std::string& name) {
    if (!is_referral(entry)) return {};
    ReplayAnswer made;
    bool here = false;
    for (auto& record : records(entry.section("AUTHORITY"))) {
      if (record.type == LDNS_RR_TYPE_NS) {
        here = here || record.owner == name;
      } else if (record.owner == name &&
                 (record.type == LDNS_RR_TYPE_DS || record.covered == LDNS_RR_TYPE_DS)) {
        made.answer.push_back(std::move(record));
      } else {
        made.authority.push_back(std::move(record));
      }
    }
    if (!here || (made.answer.empty() && made.authority.empty())) return {};
    if (!made.answer.empty()) made.authority.clear();
    return made;
  }

  const Replay* replay_;
  long step_;
};

}  // namespace withdrawd::dns
