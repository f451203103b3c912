#include "dns/message.hpp"

#include <fmt/format.h>

#include <algorithm>
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
/// read here, with a bound, and ldns gets the records that matter. (Types whose data hold names
/// need those read here first, as is done for CNAME.)
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
  const Text text(ldns_rr_type2str(type));
  return text ? text.get() : fmt::format("TYPE{}", static_cast<unsigned>(type));
}

std::string name_text(const std::string& name) {
  const Rdf rdf(ldns_dname_new_frm_data(static_cast<std::uint16_t>(name.size()), name.data()));
  const Text text(rdf ? ldns_rdf2str(rdf.get()) : nullptr);
  return text ? core::printable(text.get()) : std::string("?");
}

/// The record's data as in a zone file; nothing if ldns cannot decode it as what its type says.
std::optional<std::string> data_text(Message message, const Place& place) {
  ldns_rr* decoded = nullptr;
  std::size_t at = place.begin;
  const auto status =
      ldns_wire2rr(&decoded, message.data(), message.size(), &at, LDNS_SECTION_ANSWER);
  if (status != LDNS_STATUS_OK) return std::nullopt;
  const Record record(decoded);
  // ldns takes a record with too little data, even none, and leaves a rest unread.
  const auto* descriptor = ldns_rr_descript(static_cast<std::uint16_t>(place.type));
  if (at != place.end || ldns_rr_rd_count(record.get()) < ldns_rr_descriptor_minimum(descriptor))
    return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(record.get()); ++i) {
    const Text field(ldns_rdf2str(ldns_rr_rdf(record.get(), i)));
    if (!field) return std::nullopt;
    if (i > 0) text += ' ';
    text += field.get();
  }
  return core::printable(text);
}

Verdict malformed() {
  return {core::OutcomeKind::error, "malformed answer"};
}

/// The answer section, as far as it concerns the question.
struct Answers {
  std::map<std::string, std::string> aliases;    ///< CNAME: from owner to target
  std::map<std::string, std::string> addresses;  ///< the last record of the asked type, by owner
};

/// Nothing if the section, or what follows it, cannot be decoded.
std::optional<Answers> read_records(Message message, Reader reader, const Header& header,
                                    const Question& question) {
  Answers answers;
  for (unsigned i = 0; i < header.answers; ++i) {
    auto place = reader.record();
    if (!place) return std::nullopt;
    if (place->klass != static_cast<unsigned>(question.klass())) continue;
    if (place->type == static_cast<unsigned>(question.type())) {
      auto text = data_text(message, *place);
      if (!text) return std::nullopt;
      answers.addresses.insert_or_assign(std::move(place->owner), std::move(*text));
    } else if (place->type == LDNS_RR_TYPE_CNAME) {
      Reader rdata(message.first(place->end), place->rdata);
      auto target = rdata.name();
      if (!target || rdata.at() != place->end) return std::nullopt;
      answers.aliases.emplace(std::move(place->owner), folded(std::move(*target)));
    }
  }
  for (unsigned i = 0; i < header.authority + header.additional; ++i)
    if (!reader.record()) return std::nullopt;
  return answers;
}

/// Follows the aliases from the name asked for to its records.
Verdict resolve(const Answers& answers, const Question& question) {
  std::string owner = folded(question.name());
  for (std::size_t steps = 0; steps <= answers.aliases.size(); ++steps) {
    if (const auto found = answers.addresses.find(owner); found != answers.addresses.end())
      return {core::OutcomeKind::ok, found->second};
    const auto alias = answers.aliases.find(owner);
    if (alias != answers.aliases.end()) {
      owner = alias->second;
      continue;
    }
    if (steps == 0) return {core::OutcomeKind::error, "no data"};
    return {core::OutcomeKind::error, fmt::format("no data (CNAME to {} without any {} record)",
                                                  name_text(owner), type_text(question.type()))};
  }
  return {core::OutcomeKind::error, fmt::format("no data (CNAME loop at {})", name_text(owner))};
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

// Without EDNS: the first script of this kind asked without, there are servers that answer FORMERR
// to it, and what it would buy (answers above 512 bytes) TCP gives as well.
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
  return std::vector<std::uint8_t>(wire, wire + size);
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

Judgement judge(std::span<const std::uint8_t> message, std::uint16_t id, const Question& question) {
  Reader reader(message);
  const auto header = read_header(reader);
  if (!header) return Ignored::too_short;
  if (header->id != id) return Ignored::wrong_id;
  if (!header->is_answer() || header->opcode() != LDNS_PACKET_QUERY) return Ignored::not_an_answer;

  if (header->questions == 0 && may_omit_question(header->rcode()))
    return Verdict{core::OutcomeKind::error, rcode_text(header->rcode())};
  if (header->questions != 1) return Ignored::wrong_question;
  const auto name = reader.name();
  const auto type = name ? reader.number() : std::nullopt;
  const auto klass = type ? reader.number() : std::nullopt;
  if (!klass) return malformed();
  if (folded(*name) != folded(question.name()) || *type != static_cast<unsigned>(question.type()) ||
      *klass != static_cast<unsigned>(question.klass()))
    return Ignored::wrong_question;

  if (header->truncated()) return Truncated{};  // before the records, which may be cut anywhere

  const auto answers = read_records(message, reader, *header, question);
  if (!answers) return malformed();
  if (header->rcode() == LDNS_RCODE_NXDOMAIN)
    return Verdict{core::OutcomeKind::nxdomain, "NXDOMAIN"};
  if (header->rcode() != LDNS_RCODE_NOERROR)
    return Verdict{core::OutcomeKind::error, rcode_text(header->rcode())};
  return resolve(*answers, question);
}

}  // namespace withdrawd::dns
