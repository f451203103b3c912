#include "dns/denial.hpp"

#include <fmt/format.h>
#include <ldns/sha1.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/record_type.hpp"
#include "dns/wire.hpp"

namespace withdrawd::dns {
namespace {

std::string wildcard_at(const std::string& name) {
  return std::string("\1*", 2) + name;
}

Message bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// RFC 4034, 4.1.2: blocks of a window's number, the length of its bitmap, and that.
bool has_type(std::string_view bitmap, unsigned type) {
  while (bitmap.size() >= 2) {
    const auto window = static_cast<unsigned char>(bitmap[0]);
    const std::size_t length = static_cast<unsigned char>(bitmap[1]);
    const auto bits = bitmap.substr(2, length);
    if (bits.size() < length) return false;
    if (window == type >> 8) {
      const std::size_t at = (type & 0xff) / 8;
      return at < length && (static_cast<unsigned char>(bits[at]) & 0x80U >> (type % 8)) != 0;
    }
    bitmap.remove_prefix(2 + length);
  }
  return false;
}

constexpr unsigned cname = LDNS_RR_TYPE_CNAME;

/// The parent's side of a delegation: says nothing about what is below, nor in the child.
bool is_delegation(std::string_view bitmap) {
  return has_type(bitmap, LDNS_RR_TYPE_NS) && !has_type(bitmap, LDNS_RR_TYPE_SOA);
}

bool hides_what_is_below(std::string_view bitmap) {
  return is_delegation(bitmap) || has_type(bitmap, LDNS_RR_TYPE_DNAME);
}

/// Does the bitmap of the name itself say that it has no such records?
bool denies(std::string_view bitmap, const std::string& name, unsigned type) {
  if (has_type(bitmap, type) || has_type(bitmap, cname)) return false;
  if (type == LDNS_RR_TYPE_DS)  // that is the parent's to say
    return !has_type(bitmap, LDNS_RR_TYPE_SOA) || count_labels(name) == 0;
  return !is_delegation(bitmap);
}

struct Nsec {
  std::string owner;
  std::string next;
  std::string bitmap;
};

class NsecProof {
 public:
  explicit NsecProof(const DenialRecords& denial) : zone_(denial.zone) {
    for (const auto& record : denial.records) {
      Reader reader(bytes_of(record.data));
      auto next = reader.name();
      if (!next) continue;
      nsecs_.push_back({record.owner, folded(*std::move(next)), record.data.substr(reader.at())});
    }
  }

  const Nsec* at(const std::string& name) const {
    const auto found = std::ranges::find(nsecs_, name, &Nsec::owner);
    return found == nsecs_.end() ? nullptr : &*found;
  }

  /// The record in whose gap the name would be.
  const Nsec* around(const std::string& name) const {
    const auto found = std::ranges::find_if(nsecs_, [&](const Nsec& nsec) {
      if (!is_before(nsec.owner, name)) return false;
      if (nsec.next != zone_ && !is_before(name, nsec.next)) return false;
      return !is_within(name, nsec.owner) || !hides_what_is_below(nsec.bitmap);
    });
    return found == nsecs_.end() ? nullptr : &*found;
  }

  /// The same, and no name below it exists either: then it would, too, without any records.
  const Nsec* around_nothing(const std::string& name) const {
    const auto* nsec = around(name);
    return nsec != nullptr && is_within(nsec->next, name) ? nullptr : nsec;
  }

 private:
  std::string zone_;
  std::vector<Nsec> nsecs_;
};

/// The longest name that is known to exist and that `name` is below.
std::string closest_encloser(const Nsec& around, std::string name) {
  while (!is_within(around.owner, name) && !is_within(around.next, name)) name = parent_of(name);
  return name;
}

/// RFC 5155, 3.2.
struct Nsec3 {
  std::string hash;
  std::string next;
  std::string bitmap;
  bool opt_out = false;
};

std::optional<std::string> from_base32hex(std::string_view text) {
  std::string bytes;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
    if (digit < 0) return {};
    bits = (bits << 5 | static_cast<unsigned>(digit)) & 0xffff;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  return bytes;
}

std::string sha1(const std::string& text) {
  std::array<unsigned char, LDNS_SHA1_DIGEST_LENGTH> digest{};
  std::vector<unsigned char> bytes(text.begin(), text.end());
  ldns_sha1(bytes.data(), static_cast<unsigned>(bytes.size()), digest.data());
  return {digest.begin(), digest.end()};
}

class Nsec3Proof {
 public:
  explicit Nsec3Proof(const DenialRecords& denial) : zone_(denial.zone) {
    for (const auto& record : denial.records) add(record);
  }

  unsigned iterations() const { return iterations_; }
  const std::string& zone() const { return zone_; }

  const Nsec3* at(const std::string& name) {
    const auto found = std::ranges::find(nsecs_, hash(name), &Nsec3::hash);
    return found == nsecs_.end() ? nullptr : &*found;
  }

  const Nsec3* around(const std::string& name) {
    const auto& hashed = hash(name);
    const auto found = std::ranges::find_if(nsecs_, [&](const Nsec3& nsec) {
      const bool last = nsec.next <= nsec.hash;  // of the chain, which is a circle
      return last ? hashed > nsec.hash || hashed < nsec.next
                  : hashed > nsec.hash && hashed < nsec.next;
    });
    return found == nsecs_.end() ? nullptr : &*found;
  }

  /// The longest name that is known to exist and that `name` is or is below; the root's parent
  /// where there is none.
  std::optional<std::string> closest_encloser(std::string name) {
    for (; is_within(name, zone_); name = parent_of(name)) {
      const auto* nsec = at(name);
      if (nsec != nullptr) return name;
      if (count_labels(name) == 0) break;
    }
    return {};
  }

 private:
  void add(const DenialRecord& record) {
    Reader reader(bytes_of(record.data));
    const auto algorithm_flags = reader.number();
    const auto iterations = algorithm_flags ? reader.number() : std::nullopt;
    const auto salt = iterations ? counted(reader) : std::nullopt;
    const auto next = salt ? counted(reader) : std::nullopt;
    if (!next || *algorithm_flags >> 8 != 1 || parent_of(record.owner) != zone_) return;
    const auto label =
        std::string_view(record.owner).substr(1, static_cast<unsigned char>(record.owner.front()));
    auto hashed = from_base32hex(label);
    if (!hashed || hashed->size() != LDNS_SHA1_DIGEST_LENGTH || hashed->size() != next->size())
      return;
    if (nsecs_.empty()) {
      iterations_ = *iterations;
      salt_ = *salt;
    } else if (iterations_ != *iterations || salt_ != *salt) {
      return;  // of another chain
    }
    nsecs_.push_back(
        {*std::move(hashed), *next, record.data.substr(reader.at()), (*algorithm_flags & 1) != 0});
  }

  static std::optional<std::string> counted(Reader& reader) {
    const auto length = reader.bytes(1);
    const auto bytes = length ? reader.bytes((*length)[0]) : std::nullopt;
    if (!bytes) return {};
    return std::string(bytes->begin(), bytes->end());
  }

  const std::string& hash(const std::string& name) {
    auto& known = hashes_[name];
    if (!known.empty()) return known;
    known = sha1(name + salt_);
    for (unsigned i = 0; i < iterations_; ++i) known = sha1(known.append(salt_));
    return known;
  }

  std::string zone_;
  unsigned iterations_ = 0;
  std::string salt_;
  std::vector<Nsec3> nsecs_;
  std::map<std::string, std::string> hashes_;
};

std::string not_proven(std::string_view what, const std::string& name) {
  return fmt::format("nothing proves that {} {}", name_text(name), what);
}

std::string too_often(const Nsec3Proof& proof) {
  if (proof.iterations() <= most_iterations) return "";
  return fmt::format("NSEC3 of {} has {} iterations; at most {} are believed",
                     name_text(proof.zone()), proof.iterations(), most_iterations);
}

constexpr std::string_view does_not_exist = "does not exist";

std::string unproven_absence_by(const NsecProof& proof, const std::string& name) {
  const auto* around = proof.around_nothing(name);
  if (around == nullptr) return not_proven(does_not_exist, name);
  const auto wildcard = wildcard_at(closest_encloser(*around, name));
  return proof.around_nothing(wildcard) != nullptr ? "" : not_proven(does_not_exist, wildcard);
}

std::string unproven_no_data_by(const NsecProof& proof, const std::string& name, unsigned type,
                                const std::string& what) {
  if (const auto* own = proof.at(name))
    return denies(own->bitmap, name, type) ? "" : not_proven(what, name);
  const auto* around = proof.around(name);
  if (around == nullptr) return not_proven(what, name);
  if (is_within(around->next, name)) return "";  // it exists only as the end of longer names
  const auto wildcard = wildcard_at(closest_encloser(*around, name));
  const auto* own = proof.at(wildcard);
  return own != nullptr && denies(own->bitmap, wildcard, type) ? "" : not_proven(what, name);
}

/// The name that is one label longer than `encloser`.
std::string next_closer(const std::string& name, const std::string& encloser) {
  return last_labels(name, count_labels(encloser) + 1);
}

std::string unproven_absence_by(Nsec3Proof& proof, const std::string& name) {
  const auto encloser = proof.closest_encloser(name);
  if (!encloser || *encloser == name || hides_what_is_below(proof.at(*encloser)->bitmap) ||
      proof.around(next_closer(name, *encloser)) == nullptr)
    return not_proven(does_not_exist, name);
  const auto wildcard = wildcard_at(*encloser);
  return proof.around(wildcard) != nullptr ? "" : not_proven(does_not_exist, wildcard);
}

std::string unproven_no_data_by(Nsec3Proof& proof, const std::string& name, unsigned type,
                                const std::string& what) {
  if (const auto* own = proof.at(name))
    return denies(own->bitmap, name, type) ? "" : not_proven(what, name);
  const auto encloser = proof.closest_encloser(name);
  if (!encloser || hides_what_is_below(proof.at(*encloser)->bitmap)) return not_proven(what, name);
  const auto* around = proof.around(next_closer(name, *encloser));
  if (around == nullptr) return not_proven(what, name);
  if (type == LDNS_RR_TYPE_DS && around->opt_out) return "";
  const auto wildcard = wildcard_at(*encloser);
  const auto* own = proof.at(wildcard);
  return own != nullptr && denies(own->bitmap, wildcard, type) ? "" : not_proven(what, name);
}

}  // namespace

std::string unproven_absence(const DenialRecords& denial, const std::string& name) {
  if (!denial.hashed) return unproven_absence_by(NsecProof(denial), name);
  Nsec3Proof proof(denial);
  if (auto wrong = too_often(proof); !wrong.empty()) return wrong;
  return unproven_absence_by(proof, name);
}

std::string unproven_no_data(const DenialRecords& denial, const std::string& name, unsigned type) {
  const auto what = fmt::format("has no {} record",
                                core::RecordType::of(static_cast<std::uint16_t>(type)).text());
  if (!denial.hashed) return unproven_no_data_by(NsecProof(denial), name, type, what);
  Nsec3Proof proof(denial);
  if (auto wrong = too_often(proof); !wrong.empty()) return wrong;
  return unproven_no_data_by(proof, name, type, what);
}

std::string unproven_wildcard(const DenialRecords& denial, const std::string& name,
                              unsigned labels) {
  const std::string_view what = "is a wildcard's to answer";
  if (!denial.hashed) {
    const NsecProof proof(denial);
    const auto* around = proof.around_nothing(name);
    const bool proven =
        around != nullptr && count_labels(closest_encloser(*around, name)) <= labels;
    return proven ? "" : not_proven(what, name);
  }
  Nsec3Proof proof(denial);
  if (auto wrong = too_often(proof); !wrong.empty()) return wrong;
  return proof.around(last_labels(name, labels + 1)) != nullptr ? "" : not_proven(what, name);
}

}  // namespace withdrawd::dns
