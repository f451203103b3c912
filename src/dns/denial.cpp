#include "dns/denial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace withdrawd::dns {
namespace {

constexpr unsigned sha1_block = 64;

/// RFC 4034, 4.1.2: blocks of a window's number, the length of its bitmap, and that. ldns reads
/// beyond the end of a bitmap that is cut.
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

/// The parent's side of a delegation: says nothing about what is below, nor in the child.
bool is_delegation(std::string_view bitmap) {
  return has_type(bitmap, LDNS_RR_TYPE_NS) && !has_type(bitmap, LDNS_RR_TYPE_SOA);
}

bool hides_what_is_below(std::string_view bitmap) {
  return is_delegation(bitmap) || has_type(bitmap, LDNS_RR_TYPE_DNAME);
}

/// Does the bitmap of the name itself say that it has no such records?
bool denies(std::string_view bitmap, const std::string& name, unsigned type) {
  if (has_type(bitmap, type) || has_type(bitmap, LDNS_RR_TYPE_CNAME)) return false;
  if (type == LDNS_RR_TYPE_DS)  // that is the parent's to say
    return !has_type(bitmap, LDNS_RR_TYPE_SOA) || count_labels(name) == 0;
  return !is_delegation(bitmap);
}

std::string bitmap_of(const Record& record, std::size_t field) {
  const auto* rdf = ldns_rr_rdf(record.get(), field);  // none: no types
  return rdf == nullptr ? std::string() : bytes_of(rdf);
}

/// Without the byte that counts it.
std::string first_label(const std::string& name) {
  return name.substr(1, static_cast<unsigned char>(name.front()));
}

/// The name that is one label longer than `encloser`.
std::string next_closer(const std::string& name, const std::string& encloser) {
  return last_labels(name, count_labels(encloser) + 1);
}

std::string has_no(unsigned type) {
  return fmt::format("has no {} record", type_text(type));
}

constexpr std::string_view does_not_exist = "does not exist";

}  // namespace

Denial::Denial(std::string zone, bool hashed, const std::vector<Record>& records,
               unsigned& hashes_left)
    : zone_(std::move(zone)), hashed_(hashed), hashes_left_(&hashes_left) {
  for (const auto& record : records) hashed_ ? add_hashed(record) : add_plain(record);
}

void Denial::add_plain(const Record& record) {
  auto owner = folded(bytes_of(ldns_rr_owner(record.get())));
  auto next = folded(bytes_of(ldns_rr_rdf(record.get(), 0)));
  // Of the chain's end, the next name is the zone's own; none leads out of it.
  if (!is_within(next, zone_) || (next != zone_ && !is_before(owner, next))) return;
  spans_.push_back({std::move(owner), std::move(next), bitmap_of(record, 1), false});
}

void Denial::add_hashed(const Record& record) {
  const auto owner = folded(bytes_of(ldns_rr_owner(record.get())));
  const auto* next = ldns_nsec3_next_owner(record.get());
  // RFC 5155, 8.2: what is unknown is ignored. The next owner has its length before it.
  if (ldns_nsec3_algorithm(record.get()) != LDNS_SHA1 || ldns_nsec3_flags(record.get()) > 1 ||
      next == nullptr || ldns_rdf_size(next) != 1 + LDNS_SHA1_DIGEST_LENGTH ||
      count_labels(owner) == 0 || parent_of(owner) != zone_)
    return;
  if (!parameters_) {
    parameters_.reset(ldns_rr_clone(record.get()));
    if (const auto iterations = ldns_nsec3_iterations(record.get()); iterations > most_iterations)
      unusable_ = fmt::format(
          "NSEC3 of {} has {} iterations; with more than {} it counts as not signed (RFC 9276)",
          name_text(zone_), iterations, most_iterations);
  }
  for (const std::size_t field : {2U, 3U})  // the iterations and the salt: else of another chain
    if (ldns_rdf_compare(ldns_rr_rdf(record.get(), field), ldns_rr_rdf(parameters_.get(), field)) !=
        0)
      return;
  const Text text(ldns_rdf2str(next));  // base 32 with the digits in order
  auto to = text ? folded(text.get()) : std::string();
  auto from = first_label(owner);
  if (from.size() != to.size()) return;
  spans_.push_back(
      {std::move(from), std::move(to), bitmap_of(record, 5), ldns_nsec3_optout(record.get())});
}

bool Denial::before(const std::string& one, const std::string& other) const {
  return hashed_ ? one < other : is_before(one, other);
}

/// What stands for the name in the spans; empty if it cannot be had.
std::string Denial::key(const std::string& name) {
  if (!hashed_) return name;
  const auto [found, added] = hashes_.try_emplace(name);
  if (!added || !parameters_ || !unusable_.empty()) return found->second;
  // RFC 5155, 5: the name once, and then each hash again.
  const std::size_t salt = ldns_nsec3_salt_length(parameters_.get());
  const std::size_t cost = 1 + (name.size() + salt) / sha1_block +
                           ldns_nsec3_iterations(parameters_.get()) *
                               (1 + (LDNS_SHA1_DIGEST_LENGTH + salt) / sha1_block);
  if (cost > *hashes_left_) {
    unusable_ = fmt::format("NSEC3 of {} takes too many hashes to check", name_text(zone_));
    return found->second;
  }
  *hashes_left_ -= static_cast<unsigned>(cost);
  const auto rdf = name_rdf(name);
  const Rdf hash(rdf ? ldns_nsec3_hash_name_frm_nsec3(parameters_.get(), rdf.get()) : nullptr);
  if (hash) found->second = first_label(folded(bytes_of(hash.get())));
  return found->second;
}

const Denial::Span* Denial::at(const std::string& name) {
  const auto& wanted = key(name);
  const auto found = std::ranges::find(spans_, wanted, &Span::from);
  return found == spans_.end() ? nullptr : &*found;
}

/// The span in whose gap the name would be.
const Denial::Span* Denial::around(const std::string& name) {
  const auto& wanted = key(name);
  if (wanted.empty()) return nullptr;
  const auto found = std::ranges::find_if(spans_, [&](const Span& span) {
    const bool behind = before(span.from, wanted);
    const bool ahead = before(wanted, span.to);
    // The last one's gap goes on at the front.
    if (before(span.from, span.to) ? !behind || !ahead : !behind && !(hashed_ && ahead))
      return false;
    return hashed_ || !is_within(name, span.from) || !hides_what_is_below(span.bitmap);
  });
  return found == spans_.end() ? nullptr : &*found;
}

/// Is the name without records, but there, for there is one below it? Hashed, it has a span itself.
bool Denial::is_empty(const Span& around, const std::string& name) const {
  return !hashed_ && is_within(around.to, name);
}

std::optional<Denial::Gap> Denial::gap(const std::string& name) {
  if (!hashed_) {
    const auto* span = around(name);
    if (span == nullptr || is_empty(*span, name)) return {};
    auto encloser = name;
    while (!is_within(span->from, encloser) && !is_within(span->to, encloser))
      encloser = parent_of(encloser);
    return Gap{std::move(encloser), span};
  }
  for (auto encloser = name; is_within(encloser, zone_); encloser = parent_of(encloser)) {
    if (const auto* own = at(encloser)) {
      if (encloser == name || hides_what_is_below(own->bitmap)) return {};
      const auto* span = around(next_closer(name, encloser));
      if (span == nullptr) return {};
      return Gap{std::move(encloser), span};
    }
    if (count_labels(encloser) == 0) break;
  }
  return {};
}

Proof Denial::missing(const std::string& name, std::string_view what) const {
  return {unusable_.empty() ? fmt::format("nothing proves that {} {}", name_text(name), what)
                            : unusable_};
}

Proof Denial::absence(const std::string& name) {
  const auto here = gap(name);
  if (!here) return missing(name, does_not_exist);
  const auto wild = wildcard_at(here->encloser);
  if (!gap(wild)) return missing(wild, does_not_exist);
  return {{}, here->span->opt_out};
}

Proof Denial::no_data(const std::string& name, unsigned type) {
  if (const auto* own = at(name))
    return denies(own->bitmap, name, type) ? Proof{} : missing(name, has_no(type));
  if (const auto* span = around(name); span != nullptr && is_empty(*span, name)) return {};
  const auto here = gap(name);
  if (!here) return missing(name, has_no(type));
  if (type == LDNS_RR_TYPE_DS && here->span->opt_out) return {{}, true};
  const auto wild = wildcard_at(here->encloser);
  const auto* own = at(wild);
  if (own == nullptr || !denies(own->bitmap, wild, type)) return missing(name, has_no(type));
  return {{}, here->span->opt_out};
}

Proof Denial::wildcard(const std::string& name, unsigned labels) {
  const auto closer = last_labels(name, labels + 1);
  const auto* span = around(closer);
  if (span == nullptr || is_empty(*span, closer)) return missing(name, "is a wildcard's to answer");
  return {{}, span->opt_out};
}

}  // namespace withdrawd::dns
