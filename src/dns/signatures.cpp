#include "dns/signatures.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace withdrawd::dns {
namespace {

/// More than any set has that is worth asking for; keeps one check of a signature short.
constexpr std::size_t most_records = 300;
constexpr std::size_t most_signatures = 16;

/// The moment that 32 bits mean, which count on a circle (RFC 4034, 3.1.5).
std::time_t time_in(const ldns_rdf* field, std::time_t now) {
  const auto there = ldns_rdf2native_int32(field);
  return now + static_cast<std::int32_t>(there - static_cast<std::uint32_t>(now));
}

/// The keys that a signature may have been made with. The list does not own them.
struct ShallowFree {
  void operator()(ldns_rr_list* list) const { ldns_rr_list_free(list); }
};
using Candidates = std::unique_ptr<ldns_rr_list, ShallowFree>;

Candidates candidates_for(const Record& signature, const ZoneKeys& keys) {
  Candidates candidates(ldns_rr_list_new());
  for (const auto& key : keys.keys) {
    if (ldns_rdf_compare(ldns_rr_dnskey_algorithm(key.get()),
                         ldns_rr_rrsig_algorithm(signature.get())) == 0 &&
        ldns_calc_keytag(key.get()) == ldns_rdf2native_int16(ldns_rr_rrsig_keytag(signature.get())))
      ldns_rr_list_push_rr(candidates.get(), key.get());
  }
  return candidates;
}

void index(std::map<std::pair<std::string, unsigned>, std::vector<Place>>& into, unsigned type,
           Place place) {
  auto key = std::pair(place.owner, type);
  into[std::move(key)].push_back(std::move(place));
}

}  // namespace

std::string time_text(std::time_t time) {
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return "?";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", parts);
}

std::string signer_of(const Record& signature) {
  return folded(bytes_of(ldns_rr_rrsig_signame(signature.get())));
}

std::string RecordSet::text() const {
  return fmt::format("{} {}", name_text(owner), type_text(type));
}

SignedMessage::SignedMessage(std::span<const std::uint8_t> message)
    : message_(message.begin(), message.end()) {
  Reader reader(message_);
  const auto header = read_header(reader);
  if (!header) return;
  rcode_ = header->rcode();
  for (unsigned i = 0; i < header->questions; ++i)
    if (!reader.name() || !reader.bytes(4)) return;
  for (unsigned i = 0; i < unsigned{header->answers} + header->authority; ++i) {
    auto place = reader.record();
    if (!place) return;
    if (place->klass != LDNS_RR_CLASS_IN) continue;
    auto& section = i < header->answers ? answer_ : authority_;
    const auto type = place->type;
    if (type != LDNS_RR_TYPE_RRSIG) {
      index(section.records, type, *std::move(place));
    } else if (place->end - place->rdata >= 2) {
      const unsigned covered = message_[place->rdata] << 8 | message_[place->rdata + 1];
      index(section.signatures, covered, *std::move(place));
    }
  }
}

std::expected<RecordSet, std::string> SignedMessage::set(Section section, const std::string& owner,
                                                         unsigned type) const {
  const auto& index = section == Section::answer ? answer_ : authority_;
  RecordSet set{owner, type, {}, RecordList(ldns_rr_list_new()), {}};
  const auto found = index.records.find({owner, type});
  if (found == index.records.end()) return set;
  if (found->second.size() > most_records)
    return std::unexpected(fmt::format("{} has {} records; at most {} are validated", set.text(),
                                       found->second.size(), most_records));
  for (const auto& place : found->second) {
    auto data = plain_data(message_, place);
    auto record = decode(message_, place, owner);
    if (!data || !record) return std::unexpected("cannot read " + set.text());
    // A set has each record once (RFC 4034, 6.3), whatever the message has.
    if (std::ranges::find(set.data, *data) != set.data.end()) continue;
    set.data.push_back(*std::move(data));
    if (ldns_rr_list_push_rr(set.records.get(), record.get())) static_cast<void>(record.release());
  }
  const auto signatures = index.signatures.find({owner, type});
  if (signatures == index.signatures.end()) return set;
  for (const auto& place : signatures->second) {
    if (set.signatures.size() == most_signatures) break;
    auto signature = decode(message_, place, owner);
    if (!signature) return std::unexpected("cannot read the signature of " + set.text());
    set.signatures.push_back(std::move(signature));
  }
  return set;
}

std::set<std::string> SignedMessage::owners(Section section, unsigned type) const {
  std::set<std::string> owners;
  for (const auto& [key, places] : (section == Section::answer ? answer_ : authority_).records)
    if (key.second == type) owners.insert(key.first);
  return owners;
}

/// What is wrong, worse things first; the higher, the nearer it came to a good signature.
struct SignatureChecker::Checked {
  enum class Stage : std::uint8_t { signer, algorithm, key, bogus, time, margin, good };
  Stage stage = Stage::signer;
  std::string wrong;
  GoodSignature signature{};
};

SignatureChecker::Checked SignatureChecker::check_one(const RecordSet& set, const Record& signature,
                                                      const ZoneKeys& keys) {
  using Stage = Checked::Stage;
  const auto of_set = "signature of " + set.text();
  if (const auto signer = signer_of(signature); signer != keys.zone)
    return {Stage::signer,
            fmt::format("{} is by {}, not by {}", of_set, name_text(signer), name_text(keys.zone))};
  const unsigned own_labels = count_labels(set.owner) - is_wildcard(set.owner);
  const unsigned labels = ldns_rdf2native_int8(ldns_rr_rrsig_labels(signature.get()));
  if (labels > own_labels)
    return {Stage::signer, fmt::format("{} has a wrong number of labels", of_set)};
  const auto algorithm = ldns_rdf2native_int8(ldns_rr_rrsig_algorithm(signature.get()));
  if (ldns_key_algo_supported(static_cast<int>(algorithm)) == 0)
    return {Stage::algorithm,
            fmt::format("{} has algorithm {}, which is not supported here", of_set, algorithm)};
  const auto tag = ldns_rdf2native_int16(ldns_rr_rrsig_keytag(signature.get()));
  const auto candidates = candidates_for(signature, keys);
  if (ldns_rr_list_rr_count(candidates.get()) == 0)
    return {Stage::key, fmt::format("{} is by key {}, which {} does not have", of_set, tag,
                                    name_text(keys.zone))};
  const auto until = time_in(ldns_rr_rrsig_expiration(signature.get()), now_);
  if (until < now_) return {Stage::time, fmt::format("{} expired {}", of_set, time_text(until))};
  if (const auto from = time_in(ldns_rr_rrsig_inception(signature.get()), now_); from > now_)
    return {Stage::time, fmt::format("{} is not valid before {}", of_set, time_text(from))};

  const auto cost = static_cast<unsigned>(ldns_rr_list_rr_count(candidates.get()));
  if (cost > left_) return {Stage::bogus, fmt::format("{}: too many signatures to check", of_set)};
  left_ -= cost;
  const Candidates good(ldns_rr_list_new());
  const auto status = ldns_verify_rrsig_keylist_notime(set.records.get(), signature.get(),
                                                       candidates.get(), good.get());
  if (status != LDNS_STATUS_OK)
    return {Stage::bogus,
            fmt::format("{} is bogus: it does not match the data and key {}", of_set, tag)};
  if (std::chrono::seconds(until - now_) < margin_)
    return {Stage::margin, fmt::format("{} expires {}, in less than {}", of_set, time_text(until),
                                       core::describe(margin_))};
  return {Stage::good, "", {until, tag, labels < own_labels, labels}};
}

std::expected<GoodSignature, std::string> SignatureChecker::check(const RecordSet& set,
                                                                  const ZoneKeys& keys) {
  if (set.signatures.empty()) return std::unexpected("no signature of " + set.text());
  std::optional<Checked> best;
  for (const auto& signature : set.signatures) {
    auto checked = check_one(set, signature, keys);
    const bool better =
        !best || checked.stage > best->stage ||
        (checked.stage == best->stage && checked.signature.until > best->signature.until);
    if (better) best = std::move(checked);
  }
  if (best->stage == Checked::Stage::good) return best->signature;
  return std::unexpected(best->wrong);
}

}  // namespace withdrawd::dns
