#include "dns/wire.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>
#include <vector>

#include "core/outcome.hpp"
#include "core/record_type.hpp"

namespace withdrawd::dns {
namespace {

constexpr unsigned most_labels = 127;

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

/// A record whose data nobody looks into.
Record opaque(Message message, const Place& place, const std::string& owner) {
  const auto data = message.subspan(place.rdata, place.end - place.rdata);
  Rdf name = name_rdf(owner);
  Rdf field(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, data.size(), data.data()));
  Record record(ldns_rr_new());
  if (!name || !field || !record) return nullptr;
  ldns_rr_set_owner(record.get(), name.release());
  ldns_rr_set_type(record.get(), static_cast<ldns_rr_type>(place.type));
  ldns_rr_set_class(record.get(), static_cast<ldns_rr_class>(place.klass));
  if (!ldns_rr_push_rdf(record.get(), field.get())) return nullptr;
  static_cast<void>(field.release());
  return record;
}

}  // namespace

// The bytes that count a label's length are at most
// 63, below 'A', so the whole wire format can be folded as if it were text.
std::string folded(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

std::optional<std::string> Reader::name() {
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

std::optional<Place> Reader::record() {
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

std::string type_text(unsigned type) {
  return core::RecordType::of(static_cast<std::uint16_t>(type)).text();
}

Rdf name_rdf(const std::string& name) {
  return Rdf(ldns_dname_new_frm_data(static_cast<std::uint16_t>(name.size()), name.data()));
}

std::string bytes_of(const ldns_rdf* rdf) {
  const auto* data = ldns_rdf_data(rdf);
  return {data, data + ldns_rdf_size(rdf)};
}

std::string name_text(const std::string& name) {
  const Rdf rdf = name_rdf(name);
  const Text text(rdf ? ldns_rdf2str(rdf.get()) : nullptr);
  return text ? core::printable(text.get()) : std::string("?");
}

void append(std::string& to, std::uint16_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
}

namespace {

std::size_t label_size(std::string_view name) {
  return 1U + static_cast<unsigned char>(name.front());
}

/// Its labels without their lengths, the last first.
std::vector<std::string_view> labels_from_the_end(std::string_view name) {
  std::vector<std::string_view> labels;
  for (; label_size(name) > 1; name.remove_prefix(label_size(name)))
    labels.insert(labels.begin(), name.substr(1, label_size(name) - 1));
  return labels;
}

}  // namespace

unsigned count_labels(std::string_view name) {
  unsigned labels = 0;
  for (; label_size(name) > 1; name.remove_prefix(label_size(name))) ++labels;
  return labels;
}

std::string wildcard_at(const std::string& name) {
  return std::string("\1*", 2) + name;
}

bool is_wildcard(std::string_view name) {
  return name.starts_with(std::string_view("\1*", 2));
}

std::string parent_of(const std::string& name) {
  return name.substr(label_size(name));
}

std::string last_labels(const std::string& name, unsigned labels) {
  std::string rest = name;
  for (auto has = count_labels(name); has > labels; --has) rest = parent_of(rest);
  return rest;
}

bool is_within(std::string_view name, std::string_view zone) {
  while (name.size() > zone.size()) name.remove_prefix(label_size(name));
  return name == zone;
}

bool is_before(std::string_view one, std::string_view other) {
  // As bytes without a sign, which is how std::string_view compares.
  return labels_from_the_end(one) < labels_from_the_end(other);
}

std::optional<std::string> plain_data(Message message, const Place& place) {
  const auto type = static_cast<std::uint16_t>(place.type);
  if (core::RecordType::of(type).known())
    return plain_data(message, place, *ldns_rr_descript(type));
  return std::string(message.begin() + static_cast<std::ptrdiff_t>(place.rdata),
                     message.begin() + static_cast<std::ptrdiff_t>(place.end));
}

Record decode(Message message, const Place& place, const std::string& owner) {
  if (!core::RecordType::of(static_cast<std::uint16_t>(place.type)).known())
    return opaque(message, place, owner);
  const auto data = plain_data(message, place);
  return data ? record_of(owner, place.type, place.klass, *data) : nullptr;
}

Record record_of(const std::string& owner, unsigned type, unsigned klass, std::string_view data) {
  if (data.size() > 0xffff) return nullptr;
  std::string wire = owner;
  for (const unsigned field : {type, klass, 0U, 0U, static_cast<unsigned>(data.size())})
    append(wire, static_cast<std::uint16_t>(field));
  wire += data;

  ldns_rr* decoded = nullptr;
  std::size_t at = 0;
  const std::vector<std::uint8_t> bytes(wire.begin(), wire.end());
  const auto status = ldns_wire2rr(&decoded, bytes.data(), bytes.size(), &at, LDNS_SECTION_ANSWER);
  // That is no fault of the message.
  if (status == LDNS_STATUS_MEM_ERR) throw std::bad_alloc();
  if (status != LDNS_STATUS_OK) return nullptr;
  Record record(decoded);
  const auto* descriptor = ldns_rr_descript(static_cast<std::uint16_t>(type));
  // ldns takes a record with too little data, even none, and leaves a rest unread.
  if (at != bytes.size() || ldns_rr_rd_count(record.get()) < ldns_rr_descriptor_minimum(descriptor))
    return nullptr;
  return record;
}

std::optional<std::string> data_text(Message message, const Place& place) {
  if (!core::RecordType::of(static_cast<std::uint16_t>(place.type)).known())
    return generic_text(message.subspan(place.rdata, place.end - place.rdata));
  const auto record = decode(message, place, std::string(1, '\0'));  // the owner does not matter
  if (!record) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(record.get()); ++i) {
    const Text field(ldns_rdf2str(ldns_rr_rdf(record.get(), i)));
    if (!field) return std::nullopt;
    if (i > 0) text += ' ';
    text += field.get();
  }
  return text;
}

}  // namespace withdrawd::dns
