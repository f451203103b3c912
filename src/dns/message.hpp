#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/account.hpp"
#include "core/check.hpp"
#include "core/error.hpp"
#include "core/outcome.hpp"
#include "dns/ldns.hpp"

namespace withdrawd::dns {

/// What is asked for, as it goes over the wire (RFC 1035, 4.1.2). Always valid.
class Question {
 public:
  /// `name` with or without its trailing dot; \DDD escapes as in a zone file.
  static core::Result<Question> from(std::string_view name, ldns_rr_type type = LDNS_RR_TYPE_A,
                                     ldns_rr_class klass = LDNS_RR_CLASS_IN);
  /// The same, with EDNS and the AD flag (RFC 6840, 5.7) where the question needs them.
  static core::Result<Question> from(const core::DnsQuestion& question);

  /// With EDNS as given; `name` is in wire format.
  static Question signed_records(std::string name, unsigned type, const core::Edns& edns);

  /// The name in wire format, without compression, as it was written.
  const std::string& name() const { return name_; }
  ldns_rr_type type() const { return type_; }
  ldns_rr_class klass() const { return klass_; }

  /// The message that asks it, with recursion desired. An error: out of memory.
  core::Result<std::vector<std::uint8_t>> query(std::uint16_t id) const;

 private:
  Question(std::string name, ldns_rr_type type, ldns_rr_class klass)
      : name_(std::move(name)), type_(type), klass_(klass) {}

  std::string name_;
  ldns_rr_type type_;
  ldns_rr_class klass_;
  std::optional<core::Edns> edns_;
  bool wants_authenticated_ = false;
};

/// An answer that settles the question. `detail` holds printable ASCII only.
struct Verdict {
  core::OutcomeKind kind = core::OutcomeKind::error;
  std::string detail;
  std::optional<std::uint32_t> serial{};  ///< of an SOA record that is ok
  bool operator==(const Verdict&) const = default;
};

/// Not the answer to this question: forged, or late for an earlier one. The wait goes on.
enum class Ignored : std::uint8_t { too_short, wrong_id, not_an_answer, wrong_question };

/// "wrong ID"
std::string_view describe(Ignored why);

/// The answer, cut: to be asked for over TCP.
struct Truncated {
  bool operator==(const Truncated&) const = default;
};

using Judgement = std::variant<Verdict, Ignored, Truncated>;

/// What `message`, received from the server, says to `question` asked with `id`.
///
/// `ok` takes what is expected; usually NOERROR and a record of the asked type whose owner is the
/// name asked for, or is reached from it through the CNAMEs of the answer, in whatever order they
/// stand. Pure, and linear in the length of the message whatever its bytes are (times the number of
/// expected records). Throws nothing but std::bad_alloc. With an `account`, every expectation is
/// looked at, also behind the first that is not met; the judgement is the same.
Judgement judge(std::span<const std::uint8_t> message, std::uint16_t id, const Question& question,
                const core::DnsExpectations& expect = {}, core::Account* account = nullptr);

/// What two SOA serials say: ok, or how far `own` is behind.
Verdict compare_serials(std::uint32_t own, std::uint32_t reference,
                        const core::SerialReference& from);

}  // namespace withdrawd::dns
