#include "dns/validation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/outcome.hpp"
#include "dns/message.hpp"

namespace withdrawd::dns {
namespace {

using Section = SignedMessage::Section;

constexpr unsigned cname = LDNS_RR_TYPE_CNAME;
constexpr unsigned ds = LDNS_RR_TYPE_DS;
constexpr unsigned dnskey = LDNS_RR_TYPE_DNSKEY;
constexpr unsigned nsec = LDNS_RR_TYPE_NSEC;
constexpr unsigned nsec3 = LDNS_RR_TYPE_NSEC3;

constexpr unsigned most_aliases = 16;
constexpr std::size_t most_denials = 16;
constexpr std::size_t most_keys = 64;

/// The key that a DNSKEY record's data are, if it may sign a zone (RFC 4034, 2.1; RFC 5011, 2.1).
bool is_zone_key(const std::string& data) {
  if (data.size() < 5) return false;
  const unsigned flags =
      static_cast<unsigned char>(data[0]) << 8 | static_cast<unsigned char>(data[1]);
  return (flags & 0x100) != 0 && (flags & 0x80) == 0 && data[2] == '\3';
}

/// Is the DS record's digest the key's?
bool is_digest_of(const std::string& ds_data, ldns_rr* key) {
  if (ds_data.size() < 5) return false;
  ldns_hash hash = LDNS_SHA1;
  switch (static_cast<unsigned char>(ds_data[3])) {
    case LDNS_SHA1:
      break;
    case LDNS_SHA256:
      hash = LDNS_SHA256;
      break;
    case LDNS_SHA384:
      hash = LDNS_SHA384;
      break;
    default:
      return false;
  }
  const Record made(ldns_key_rr2ds(key, hash));
  if (!made || ldns_rr_rd_count(made.get()) < 4) return false;
  const unsigned tag =
      static_cast<unsigned char>(ds_data[0]) << 8 | static_cast<unsigned char>(ds_data[1]);
  const auto* digest = ldns_rr_rdf(made.get(), 3);
  const auto* data = ldns_rdf_data(digest);
  return tag == ldns_calc_keytag(key) &&
         static_cast<unsigned char>(ds_data[2]) == *ldns_rdf_data(ldns_rr_rdf(key, 2)) &&
         ds_data.substr(4) == std::string(data, data + ldns_rdf_size(digest));
}

/// Those of the set's keys of which `vouch` says so.
template <class Vouch>
ZoneKeys keys_in(const RecordSet& set, Vouch vouch) {
  ZoneKeys keys{set.owner, {}};
  for (std::size_t i = 0; i < set.data.size(); ++i) {
    auto* key = ldns_rr_list_rr(set.records.get(), i);
    if (is_zone_key(set.data[i]) && vouch(set.data[i], key))
      keys.keys.emplace_back(ldns_rr_clone(key));
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
    const auto zone = Question::from(anchor.zone);
    if (zone) anchors_.push_back({folded(zone->name()), anchor.type, anchor.data});
  }
}

void Validation::judge(std::span<const std::uint8_t> answer) {
  answer_.emplace(answer);
  good_.clear();
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
    if (answer_->rcode() == LDNS_RCODE_NOERROR || type_ == cname) {
      auto records = answer_->set(Section::answer, owner, type_);
      if (!records) return halt(records.error());
      if (!records->empty()) return validate_set(*records);
    }
    auto alias = answer_->set(Section::answer, owner, cname);
    if (!alias) return halt(alias.error());
    if (alias->empty()) return validate_denial(owner);
    if (auto good = validate_set(*alias); !good) return good;
    owner = folded(alias->data.front());
  }
  return halt("too many CNAME records in a row");
}

Validation::Step<void> Validation::validate_set(const RecordSet& set) {
  if (good_.contains({set.owner, set.type})) return {};
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
  const auto good = checked(set, **keys);
  if (!good) return std::unexpected(good.error());
  good_.emplace(set.owner, set.type);
  if (good->labels >= count_labels(set.owner)) return {};
  if (set.owner.starts_with(std::string("\1*", 2)) && good->labels + 1 == count_labels(set.owner))
    return {};
  auto denial = denial_records(set.owner);
  if (!denial) return std::unexpected(denial.error());
  auto unproven = unproven_wildcard(*denial, set.owner, good->labels);
  if (!unproven.empty()) return halt(std::move(unproven));
  return {};
}

Validation::Step<void> Validation::validate_denial(const std::string& name) {
  auto denial = denial_records(name);
  if (!denial) return std::unexpected(denial.error());
  const bool absent = answer_->rcode() == LDNS_RCODE_NXDOMAIN;
  auto unproven = absent ? unproven_absence(*denial, name) : unproven_no_data(*denial, name, type_);
  const auto what = absent ? fmt::format("{} does not exist", name_text(name))
                           : fmt::format("{} has no {} record", name_text(name), type_text(type_));
  steps_.push_back({what, unproven.empty(),
                    !unproven.empty()
                        ? unproven
                        : fmt::format("proven by {} of {}", denial->hashed ? "NSEC3" : "NSEC",
                                      name_text(denial->zone))});
  if (!unproven.empty()) return halt(std::move(unproven));
  return {};
}

/// All that the answer's authority section denies, validated, of one zone.
Validation::Step<DenialRecords> Validation::denial_records(const std::string& name) {
  DenialRecords denial;
  auto owners = answer_->owners(Section::authority, nsec);
  denial.hashed = owners.empty();
  if (denial.hashed) owners = answer_->owners(Section::authority, nsec3);
  std::size_t looked_at = 0;
  for (const auto& owner : owners) {
    if (++looked_at > most_denials) break;
    auto set = answer_->set(Section::authority, owner, denial.hashed ? nsec3 : nsec);
    if (!set) return halt(set.error());
    if (set->signatures.empty()) return halt("no signature of " + set->text());
    const auto signer = signer_of(set->signatures.front());
    // Of another zone, such as that of an alias before.
    if (!is_within(owner, signer) || !is_within(name, signer)) continue;
    if (denial.zone.empty()) denial.zone = signer;
    if (signer != denial.zone) continue;
    if (!good_.contains({owner, set->type})) {
      const auto keys = keys_of(signer);
      if (!keys) return std::unexpected(keys.error());
      if (auto good = checked(*set, **keys); !good) return std::unexpected(good.error());
      good_.emplace(owner, set->type);
    }
    for (auto& data : set->data) denial.records.push_back({owner, std::move(data)});
  }
  if (denial.records.empty())
    return halt(fmt::format("no NSEC or NSEC3 record says anything of {}", name_text(name)));
  return denial;
}

Validation::Step<GoodSignature> Validation::checked(const RecordSet& set, const ZoneKeys& keys) {
  auto good = checker_.check(set, keys);
  steps_.push_back({set.text(), good.has_value(), good ? until_text(*good) : good.error()});
  if (!good) return halt(good.error());
  return *good;
}

bool Validation::has_anchor(const std::string& zone) const {
  return std::ranges::any_of(anchors_, [&](const auto& anchor) { return anchor.zone == zone; });
}

bool Validation::is_below_anchor(const std::string& zone) const {
  return std::ranges::any_of(anchors_,
                             [&](const auto& anchor) { return is_within(zone, anchor.zone); });
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
  return keys_in(set, [](const auto&, auto*) { return true; });
}

// Each step up is to a shorter name, so it ends.
Validation::Step<const ZoneKeys*> Validation::keys_of(const std::string& zone) {
  if (const auto found = keys_.find(zone); found != keys_.end()) return &found->second;
  if (!is_below_anchor(zone))
    return halt(fmt::format("signed by {}, for which there is no trust anchor", name_text(zone)));
  Step<ZoneKeys> keys = std::unexpected(Halt(""));
  if (has_anchor(zone)) {
    const auto set = keys_asked(zone);
    if (!set) return std::unexpected(set.error());
    keys = accept_keys(*set,
                       keys_in(*set,
                               [&](const std::string& data, ldns_rr* key) {
                                 return std::ranges::any_of(anchors_, [&](const auto& anchor) {
                                   if (anchor.zone != zone) return false;
                                   return anchor.type.number() == ds
                                              ? is_digest_of(anchor.data, key)
                                              : anchor.data == data;
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
  if (auto good = checked(*delegation, **above); !good) return std::unexpected(good.error());
  auto trusted = keys_in(*set, [&](const auto&, ldns_rr* key) {
    return std::ranges::any_of(delegation->data,
                               [&](const auto& data) { return is_digest_of(data, key); });
  });
  return accept_keys(*set, std::move(trusted),
                     fmt::format("its DS record in {}", name_text(parent)));
}

}  // namespace withdrawd::dns
