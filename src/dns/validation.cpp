#include "dns/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/outcome.hpp"
#include "dns/message.hpp"

namespace withdrawd::dns {
namespace {

using Section = SignedMessage::Section;

constexpr unsigned cname = LDNS_RR_TYPE_CNAME;
constexpr unsigned dname = LDNS_RR_TYPE_DNAME;
constexpr unsigned ds = LDNS_RR_TYPE_DS;
constexpr unsigned dnskey = LDNS_RR_TYPE_DNSKEY;
constexpr unsigned nsec = LDNS_RR_TYPE_NSEC;
constexpr unsigned nsec3 = LDNS_RR_TYPE_NSEC3;

constexpr unsigned most_aliases = 16;
constexpr std::size_t most_denials = 16;
constexpr std::size_t most_keys = 64;

/// May the key sign a zone (RFC 4034, 2.1; RFC 5011, 2.1)?
bool is_zone_key(const ldns_rr* key) {
  const unsigned flags = ldns_rdf2native_int16(ldns_rr_dnskey_flags(key));
  return (flags & LDNS_KEY_ZONE_KEY) != 0 && (flags & LDNS_KEY_REVOKE_KEY) == 0 &&
         ldns_rdf2native_int8(ldns_rr_dnskey_protocol(key)) == 3;
}

unsigned digest_of(const ldns_rr* delegation) {
  return ldns_rdf2native_int8(ldns_rr_rdf(delegation, 2));
}

/// Can the delegation be followed? ldns takes a digest that it does not know for SHA-1.
bool is_supported(const ldns_rr* delegation) {
  const auto digest = digest_of(delegation);
  return (digest == LDNS_SHA1 || digest == LDNS_SHA256 || digest == LDNS_SHA384) &&
         ldns_key_algo_supported(ldns_rdf2native_int8(ldns_rr_rdf(delegation, 1))) != 0;
}

/// Is the key the anchor, or the one that the delegation's digest is of?
bool vouches(const ldns_rr* record, const ldns_rr* key) {
  if (ldns_rr_get_type(record) == LDNS_RR_TYPE_DS &&
      (!is_supported(record) ||
       ldns_rdf2native_int16(ldns_rr_rdf(record, 0)) != ldns_calc_keytag(key)))
    return false;  // before it costs a digest
  return ldns_rr_compare_ds(record, key);
}

/// Those records that can be followed. SHA-1 does not count beside something better (RFC 4509, 3).
std::vector<const ldns_rr*> supported(const ldns_rr_list* delegations) {
  std::vector<const ldns_rr*> usable;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(delegations); ++i)
    if (const auto* one = ldns_rr_list_rr(delegations, i); is_supported(one)) usable.push_back(one);
  const auto is_better = [](const ldns_rr* delegation) {
    return digest_of(delegation) != LDNS_SHA1;
  };
  if (std::ranges::any_of(usable, is_better)) std::erase_if(usable, std::not_fn(is_better));
  return usable;
}

/// Those of the set's keys of which `vouch` says so.
template <class Vouch>
ZoneKeys keys_in(const RecordSet& set, Vouch vouch) {
  ZoneKeys keys{set.owner, {}};
  for (std::size_t i = 0; i < set.data.size(); ++i) {
    const auto* key = ldns_rr_list_rr(set.records.get(), i);
    if (is_zone_key(key) && vouch(key)) keys.keys.emplace_back(ldns_rr_clone(key));
  }
  return keys;
}

std::string until_text(const GoodSignature& signature) {
  return fmt::format("good until {}, by key {}", time_text(signature.until), signature.tag);
}

std::unexpected<std::variant<NeededAnswer, std::string>> halt(std::string what) {
  return std::unexpected(std::variant<NeededAnswer, std::string>(std::move(what)));
}

}  // namespace

Validation::Validation(const core::Dnssec& settings, std::string name, unsigned type,
                       std::time_t now)
    : name_(folded(std::move(name))), type_(type), checker_(now, settings.margin) {
  for (const auto& anchor : settings.anchors) {
    const auto question = Question::from(anchor.zone);
    if (!question) continue;
    const auto zone = folded(question->name());
    auto record = record_of(zone, anchor.type.number(), LDNS_RR_CLASS_IN, anchor.data);
    if (record) anchors_[zone].push_back(std::move(record));
  }
}

void Validation::judge(std::span<const std::uint8_t> answer) {
  answer_.emplace(answer);
  good_.clear();
  opted_out_ = false;
  expanded_.clear();
  hashes_left_ = most_hashes;
}

std::optional<NeededAnswer> Validation::next() {
  wrong_.clear();
  const auto step = validate();
  if (step) return {};
  if (const auto* needed = std::get_if<NeededAnswer>(&step.error())) return *needed;
  wrong_ = std::get<std::string>(step.error());
  return {};
}

void Validation::take(const NeededAnswer& needed, std::span<const std::uint8_t> answer) {
  asked_.emplace(std::pair(needed.name, needed.type), SignedMessage(answer));
}

Validation::Step<void> Validation::validate() {
  std::string owner = name_;
  for (unsigned aliases = 0; aliases < most_aliases; ++aliases) {
    const bool final = type_ == cname || answer_->rcode() == LDNS_RCODE_NOERROR;
    auto records = answer_->set(Section::answer, owner, final ? type_ : cname);
    if (!records) return halt(records.error());
    if (final && records->empty() && type_ != cname) {
      records = answer_->set(Section::answer, owner, cname);
      if (!records) return halt(records.error());
    }
    const bool is_alias = records->type == cname;
    // What a DNAME record makes of the name is not signed itself (RFC 6672, 5.3.1).
    if (records->signatures.empty() && (is_alias || records->empty())) {
      const auto target = substituted(owner);
      if (!target) return std::unexpected(target.error());
      if (*target) {
        if (!records->empty() &&
            (records->data.size() > 1 || folded(records->data.front()) != **target))
          return halt(fmt::format("{} is not what its DNAME record makes of it", records->text()));
        if (type_ == cname && !records->empty()) return {};
        owner = **target;
        continue;
      }
    }
    if (records->empty()) return validate_denial(owner);
    if (auto good = validate_set(*records); !good) return std::unexpected(good.error());
    if (!is_alias || type_ == cname) return {};
    owner = folded(records->data.front());
  }
  return halt("too many CNAME records in a row");
}

/// What the DNAME record of a name above makes of this one (RFC 6672, 2.2), if there is one.
Validation::Step<std::optional<std::string>> Validation::substituted(const std::string& name) {
  for (const auto& above : answer_->owners(Section::answer, dname)) {
    if (above == name || !is_within(name, above)) continue;
    const auto set = answer_->set(Section::answer, above, dname);
    if (!set) return halt(set.error());
    const auto good = validate_set(*set);
    if (!good) return std::unexpected(good.error());
    // Nothing says what is below a name that a wildcard stands for (RFC 6672, 3.3).
    if (good->expanded) return halt(set->text() + " is a wildcard's");
    if (set->data.size() > 1) return halt("more than one " + set->text());
    auto target = name.substr(0, name.size() - above.size()) + folded(set->data.front());
    if (target.size() > longest_name) return halt(set->text() + " makes too long a name");
    return target;
  }
  return std::nullopt;
}

Validation::Step<GoodSignature> Validation::validate_set(const RecordSet& set) {
  auto good = checked(Section::answer, set);
  if (!good || !good->expanded) return good;
  auto denial = denial_of(set.owner);
  if (!denial) return std::unexpected(denial.error());
  if (auto done = proven(denial->wildcard(set.owner, good->labels)); !done)
    return std::unexpected(done.error());
  return good;
}

Validation::Step<void> Validation::validate_denial(const std::string& name) {
  auto denial = denial_of(name);
  if (!denial) return std::unexpected(denial.error());
  const bool absent = answer_->rcode() == LDNS_RCODE_NXDOMAIN;
  const auto proof = absent ? denial->absence(name) : denial->no_data(name, type_);
  const auto what = absent ? fmt::format("{} does not exist", name_text(name))
                           : fmt::format("{} has no {} record", name_text(name), type_text(type_));
  steps_.push_back({what, proof.missing.empty(),
                    !proof.missing.empty()
                        ? proof.missing
                        : fmt::format("proven by {} of {}{}", denial->hashed() ? "NSEC3" : "NSEC",
                                      name_text(denial->zone()),
                                      proof.opt_out ? ", but for unsigned delegations" : "")});
  return proven(proof);
}

Validation::Step<void> Validation::proven(Proof proof) {
  opted_out_ = opted_out_ || proof.opt_out;
  if (!proof.missing.empty()) return halt(expanded_.empty() ? std::move(proof.missing) : expanded_);
  return {};
}

/// All that the answer's authority section denies, validated, of one zone.
Validation::Step<Denial> Validation::denial_of(const std::string& name) {
  std::string zone;
  std::vector<Record> records;
  // A zone has the one kind or the other; the section may be of two zones, which differ in it.
  bool hashed = false;
  std::size_t looked_at = 0;
  for (const unsigned kind : {nsec, nsec3}) {
    if (!zone.empty()) break;
    hashed = kind == nsec3;
    for (const auto& owner : answer_->owners(Section::authority, kind)) {
      if (++looked_at > most_denials) break;
      auto set = answer_->set(Section::authority, owner, kind);
      if (!set) return halt(set.error());
      if (set->signatures.empty()) return halt("no signature of " + set->text());
      const auto signer = signer_of(set->signatures.front());
      // Of another zone, such as that of an alias before.
      if (!is_within(owner, signer) || !is_within(name, signer)) continue;
      if (zone.empty()) zone = signer;
      if (signer != zone) continue;
      const auto good = checked(Section::authority, *set);
      if (!good) return std::unexpected(good.error());
      if (good->expanded) {
        expanded_ = fmt::format("{} is a wildcard's, expanded: it proves nothing of {}",
                                set->text(), name_text(owner));
        continue;
      }
      while (auto* record = ldns_rr_list_pop_rr(set->records.get())) records.emplace_back(record);
    }
  }
  if (records.empty() && expanded_.empty())
    return halt(fmt::format("no NSEC or NSEC3 record says anything of {}", name_text(name)));
  return Denial(std::move(zone), hashed, records, hashes_left_);
}

/// Is a set of the answer signed, up to an anchor?
Validation::Step<GoodSignature> Validation::checked(Section section, const RecordSet& set) {
  const auto key = std::tuple(section, set.owner, set.type);
  if (const auto found = good_.find(key); found != good_.end()) return found->second;
  if (set.signatures.empty()) {
    steps_.push_back({set.text(), false, "no signature"});
    return halt("no signature of " + set.text());
  }
  const auto signer = signer_of(set.signatures.front());
  if (!is_within(set.owner, signer))
    return halt(fmt::format("signature of {} is by {}, which it does not belong to", set.text(),
                            name_text(signer)));
  const auto keys = keys_of(signer);
  if (!keys) return std::unexpected(keys.error());
  auto good = checked(set, **keys);
  if (good) good_.emplace(key, *good);
  return good;
}

Validation::Step<GoodSignature> Validation::checked(const RecordSet& set, const ZoneKeys& keys) {
  auto good = checker_.check(set, keys);
  steps_.push_back({set.text(), good.has_value(), good ? until_text(*good) : good.error()});
  if (!good) return halt(good.error());
  return *good;
}

bool Validation::is_below_anchor(const std::string& zone) const {
  return std::ranges::any_of(anchors_,
                             [&](const auto& anchor) { return is_within(zone, anchor.first); });
}

Validation::Step<const SignedMessage*> Validation::asked(const std::string& name, unsigned type) {
  const auto found = asked_.find({name, type});
  if (found != asked_.end()) return &found->second;
  if (asked_.size() >= most_questions)
    return halt(fmt::format("the chain of keys takes more than {} questions", most_questions));
  return std::unexpected(Halt(NeededAnswer{name, type}));
}

Validation::Step<RecordSet> Validation::keys_asked(const std::string& zone) {
  const auto message = asked(zone, dnskey);
  if (!message) return std::unexpected(message.error());
  auto set = (*message)->set(Section::answer, zone, dnskey);
  if (!set) return halt(set.error());
  if (set->empty()) return halt(fmt::format("{} has no DNSKEY record", name_text(zone)));
  if (set->data.size() > most_keys)
    return halt(fmt::format("{} has {} DNSKEY records; at most {} are validated", name_text(zone),
                            set->data.size(), most_keys));
  return std::move(*set);
}

/// The keys of a zone, once one of those that are vouched for has signed them.
Validation::Step<ZoneKeys> Validation::accept_keys(const RecordSet& set, ZoneKeys trusted,
                                                   std::string_view vouching) {
  if (trusted.keys.empty()) {
    auto what = fmt::format("DNSKEY of {} does not match {}", name_text(set.owner), vouching);
    steps_.push_back({set.text(), false, what});
    return halt(std::move(what));
  }
  if (auto good = checked(set, trusted); !good) return std::unexpected(good.error());
  return keys_in(set, [](const ldns_rr*) { return true; });
}

// Each step up is to a shorter name, so it ends.
Validation::Step<const ZoneKeys*> Validation::keys_of(const std::string& zone) {
  if (const auto found = keys_.find(zone); found != keys_.end()) return &found->second;
  if (!is_below_anchor(zone))
    return halt(fmt::format("signed by {}, for which there is no trust anchor", name_text(zone)));
  Step<ZoneKeys> keys = std::unexpected(Halt(""));
  if (const auto anchors = anchors_.find(zone); anchors != anchors_.end()) {
    const auto set = keys_asked(zone);
    if (!set) return std::unexpected(set.error());
    keys = accept_keys(*set,
                       keys_in(*set,
                               [&](const ldns_rr* key) {
                                 return std::ranges::any_of(anchors->second,
                                                            [&](const Record& anchor) {
                                                              return vouches(anchor.get(), key);
                                                            });
                               }),
                       "the trust anchor");
  } else {
    keys = keys_below(zone);
  }
  if (!keys) return std::unexpected(keys.error());
  return &keys_.emplace(zone, std::move(*keys)).first->second;
}

/// The keys of a zone whose parent vouches for them.
Validation::Step<ZoneKeys> Validation::keys_below(const std::string& zone) {
  const auto message = asked(zone, ds);
  if (!message) return std::unexpected(message.error());
  const auto delegation = (*message)->set(Section::answer, zone, ds);
  if (!delegation) return halt(delegation.error());
  if (delegation->empty())
    return halt(
        fmt::format("no DS record of {} to be had here: it is not signed from the trust anchor "
                    "down, or this server has not got its parent (then make the anchor {}'s own)",
                    name_text(zone), name_text(zone)));
  if (delegation->signatures.empty()) return halt("no signature of " + delegation->text());
  const auto parent = signer_of(delegation->signatures.front());
  if (parent == zone || !is_within(zone, parent))
    return halt(fmt::format("signature of {} is by {}, which is not above it", delegation->text(),
                            name_text(parent)));
  const auto above = keys_of(parent);
  if (!above) return std::unexpected(above.error());
  const auto set = keys_asked(zone);
  if (!set) return std::unexpected(set.error());
  const auto good = checked(*delegation, **above);
  if (!good) return std::unexpected(good.error());
  if (good->expanded) return halt(delegation->text() + " is a wildcard's");
  const auto usable = supported(delegation->records.get());
  if (usable.empty())
    return halt(
        fmt::format("{} has no algorithm and digest that are supported here: it counts as "
                    "not signed",
                    delegation->text()));
  auto trusted = keys_in(*set, [&](const ldns_rr* key) {
    return std::ranges::any_of(usable, [&](const ldns_rr* one) { return vouches(one, key); });
  });
  return accept_keys(*set, std::move(trusted),
                     fmt::format("its DS record in {}", name_text(parent)));
}

}  // namespace withdrawd::dns
