#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dns/ldns.hpp"

// DNS messages in wire format, and the records in them.

namespace withdrawd::dns {

template <auto free>
struct Free {
  void operator()(auto* what) const { free(what); }
};

using Packet = std::unique_ptr<ldns_pkt, Free<ldns_pkt_free>>;
using Rdf = std::unique_ptr<ldns_rdf, Free<ldns_rdf_deep_free>>;
using Record = std::unique_ptr<ldns_rr, Free<ldns_rr_free>>;
using OwnedBytes = std::unique_ptr<std::uint8_t, Free<std::free>>;
using Text = std::unique_ptr<char, Free<std::free>>;

using RecordList = std::unique_ptr<ldns_rr_list, Free<ldns_rr_list_deep_free>>;

using Message = std::span<const std::uint8_t>;

inline constexpr std::size_t longest_name = 255;  ///< RFC 1035, 3.1

/// A name in wire format as names compare: without case (RFC 1035, 2.3.3).
std::string folded(std::string name);

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
  std::optional<std::string> name();

  std::optional<Message> bytes(std::size_t count) {
    if (message_.size() - at_ < count) return std::nullopt;
    at_ += count;
    return message_.subspan(at_ - count, count);
  }

  std::optional<Place> record();

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

std::optional<Header> read_header(Reader& reader);

/// "NXDOMAIN", "rcode 11".
std::string rcode_text(unsigned rcode);
/// "AAAA", "TYPE65280".
std::string type_text(unsigned type);
/// "www.example."; printable.
std::string name_text(const std::string& name);

/// A name in wire format as ldns has it, and back; nothing if there is no memory.
Rdf name_rdf(const std::string& name);
std::string bytes_of(const ldns_rdf* rdf);

void append(std::string& to, std::uint16_t number);

// Names in wire format, folded.

/// How many labels a name has; the root has none.
unsigned count_labels(std::string_view name);
/// The wildcard below the name.
std::string wildcard_at(const std::string& name);
bool is_wildcard(std::string_view name);
/// The name without its first label; not for the root.
std::string parent_of(const std::string& name);
/// The name's last `labels` labels.
std::string last_labels(const std::string& name, unsigned labels);
/// Is `name` this zone, or below it?
bool is_within(std::string_view name, std::string_view zone);
/// The order of RFC 4034, 6.1.
bool is_before(std::string_view one, std::string_view other);

/// The record with its names uncompressed, as ldns has it, with this owner (a name in wire format)
/// and a TTL of 0; nothing if the data are not what the type says.
/// A type without a mnemonic of ours is opaque (RFC 3597).
Record decode(Message message, const Place& place, const std::string& owner);
/// The same of data in wire format, without compression. The type must have a mnemonic of ours.
Record record_of(const std::string& owner, unsigned type, unsigned klass, std::string_view data);
/// The record's data with its names uncompressed, in wire format.
std::optional<std::string> plain_data(Message message, const Place& place);
/// The record's data as in a zone file; nothing if they are not what the type says.
std::optional<std::string> data_text(Message message, const Place& place);

}  // namespace withdrawd::dns
