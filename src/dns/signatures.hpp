#pragma once

#include <cstdint>
#include <ctime>
#include <expected>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "dns/wire.hpp"

// Records with their signatures (RFC 4034), and whether those are good. Names are in wire format
// and folded.

namespace withdrawd::dns {

/// All records of one name and type in one section of an answer.
struct RecordSet {
  std::string owner;
  unsigned type = 0;
  std::vector<std::string> data;  ///< in wire format, without compression
  RecordList records;
  std::vector<Record> signatures;

  bool empty() const { return data.empty(); }
  /// "www.example. A"
  std::string text() const;
};

/// An answer, by its record sets. It must have been judged before.
class SignedMessage {
 public:
  enum class Section : std::uint8_t { answer, authority };

  explicit SignedMessage(std::span<const std::uint8_t> message);

  unsigned rcode() const { return rcode_; }
  /// Empty if there is none. An error says why it cannot be validated.
  std::expected<RecordSet, std::string> set(Section section, const std::string& owner,
                                            unsigned type) const;
  /// The owners of such records.
  std::set<std::string> owners(Section section, unsigned type) const;

 private:
  using Key = std::pair<std::string, unsigned>;
  struct Index {
    std::map<Key, std::vector<Place>> records;
    std::map<Key, std::vector<Place>> signatures;  ///< by the type that they are over
  };

  std::vector<std::uint8_t> message_;
  unsigned rcode_ = 0;
  Index answer_;
  Index authority_;
};

/// The keys of a zone that may sign its data.
struct ZoneKeys {
  std::string zone;
  std::vector<Record> keys;
};

/// A signature that is good.
struct GoodSignature {
  std::time_t until = 0;
  unsigned tag = 0;  ///< of the key
  /// The records are those of the wildcard below the last `labels` labels of the owner, expanded to
  /// it: the signature is over fewer labels than it has (RFC 4034, 3.1.3).
  bool expanded = false;
  unsigned labels = 0;
};

/// Who signed, as an RRSIG record says.
std::string signer_of(const Record& signature);

/// Checks signatures, as of one moment and no more than a bounded number of them: each costs up to
/// a millisecond, and a hostile answer could ask for thousands (CVE-2023-50387).
class SignatureChecker {
 public:
  /// Signatures that end less than `margin` after `now` are no longer good.
  SignatureChecker(std::time_t now, core::Duration margin) : now_(now), margin_(margin) {}

  /// One good signature by one of the keys is enough; of several, the one that lasts longest
  /// counts. An error says what is wrong with the one that comes nearest to it.
  std::expected<GoodSignature, std::string> check(const RecordSet& set, const ZoneKeys& keys);

 private:
  struct Checked;
  Checked check_one(const RecordSet& set, const Record& signature, const ZoneKeys& keys);

  std::time_t now_;
  core::Duration margin_;
  unsigned left_ = 40;
};

/// "2026-11-20 12:00 UTC"
std::string time_text(std::time_t time);

}  // namespace withdrawd::dns
