#include "dns/message.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <new>
#include <optional>
#include <utility>

#include "dns/wire.hpp"

namespace withdrawd::dns {
namespace {

/// A server that could not read, or did not want to, need not repeat the question.
bool may_omit_question(unsigned rcode) {
  return rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_SERVFAIL ||
         rcode == LDNS_RCODE_NOTIMPL || rcode == LDNS_RCODE_REFUSED;
}

Verdict malformed() {
  return {core::OutcomeKind::error, "malformed answer"};
}

/// The records of a message, as far as they concern the question.
/// So many extended errors are shown: a server that has more to say repeats itself.
constexpr std::size_t most_errors = 3;

struct Records {
  std::map<std::string, std::string> aliases;                ///< CNAME: from owner to target
  std::map<std::string, std::vector<std::string>> by_owner;  ///< those of the asked type
  unsigned rcode_high = 0;                                   ///< from EDNS (RFC 6891, 6.1.3)
  std::string nsid;                                          ///< printable
  std::vector<std::string> errors;                           ///< extended ones, printable
  std::optional<core::Edns> edns;                            ///< what the server says of itself
};

/// Printable as it is where it is text, which most are; else in hexadecimal.
std::string nsid_text(Message id) {
  const bool is_text =
      std::ranges::all_of(id, [](auto byte) { return byte > 0x20 && byte < 0x7f; });
  if (is_text) return core::printable(std::string(id.begin(), id.end()), 100);
  std::string text = "0x";
  for (const auto byte : id.first(std::min<std::size_t>(id.size(), 50)))
    text += fmt::format("{:02x}", byte);
  return text;
}

/// An extended error (RFC 8914, section 4), `EDE 22 (No Reachable Authority): all servers timed
/// out`.
std::string extended_error_text(Message option) {
  constexpr std::array<std::string_view, 25> names{"Other Error",
                                                   "Unsupported DNSKEY Algorithm",
                                                   "Unsupported DS Digest Type",
                                                   "Stale Answer",
                                                   "Forged Answer",
                                                   "DNSSEC Indeterminate",
                                                   "DNSSEC Bogus",
                                                   "Signature Expired",
                                                   "Signature Not Yet Valid",
                                                   "DNSKEY Missing",
                                                   "RRSIGs Missing",
                                                   "No Zone Key Bit Set",
                                                   "NSEC Missing",
                                                   "Cached Error",
                                                   "Not Ready",
                                                   "Blocked",
                                                   "Censored",
                                                   "Filtered",
                                                   "Prohibited",
                                                   "Stale NXDOMAIN Answer",
                                                   "Not Authoritative",
                                                   "Not Supported",
                                                   "No Reachable Authority",
                                                   "Network Error",
                                                   "Invalid Data"};
  const auto code = static_cast<std::size_t>(option[0] << 8 | option[1]);
  auto text = fmt::format("EDE {}", code);
  if (code < names.size()) text += fmt::format(" ({})", names[code]);
  const std::string said(option.begin() + 2, option.end());
  return said.empty() ? text : text + ": " + core::printable(said, 100);
}

/// What the OPT record says; false if it cannot be read.
bool read_edns(Message message, const Place& place, Records& records) {
  records.rcode_high = message[place.rdata - 6];  // the first byte of what else is the TTL
  records.edns = core::Edns{.size = static_cast<std::uint16_t>(place.klass),
                            .dnssec_ok = (message[place.rdata - 4] & 0x80) != 0,
                            .nsid = false};
  Reader options(message.first(place.end), place.rdata);
  while (options.at() < place.end) {
    const auto code = options.number();
    const auto length = code ? options.number() : std::nullopt;
    const auto value = length ? options.bytes(*length) : std::nullopt;
    if (!value) return false;
    if (*code == LDNS_EDNS_NSID && !value->empty()) records.nsid = nsid_text(*value);
    if (*code == LDNS_EDNS_EDE && value->size() >= 2 && records.errors.size() < most_errors)
      records.errors.push_back(extended_error_text(*value));
  }
  return true;
}

/// Nothing if the answer section, or what follows it, cannot be decoded.
std::optional<Records> read_records(Message message, Reader reader, const Header& header,
                                    const Question& question) {
  Records records;
  for (unsigned i = 0; i < header.answers; ++i) {
    auto place = reader.record();
    if (!place) return std::nullopt;
    if (place->klass != static_cast<unsigned>(question.klass())) continue;
    if (place->type == static_cast<unsigned>(question.type())) {
      auto text = data_text(message, *place);
      if (!text) return std::nullopt;
      records.by_owner[std::move(place->owner)].push_back(std::move(*text));
    } else if (place->type == LDNS_RR_TYPE_CNAME) {
      Reader rdata(message.first(place->end), place->rdata);
      auto target = rdata.name();
      if (!target || rdata.at() != place->end) return std::nullopt;
      records.aliases.emplace(std::move(place->owner), folded(std::move(*target)));
    }
  }
  for (unsigned i = 0; i < header.authority + header.additional; ++i) {
    const auto place = reader.record();
    if (!place) return std::nullopt;
    if (i >= header.authority && place->type == LDNS_RR_TYPE_OPT &&
        !read_edns(message, *place, records))
      return std::nullopt;
  }
  return records;
}

/// The records that answer the question, or why there are none.
struct Found {
  std::vector<std::string> records;
  std::string none;
};

/// Follows the aliases from the name asked for to its records.
Found resolve(Records& records, const Question& question) {
  std::string owner = folded(question.name());
  for (std::size_t steps = 0; steps <= records.aliases.size(); ++steps) {
    if (const auto found = records.by_owner.find(owner); found != records.by_owner.end())
      return {std::move(found->second), ""};
    const auto alias = records.aliases.find(owner);
    if (alias != records.aliases.end()) {
      owner = alias->second;
      continue;
    }
    if (steps == 0) return {{}, "no data"};
    return {{},
            fmt::format("no data (CNAME to {} without any {} record)", name_text(owner),
                        type_text(question.type()))};
  }
  return {{}, fmt::format("no data (CNAME loop at {})", name_text(owner))};
}

/// Is this record what the operator wrote down?
bool is_expected(std::string_view record, std::string_view expected, ldns_rr_type type) {
  if (record == expected) return true;
  if (type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA) return false;
  if (type == LDNS_RR_TYPE_TXT || type == LDNS_RR_TYPE_SPF)
    return record.size() == expected.size() + 2 && record.starts_with('"') &&
           record.substr(1, expected.size()) == expected;
  if (record.ends_with('.') && !expected.ends_with('.')) record.remove_suffix(1);
  return folded(std::string(record)) == folded(std::string(expected));
}

std::string listed(const std::vector<std::string>& texts) {
  return core::printable(fmt::format("{}", fmt::join(texts, ", ")), 200);
}

/// Looks at one expectation after the other. The first that is not met is the verdict; the others
/// matter only to somebody who wants an account.
class Tally {
 public:
  explicit Tally(core::Account* account) : account_(account) {}

  /// `step` and `verdict` are made only where they are needed: the answer is good mostly.
  template <class MakeStep, class MakeVerdict>
  void expect(bool holds, MakeStep step, MakeVerdict verdict) {
    if (!holds && !failed_) failed_ = verdict();
    if (account_ != nullptr) {
      auto [what, seen] = step();
      account_->expectations.push_back({std::move(what), holds, std::move(seen)});
    }
  }

  const std::optional<Verdict>& failed() const { return failed_; }
  /// Is there nothing more to be learned?
  bool over() const { return failed_ && account_ == nullptr; }

 private:
  core::Account* account_;
  std::optional<Verdict> failed_;
};

using Said = std::pair<std::string, std::string>;

Verdict error(std::string detail) {
  return {core::OutcomeKind::error, std::move(detail)};
}

void expect_flag(Tally& tally, std::string_view name, bool is_set) {
  tally.expect(
      is_set, [&] { return Said{fmt::format("{} flag", name), is_set ? "set" : "not set"}; },
      [&] { return error(fmt::format("expected the {} flag; it is not set", name)); });
}

/// What is expected of the records.
void expect_records(Tally& tally, const Found& found, const core::DnsExpectations& expect,
                    ldns_rr_type type) {
  const auto& records = found.records;
  const auto got = [&] { return records.empty() ? found.none : listed(records); };
  if (expect.min_answers > 0) {
    tally.expect(
        records.size() >= expect.min_answers,
        [&] {
          return Said{fmt::format("{} {} record{}", expect.min_answers, type_text(type),
                                  expect.min_answers == 1 ? "" : "s"),
                      records.empty() ? found.none : fmt::format("{}", records.size())};
        },
        [&] {
          return error(records.empty() ? found.none
                                       : fmt::format("expected at least {} answers; got {}",
                                                     expect.min_answers, records.size()));
        });
  }
  if (tally.over()) return;
  const auto is_there = [&](const std::string& expected) {
    return std::ranges::any_of(
        records, [&](const auto& record) { return is_expected(record, expected, type); });
  };
  if (!expect.any.empty()) {
    std::vector<std::string> matched;
    std::ranges::copy_if(expect.any, std::back_inserter(matched), is_there);
    const auto* one_of = expect.any.size() > 1 ? "one of " : "";
    tally.expect(
        !matched.empty(),
        [&] {
          return Said{one_of + listed(expect.any),
                      matched.empty() ? "not among the answers" : listed(matched)};
        },
        [&] {
          return error(fmt::format("expected {}{}; got {}", one_of, listed(expect.any), got()));
        });
  }
  for (const auto& expected : expect.all) {
    if (tally.over()) return;
    const bool found_it = is_there(expected);
    tally.expect(
        found_it, [&] { return Said{listed({expected}), found_it ? "there" : "missing"}; },
        [&] {
          return error(fmt::format("expected {}{}; got {}", expect.all.size() > 1 ? "all of " : "",
                                   listed(expect.all), got()));
        });
  }
}

/// The third field of an SOA record (RFC 1035, 3.3.13).
std::optional<std::uint32_t> serial_of(std::string_view soa) {
  for (int field = 0; field < 2; ++field) {
    soa.remove_prefix(std::min(soa.find(' '), soa.size()));
    soa.remove_prefix(std::min(soa.find_first_not_of(' '), soa.size()));
  }
  std::uint32_t serial = 0;
  const auto [end, failed] = std::from_chars(soa.data(), soa.data() + soa.size(), serial);
  if (failed != std::errc()) return std::nullopt;
  return serial;
}

/// What the answer says to what was expected.
Verdict verdict_on(unsigned rcode, const Header& header, const Found& found,
                   const Question& question, const core::DnsExpectations& expect,
                   core::Account* account) {
  const auto wanted = static_cast<unsigned>(expect.rcode);
  Tally tally(account);
  tally.expect(
      rcode == wanted, [&] { return Said{"rcode " + rcode_text(wanted), rcode_text(rcode)}; },
      [&] {
        if (wanted != LDNS_RCODE_NOERROR)
          return error(fmt::format("expected {}; got {}", rcode_text(wanted), rcode_text(rcode)));
        return Verdict{
            rcode == LDNS_RCODE_NXDOMAIN ? core::OutcomeKind::nxdomain : core::OutcomeKind::error,
            rcode_text(rcode)};
      });
  if (!tally.over() && expect.authoritative) expect_flag(tally, "AA", header.authoritative());
  if (!tally.over() && expect.authenticated) expect_flag(tally, "AD", header.authenticated());
  if (rcode != wanted) return *tally.failed();
  if (rcode != LDNS_RCODE_NOERROR)
    return tally.failed().value_or(Verdict{core::OutcomeKind::ok, rcode_text(rcode)});
  if (!tally.over()) expect_records(tally, found, expect, question.type());
  if (tally.failed()) return *tally.failed();
  if (found.records.empty()) return {core::OutcomeKind::ok, "no data"};
  const auto& last = found.records.back();
  Verdict verdict{core::OutcomeKind::ok, core::printable(last)};
  if (question.type() == LDNS_RR_TYPE_SOA) verdict.serial = serial_of(last);
  return verdict;
}

/// The flags that are set, as dig shows them.
std::string flags_text(const Header& header) {
  std::string text;
  for (const auto& [bit, name] : {std::pair{0x0400, "AA"},
                                  {0x0200, "TC"},
                                  {0x0100, "RD"},
                                  {0x0080, "RA"},
                                  {0x0020, "AD"},
                                  {0x0010, "CD"}})
    if ((header.flags & bit) != 0) text += (text.empty() ? "" : " ") + std::string(name);
  return text.empty() ? "none" : text;
}

/// What is worth knowing of an answer besides what was expected of it.
void describe(const Header& header, const Records& records, const Found& found, std::size_t size,
              core::Account& account) {
  for (const auto& record : found.records) account.answers.push_back(core::printable(record));
  account.facts.push_back({"flags", flags_text(header)});
  account.facts.push_back({"size", fmt::format("{} bytes", size)});
  account.facts.push_back({"EDNS", !records.edns
                                       ? "none"
                                       : fmt::format("{} bytes{}", records.edns->size,
                                                     records.edns->dnssec_ok ? ", DO" : "")});
  for (const auto& said : records.errors) account.facts.push_back({"EDE", said});
  if (!records.nsid.empty()) account.facts.push_back({"NSID", records.nsid});
}

/// An OPT record (RFC 6891, 6.1.2): root, type, size, flags in place of a TTL, options.
void add_edns(std::vector<std::uint8_t>& query, const core::Edns& edns) {
  std::string opt(1, '\0');
  append(opt, LDNS_RR_TYPE_OPT);
  append(opt, edns.size);
  append(opt, 0);
  append(opt, edns.dnssec_ok ? 0x8000 : 0);
  append(opt, edns.nsid ? 4 : 0);
  if (edns.nsid) {
    append(opt, LDNS_EDNS_NSID);
    append(opt, 0);
  }
  query.insert(query.end(), opt.begin(), opt.end());
  query[11] = 1;  // one record in the additional section
}

}  // namespace

core::Result<Question> Question::from(std::string_view name, ldns_rr_type type,
                                      ldns_rr_class klass) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(core::Error{
        fmt::format("read the domain name \"{}\"", core::printable(name)), std::string(why), ""});
  };
  if (name.contains('\0')) return refuse("it holds a NUL byte");
  ldns_rdf* decoded = nullptr;
  const auto status = ldns_str2rdf_dname(&decoded, std::string(name).c_str());
  const Rdf rdf(decoded);
  if (status == LDNS_STATUS_MEM_ERR) throw std::bad_alloc();
  if (status != LDNS_STATUS_OK) return refuse(ldns_get_errorstr_by_id(status));
  const auto* data = ldns_rdf_data(rdf.get());
  return Question(std::string(data, data + ldns_rdf_size(rdf.get())), type, klass);
}

Question Question::signed_records(std::string name, unsigned type, const core::Edns& edns) {
  Question made(std::move(name), static_cast<ldns_rr_type>(type), LDNS_RR_CLASS_IN);
  made.edns_ = edns;
  return made;
}

core::Result<Question> Question::from(const core::DnsQuestion& question) {
  auto made = from(question.name, static_cast<ldns_rr_type>(question.type.number()),
                   static_cast<ldns_rr_class>(question.klass));
  if (!made) return made;
  made->edns_ = question.edns;
  made->wants_authenticated_ = question.expect.authenticated;
  return made;
}

// Without EDNS unless it is asked for: the first script of this kind asked without, there are
// servers that answer FORMERR to it, and what it would buy (answers above 512 bytes) TCP gives as
// well.
core::Result<std::vector<std::uint8_t>> Question::query(std::uint16_t id) const {
  Rdf name(ldns_dname_new_frm_data(static_cast<std::uint16_t>(name_.size()), name_.data()));
  if (!name) throw std::bad_alloc();
  const Packet packet(ldns_pkt_query_new(name.get(), type_, klass_, LDNS_RD));
  if (!packet) throw std::bad_alloc();
  static_cast<void>(name.release());  // the packet's by now
  ldns_pkt_set_id(packet.get(), id);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  const auto status = ldns_pkt2wire(&wire, packet.get(), &size);
  const OwnedBytes bytes(wire);
  if (status != LDNS_STATUS_OK) throw std::bad_alloc();  // nothing else can be wrong with it
  std::vector<std::uint8_t> query(wire, wire + size);
  if (wants_authenticated_) query[3] |= 0x20;
  if (edns_) add_edns(query, *edns_);
  return query;
}

std::string_view describe(Ignored why) {
  switch (why) {
    case Ignored::too_short:
      return "too short";
    case Ignored::wrong_id:
      return "wrong ID";
    case Ignored::not_an_answer:
      return "not an answer";
    case Ignored::wrong_question:
      return "wrong question";
  }
  return "?";
}

Judgement judge(std::span<const std::uint8_t> message, std::uint16_t id, const Question& question,
                const core::DnsExpectations& expect, core::Account* account) {
  Reader reader(message);
  const auto header = read_header(reader);
  if (!header) return Ignored::too_short;
  if (header->id != id) return Ignored::wrong_id;
  if (!header->is_answer() || header->opcode() != LDNS_PACKET_QUERY) return Ignored::not_an_answer;

  if (header->questions == 0 && may_omit_question(header->rcode()))
    return verdict_on(header->rcode(), *header, {}, question, expect, account);
  if (header->questions != 1) return Ignored::wrong_question;
  const auto name = reader.name();
  const auto type = name ? reader.number() : std::nullopt;
  const auto klass = type ? reader.number() : std::nullopt;
  if (!klass) return malformed();
  if (folded(*name) != folded(question.name()) || *type != static_cast<unsigned>(question.type()) ||
      *klass != static_cast<unsigned>(question.klass()))
    return Ignored::wrong_question;

  if (header->truncated()) return Truncated{};  // before the records, which may be cut anywhere

  auto records = read_records(message, reader, *header, question);
  if (!records) return malformed();
  const auto found = resolve(*records, question);
  if (account != nullptr) describe(*header, *records, found, message.size(), *account);
  auto verdict = verdict_on(records->rcode_high << 4 | header->rcode(), *header, found, question,
                            expect, account);
  for (const auto& said : records->errors) verdict.detail += ", " + said;
  if (!records->nsid.empty()) verdict.detail += ", NSID " + records->nsid;
  return verdict;
}

Verdict compare_serials(std::uint32_t own, std::uint32_t reference,
                        const core::SerialReference& from) {
  // RFC 1982, 3.2: numbers on a circle; the shorter way round tells which is ahead.
  const std::uint32_t behind = reference - own;
  const bool is_behind = behind != 0 && behind < 0x80000000;
  if (!is_behind || behind <= from.lag) return {core::OutcomeKind::ok, ""};
  return {
      core::OutcomeKind::error,
      fmt::format("serial {} is {} behind {} of {}{}", own, behind, reference, from.server.text(),
                  from.lag == 0 ? "" : fmt::format(" (at most {})", from.lag))};
}

}  // namespace withdrawd::dns
