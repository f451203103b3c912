#pragma once

#include <ctime>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "core/account.hpp"
#include "core/check.hpp"
#include "dns/denial.hpp"
#include "dns/signatures.hpp"

namespace withdrawd::dns {

/// A question that has to be asked for the validation to go on.
struct NeededAnswer {
  std::string name;  ///< in wire format
  unsigned type = 0;
  bool operator==(const NeededAnswer&) const = default;
};

/// Is an answer signed, by keys that a trust anchor vouches for (RFC 4035, 5)? No I/O: it says
/// which DNSKEY and DS records it needs, and takes what they were answered with.
///
/// The zones of the chain are those that signatures name: the data's signer, and from there upwards
/// the signer of each DS record, to a zone with an anchor. Nothing is believed before its signature
/// has been checked with a key that is.
class Validation {
 public:
  /// `name` and `type` of the question; `now` is the moment for which signatures must be good.
  Validation(const core::Dnssec& settings, std::string name, unsigned type, std::time_t now);

  /// The answer that is to be validated; another one may follow, once this is settled.
  void judge(std::span<const std::uint8_t> answer);

  /// What to ask next, or nothing: it is settled. At most `most_questions` of these in all.
  std::optional<NeededAnswer> next();

  /// The answer to what `next` needs, without an error in it.
  void take(const NeededAnswer& needed, std::span<const std::uint8_t> answer);

  /// What is wrong with the answer; empty if it is good. Only when nothing is needed any more.
  const std::string& wrong() const { return wrong_; }

  /// Is something only proven but for unsigned delegations, which the zone leaves out (RFC 5155,
  /// 6)? A resolver would not say that it is authenticated.
  bool opted_out() const { return opted_out_; }

  /// The chain from the trust anchor down, as far as it has been looked at.
  const std::vector<core::Account::Step>& steps() const { return steps_; }

  static constexpr std::size_t most_questions = 24;
  /// Blocks of SHA-1 for NSEC3: enough for the longest name that is hashed as often as is believed.
  static constexpr unsigned most_hashes = 20'000;

 private:
  /// Why something cannot be had: another answer is needed first, or what is wrong.
  using Halt = std::variant<NeededAnswer, std::string>;
  template <class T>
  using Step = std::expected<T, Halt>;

  Step<void> validate();
  Step<GoodSignature> validate_set(const RecordSet& set);
  Step<void> validate_denial(const std::string& name);
  Step<std::optional<std::string>> substituted(const std::string& name);
  Step<Denial> denial_of(const std::string& name);
  Step<void> proven(Proof proof);
  Step<const ZoneKeys*> keys_of(const std::string& zone);
  Step<ZoneKeys> keys_below(const std::string& zone);
  Step<RecordSet> keys_asked(const std::string& zone);
  Step<ZoneKeys> accept_keys(const RecordSet& set, ZoneKeys trusted, std::string_view vouching);
  Step<const SignedMessage*> asked(const std::string& name, unsigned type);
  Step<GoodSignature> checked(const RecordSet& set, const ZoneKeys& keys);
  Step<GoodSignature> checked(SignedMessage::Section section, const RecordSet& set);
  bool is_below_anchor(const std::string& zone) const;

  std::map<std::string, std::vector<Record>> anchors_;  ///< DS and DNSKEY, by zone
  std::string name_;
  unsigned type_;
  SignatureChecker checker_;
  std::optional<SignedMessage> answer_;
  std::map<std::pair<std::string, unsigned>, SignedMessage> asked_;
  std::map<std::string, ZoneKeys> keys_;
  /// Sets of the answer that have been checked.
  std::map<std::tuple<SignedMessage::Section, std::string, unsigned>, GoodSignature> good_;
  unsigned hashes_left_ = most_hashes;
  bool opted_out_ = false;
  std::string expanded_;  ///< a record of the answer that denies nothing, in words
  std::string wrong_;
  std::vector<core::Account::Step> steps_;
};

}  // namespace withdrawd::dns
