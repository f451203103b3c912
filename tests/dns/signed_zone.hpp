#pragma once

#include <cstdint>
#include <ctime>
#include <fstream>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/wire.hpp"
#include "reply.hpp"

namespace withdrawd::dns {

/// The moment at which the tests take place.
constexpr std::time_t test_time = 1'800'000'000;  // 2027-01-15 08:00 UTC

/// A zone with a key of its own that signs what a test wants signed, well or badly.
class SignedZone {
 public:
  explicit SignedZone(std::string name)
      : name_(std::move(name)), keys_(ldns_key_list_new()), key_(new_key()) {
    ldns_key_set_pubkey_owner(key_, ldns_dname_new_frm_str(name_.c_str()));
    ldns_key_set_flags(key_, 257);
    Record record(ldns_key2rr(key_));
    ldns_key_set_keytag(key_, ldns_calc_keytag(record.get()));
    dnskey_ = text(record.get());
    const Record digest(ldns_key_rr2ds(record.get(), LDNS_SHA256));
    ds_ = text(digest.get());
    valid_until(test_time + 86400);
  }

  const std::string& name() const { return name_; }
  const std::string& dnskey() const { return dnskey_; }
  const std::string& ds() const { return ds_; }
  unsigned tag() const { return ldns_key_keytag(key_); }

  SignedZone& valid_until(std::time_t until) {
    ldns_key_set_expiration(key_, static_cast<std::uint32_t>(until));
    ldns_key_set_inception(key_, static_cast<std::uint32_t>(test_time - 7200));
    return *this;
  }
  SignedZone& valid_from(std::time_t from) {
    ldns_key_set_inception(key_, static_cast<std::uint32_t>(from));
    return *this;
  }

  /// The signature over records of one name and type, as text.
  std::string signature(const std::vector<std::string>& records) const {
    const RecordList set(ldns_rr_list_new());
    for (const auto& record : records) ldns_rr_list_push_rr(set.get(), parsed(record).release());
    const RecordList signatures(ldns_sign_public(set.get(), keys_.get()));
    return text(ldns_rr_list_rr(signatures.get(), 0));
  }

  /// The records, and behind them the signature.
  std::vector<std::string> with_signature(std::vector<std::string> records) const {
    records.push_back(signature(records));
    return records;
  }

  static Record parsed(const std::string& text) {
    ldns_rr* record = nullptr;
    ldns_rr_new_frm_str(&record, text.c_str(), 300, nullptr, nullptr);
    return Record(record);
  }

 private:
  ldns_key* new_key() {
    auto* key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
    ldns_key_list_push_key(keys_.get(), key);
    return key;
  }
  static std::string text(const ldns_rr* record) {
    const Text text(ldns_rr2str(record));
    std::string line(text.get());
    return line.substr(0, line.find_first_of(";\n"));
  }

  std::string name_;
  std::unique_ptr<ldns_key_list, Free<ldns_key_list_free>> keys_;
  ldns_key* key_;  ///< the list's
  std::string dnskey_;
  std::string ds_;
};

/// The wire format of a record.
inline std::string wire_record(const std::string& text) {
  const auto record = SignedZone::parsed(text);
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  ldns_rr2wire(&bytes, record.get(), LDNS_SECTION_ANSWER, &size);
  const OwnedBytes owned(bytes);
  return {bytes, bytes + size};
}

/// An answer to `name` and `type` with these records, given as in a zone file.
inline Reply signed_reply(std::uint16_t id, std::string_view name, std::uint16_t type,
                          const std::vector<std::string>& answer,
                          const std::vector<std::string>& authority = {}, unsigned rcode = 0) {
  Reply reply(id);
  reply.rcode(rcode).question(name == "." ? "" : name, type);
  for (const auto& record : answer) reply.add(wire_record(record)).count(6);
  for (const auto& record : authority) reply.add(wire_record(record)).count(8);
  return reply;
}

}  // namespace withdrawd::dns
