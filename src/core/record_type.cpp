#include "core/record_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

struct Mnemonic {
  std::string_view text;
  std::uint16_t number;
};

/// Those of the IANA registry that servers answer with. Left out are types whose data need more
/// than a list of fields to read (HIP, IPSECKEY, APL, AMTRELAY): TYPEn asks for them, too.
constexpr std::array<Mnemonic, 43> mnemonics{
    {{"A", 1},      {"NS", 2},       {"CNAME", 5},       {"SOA", 6},     {"PTR", 12},
     {"HINFO", 13}, {"MINFO", 14},   {"MX", 15},         {"TXT", 16},    {"RP", 17},
     {"AFSDB", 18}, {"SIG", 24},     {"KEY", 25},        {"AAAA", 28},   {"LOC", 29},
     {"SRV", 33},   {"NAPTR", 35},   {"KX", 36},         {"CERT", 37},   {"DNAME", 39},
     {"DS", 43},    {"SSHFP", 44},   {"RRSIG", 46},      {"NSEC", 47},   {"DNSKEY", 48},
     {"DHCID", 49}, {"NSEC3", 50},   {"NSEC3PARAM", 51}, {"TLSA", 52},   {"SMIMEA", 53},
     {"CDS", 59},   {"CDNSKEY", 60}, {"OPENPGPKEY", 61}, {"CSYNC", 62},  {"ZONEMD", 63},
     {"SVCB", 64},  {"HTTPS", 65},   {"SPF", 99},        {"EUI48", 108}, {"EUI64", 109},
     {"URI", 256},  {"CAA", 257},    {"DLV", 32769}}};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// 41 is OPT, 128 to 255 are types for questions and meta types: AXFR, ANY, TSIG.
bool can_be_asked(unsigned number) {
  return number >= 1 && number <= 65535 && number != 41 && (number < 128 || number > 255);
}

}  // namespace

Result<RecordType> RecordType::parse(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), upper);
  const auto found = std::ranges::find(mnemonics, std::string_view(word), &Mnemonic::text);
  if (found != mnemonics.end()) return RecordType(found->number);
  const auto digits = std::string_view(word).substr(std::min<std::size_t>(4, word.size()));
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (word.starts_with("TYPE") && failed == std::errc() && end == digits.data() + digits.size() &&
      can_be_asked(number)) {
    return RecordType(static_cast<std::uint16_t>(number));
  }
  return std::unexpected(Error{fmt::format("read record type \"{}\"", printable(text)),
                               "it is not a type that can be asked for",
                               "such as A, AAAA, SOA, NS, TXT, CNAME, PTR, MX, SRV, CAA, or a "
                               "number as in TYPE65280"});
}

bool RecordType::known() const {
  return std::ranges::count(mnemonics, number_, &Mnemonic::number) > 0;
}

std::string RecordType::text() const {
  const auto found = std::ranges::find(mnemonics, number_, &Mnemonic::number);
  return found != mnemonics.end() ? std::string(found->text) : fmt::format("TYPE{}", number_);
}

}  // namespace withdrawd::core
