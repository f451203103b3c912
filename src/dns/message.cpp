#include "dns/message.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

namespace withdrawd::dns {
namespace {

template <auto free>
struct Free {
  void operator()(auto* what) const { free(what); }
};
using Packet = std::unique_ptr<ldns_pkt, Free<ldns_pkt_free>>;
using Rdf = std::unique_ptr<ldns_rdf, Free<ldns_rdf_deep_free>>;
using Record = std::unique_ptr<ldns_rr, Free<ldns_rr_free>>;
using Bytes = std::unique_ptr<std::uint8_t, Free<std::free>>;
using Text = std::unique_ptr<char, Free<std::free>>;

using Message = std::span<const std::uint8_t>;

constexpr std::size_t longest_name = 255;  // RFC 1035, 3.1
constexpr unsigned most_labels = 127;

/// Names compare without case (RFC 1035, 2.3.3). The bytes that count a label's length are at most
/// 63, below 'A', so the whole wire format can be folded as if it were text.
std::string folded(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

/// A record's place in the message.
struct Place {
  std::string owner;
  unsigned type = 0;
  unsigned klass = 0;
  std::size_t begin = 0;  ///< of its owner name
  std::size_t rdata = 0;
  std::size_t end = 0;
};

/// Reads a message from front to back, never beyond its end.
///
/// ldns decodes whole messages too, but follows up to 65535 compression pointers for each name: a
/// hostile answer of 64 KiB (NS records that lead into one long chain of pointers) was seen to keep
/// it busy for half a second, and with it the event loop. So names and the frame of each record are
/// read here, with a bound, and ldns gets the records that matter, without any pointer in them.
class Reader {
 public:
  explicit Reader(Message message, std::size_t at = 0) : message_(message), at_(at) {}

  std::size_t at() const { return at_; }

  std::optional<std::uint16_t> number() {
    if (message_.size() - at_ < 2) return std::nullopt;
    const auto value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return value;
  }

  /// A name in wire format, uncompressed, in the case that it has in the message.
  std::optional<std::string> name() {
    std::string name;
    std::optional<std::size_t> behind;  // the first pointer, where the next field starts
    unsigned pointers = 0;
    for (std::size_t at = at_; at < message_.size();) {
      const unsigned length = message_[at];
      if (length >= 0xc0) {
        // A name has no more labels than that, so it needs no more pointers. This ends loops too.
        if (at + 1 >= message_.size() || ++pointers > most_labels) return std::nullopt;
        if (!behind) behind = at + 2;
        at = (length & 0x3f) << 8 | message_[at + 1];
        continue;
      }
      if (length > 63 || name.size() + 1 + length > longest_name) return std::nullopt;
      if (message_.size() - at < 1 + length) return std::nullopt;
      const auto label = message_.subspan(at, 1 + length);
      name.append(label.begin(), label.end());
      at += 1 + length;
      if (length == 0) {
        at_ = behind.value_or(at);
        return name;
      }
    }
    return std::nullopt;
  }

  std::optional<Message> bytes(std::size_t count) {
    if (message_.size() - at_ < count) return std::nullopt;
    at_ += count;
    return message_.subspan(at_ - count, count);
  }

  std::optional<Place> record() {
    Place place;
    place.begin = at_;
    auto owner = name();
    const auto type = owner ? number() : std::nullopt;
    const auto klass = type ? number() : std::nullopt;
    const auto ttl_high = klass ? number() : std::nullopt;
    const auto ttl_low = ttl_high ? number() : std::nullopt;
    const auto length = ttl_low ? number() : std::nullopt;
    if (!length || message_.size() - at_ < *length) return std::nullopt;
    place.owner = folded(std::move(*owner));
    place.type = *type;
    place.klass = *klass;
    place.rdata = at_;
    at_ += *length;
    place.end = at_;
    return place;
  }

 private:
  Message message_;
  std::size_t at_;
};

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authority = 0;
  std::uint16_t additional = 0;

  bool is_answer() const { return flags & 0x8000; }
  unsigned opcode() const { return flags >> 11 & 0xf; }
  bool truncated() const { return flags & 0x0200; }
  bool authoritative() const { return flags & 0x0400; }
  bool authenticated() const { return flags & 0x0020; }
  unsigned rcode() const { return flags & 0xf; }
};

std::optional<Header> read_header(Reader& reader) {
  Header header;
  for (auto* field : {&header.id, &header.flags, &header.questions, &header.answers,
                      &header.authority, &header.additional}) {
    const auto value = reader.number();
    if (!value) return std::nullopt;
    *field = *value;
  }
  return header;
}

std::string rcode_text(unsigned rcode) {
  switch (rcode) {  // RFC 6895, 2.3; ldns says NOTIMPL where everybody else says NOTIMP
    case LDNS_RCODE_NOERROR:
      return "NOERROR";
    case 16:
      return "BADVERS";
    case LDNS_RCODE_FORMERR:
      return "FORMERR";
    case LDNS_RCODE_SERVFAIL:
      return "SERVFAIL";
    case LDNS_RCODE_NXDOMAIN:
      return "NXDOMAIN";
    case LDNS_RCODE_NOTIMPL:
      return "NOTIMP";
    case LDNS_RCODE_REFUSED:
      return "REFUSED";
    case LDNS_RCODE_YXDOMAIN:
      return "YXDOMAIN";
    case LDNS_RCODE_YXRRSET:
      return "YXRRSET";
    case LDNS_RCODE_NXRRSET:
      return "NXRRSET";
    case LDNS_RCODE_NOTAUTH:
      return "NOTAUTH";
    case LDNS_RCODE_NOTZONE:
      return "NOTZONE";
    default:
      return fmt::format("rcode {}", rcode);
  }
}

/// A server that could not read, or did not want to, need not repeat the question.
bool may_omit_question(unsigned rcode) {
  return rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_SERVFAIL ||
         rcode == LDNS_RCODE_NOTIMPL || rcode == LDNS_RCODE_REFUSED;
}

std::string type_text(ldns_rr_type type) {
  return core::RecordType::of(static_cast<std::uint16_t>(type)).text();
}

std::string name_text(const std::string& name) {
  const Rdf rdf(ldns_dname_new_frm_data(static_cast<std::uint16_t>(name.size()), name.data()));
  const Text text(rdf ? ldns_rdf2str(rdf.get()) : nullptr);
  return text ? core::printable(text.get()) : std::string("?");
}

void append(std::string& to, std::uint16_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
}

/// The bytes that a field of this type has, where that does not depend on the record.
std::size_t fixed_size(ldns_rdf_type field) {
  switch (field) {
    case LDNS_RDF_TYPE_INT8:
    case LDNS_RDF_TYPE_ALG:
      return 1;
    case LDNS_RDF_TYPE_INT16:
    case LDNS_RDF_TYPE_TYPE:
    case LDNS_RDF_TYPE_CLASS:
    case LDNS_RDF_TYPE_CERT_ALG:
      return 2;
    case LDNS_RDF_TYPE_INT32:
    case LDNS_RDF_TYPE_TIME:
    case LDNS_RDF_TYPE_PERIOD:
      return 4;
    default:
      return 0;
  }
}

/// The record's data with its names uncompressed.
std::optional<std::string> plain_data(Message message, const Place& place,
                                      const ldns_rr_descriptor& descriptor) {
  std::size_t names_end = 0;  // behind the last field that is a name
  for (std::size_t i = 0; i < ldns_rr_descriptor_minimum(&descriptor); ++i)
    if (ldns_rr_descriptor_field_type(&descriptor, i) == LDNS_RDF_TYPE_DNAME) names_end = i + 1;
  Reader reader(message.first(place.end), place.rdata);
  std::string data;
  for (std::size_t i = 0; i < names_end; ++i) {
    const auto field = ldns_rr_descriptor_field_type(&descriptor, i);
    if (field == LDNS_RDF_TYPE_DNAME) {
      const auto name = reader.name();
      if (!name) return std::nullopt;
      data += *name;
      continue;
    }
    auto size = fixed_size(field);
    if (field == LDNS_RDF_TYPE_STR && reader.at() < place.end) size = 1U + message[reader.at()];
    const auto bytes = size > 0 ? reader.bytes(size) : std::nullopt;
    if (!bytes) return std::nullopt;
    data.append(bytes->begin(), bytes->end());
  }
  const auto rest = message.subspan(reader.at(), place.end - reader.at());
  data.append(rest.begin(), rest.end());
  return data;
}

/// RFC 3597, 5: "\\# 2 c0de".
std::string generic_text(Message data) {
  auto text = fmt::format("\\# {}", data.size());
  if (!data.empty()) text += ' ';
  for (const auto byte : data) text += fmt::format("{:02x}", byte);
  return text;
}

/// The record's data as in a zone file; nothing if they are not what the type says.
std::optional<std::string> data_text(Message message, const Place& place) {
  const auto type = static_cast<std::uint16_t>(place.type);
  if (!core::RecordType::of(type).known())
    return generic_text(message.subspan(place.rdata, place.end - place.rdata));
  const auto* descriptor = ldns_rr_descript(type);
  const auto data = plain_data(message, place, *descriptor);
  if (!data || data->size() > 0xffff) return std::nullopt;
  std::string wire(1, '\0');  // the owner does not matter
  for (const unsigned field :
       {place.type, place.klass, 0U, 0U, static_cast<unsigned>(data->size())})
    append(wire, static_cast<std::uint16_t>(field));
  wire += *data;

  ldns_rr* decoded = nullptr;
  std::size_t at = 0;
  const std::vector<std::uint8_t> bytes(wire.begin(), wire.end());
  const auto status = ldns_wire2rr(&decoded, bytes.data(), bytes.size(), &at, LDNS_SECTION_ANSWER);
  if (status != LDNS_STATUS_OK) return std::nullopt;
  const Record record(decoded);
  // ldns takes a record with too little data, even none, and leaves a rest unread.
  if (at != bytes.size() || ldns_rr_rd_count(record.get()) < ldns_rr_descriptor_minimum(descriptor))
    return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(record.get()); ++i) {
    const Text field(ldns_rdf2str(ldns_rr_rdf(record.get(), i)));
    if (!field) return std::nullopt;
    if (i > 0) text += ' ';
    text += field.get();
  }
  return text;
}

Verdict malformed() {
  return {core::OutcomeKind::error, "malformed answer"};
}

/// The records of a message, as far as they concern the question.
struct Records {
  std::map<std::string, std::string> aliases;                ///< CNAME: from owner to target
  std::map<std::string, std::vector<std::string>> by_owner;  ///< those of the asked type
  unsigned rcode_high = 0;                                   ///< from EDNS (RFC 6891, 6.1.3)
  std::string nsid;                                          ///< printable
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

/// What the OPT record says; false if it cannot be read.
bool read_edns(Message message, const Place& place, Records& records) {
  records.rcode_high = message[place.rdata - 6];  // the first byte of what else is the TTL
  Reader options(message.first(place.end), place.rdata);
  while (options.at() < place.end) {
    const auto code = options.number();
    const auto length = code ? options.number() : std::nullopt;
    const auto value = length ? options.bytes(*length) : std::nullopt;
    if (!value) return false;
    if (*code == LDNS_EDNS_NSID && !value->empty()) records.nsid = nsid_text(*value);
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

/// Which expectation the records do not meet; empty if there is none.
std::string what_is_missing(const Found& found, const core::DnsExpectations& expect,
                            ldns_rr_type type) {
  const auto& records = found.records;
  if (records.size() < expect.min_answers) {
    if (records.empty()) return found.none;
    return fmt::format("expected at least {} answers; got {}", expect.min_answers, records.size());
  }
  const auto has = [&](const std::string& expected) {
    return std::ranges::any_of(
        records, [&](const auto& record) { return is_expected(record, expected, type); });
  };
  const auto got = [&] { return records.empty() ? found.none : listed(records); };
  if (!expect.any.empty() && std::ranges::none_of(expect.any, has)) {
    return fmt::format("expected {}{}; got {}", expect.any.size() > 1 ? "one of " : "",
                       listed(expect.any), got());
  }
  if (!std::ranges::all_of(expect.all, has)) {
    return fmt::format("expected {}{}; got {}", expect.all.size() > 1 ? "all of " : "",
                       listed(expect.all), got());
  }
  return "";
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
                   const Question& question, const core::DnsExpectations& expect) {
  const auto wanted = static_cast<unsigned>(expect.rcode);
  if (rcode != wanted && wanted != LDNS_RCODE_NOERROR)
    return {core::OutcomeKind::error,
            fmt::format("expected {}; got {}", rcode_text(wanted), rcode_text(rcode))};
  if (rcode != wanted)
    return {rcode == LDNS_RCODE_NXDOMAIN ? core::OutcomeKind::nxdomain : core::OutcomeKind::error,
            rcode_text(rcode)};
  if (expect.authoritative && !header.authoritative())
    return {core::OutcomeKind::error, "expected the AA flag; it is not set"};
  if (expect.authenticated && !header.authenticated())
    return {core::OutcomeKind::error, "expected the AD flag; it is not set"};
  if (rcode != LDNS_RCODE_NOERROR) return {core::OutcomeKind::ok, rcode_text(rcode)};
  if (auto missing = what_is_missing(found, expect, question.type()); !missing.empty())
    return {core::OutcomeKind::error, std::move(missing)};
  if (found.records.empty()) return {core::OutcomeKind::ok, "no data"};
  const auto& last = found.records.back();
  Verdict verdict{core::OutcomeKind::ok, core::printable(last)};
  if (question.type() == LDNS_RR_TYPE_SOA) verdict.serial = serial_of(last);
  return verdict;
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
  if (status != LDNS_STATUS_OK) return refuse(ldns_get_errorstr_by_id(status));
  const auto* data = ldns_rdf_data(rdf.get());
  return Question(std::string(data, data + ldns_rdf_size(rdf.get())), type, klass);
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
  const auto refuse = [] {
    return std::unexpected(core::Error{"make a DNS query", "out of memory", ""});
  };
  Rdf name(ldns_dname_new_frm_data(static_cast<std::uint16_t>(name_.size()), name_.data()));
  if (!name) return refuse();
  const Packet packet(ldns_pkt_query_new(name.get(), type_, klass_, LDNS_RD));
  if (!packet) return refuse();
  static_cast<void>(name.release());  // the packet's by now
  ldns_pkt_set_id(packet.get(), id);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  const auto status = ldns_pkt2wire(&wire, packet.get(), &size);
  const Bytes bytes(wire);
  if (status != LDNS_STATUS_OK) return refuse();
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
                const core::DnsExpectations& expect) {
  Reader reader(message);
  const auto header = read_header(reader);
  if (!header) return Ignored::too_short;
  if (header->id != id) return Ignored::wrong_id;
  if (!header->is_answer() || header->opcode() != LDNS_PACKET_QUERY) return Ignored::not_an_answer;

  if (header->questions == 0 && may_omit_question(header->rcode()))
    return verdict_on(header->rcode(), *header, {}, question, expect);
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
  auto verdict =
      verdict_on(records->rcode_high << 4 | header->rcode(), *header, found, question, expect);
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
