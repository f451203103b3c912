#include "core/trust_anchor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <expected>
#include <optional>
#include <span>
#include <utility>

#include "core/check.hpp"
#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

using Words = std::vector<std::string_view>;
/// What is wrong, in words.
template <class T>
using Read = std::expected<T, std::string>;

constexpr std::string_view advice =
    "DS or DNSKEY records as in a zone file, such as \"example. IN DS 12345 13 2 0123...\"";

std::string lower(std::string_view text) {
  std::string folded(text);
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return folded;
}

std::optional<unsigned> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value > most) return {};
  return value;
}

/// IANA's registry of DNS security algorithm numbers.
std::optional<unsigned> algorithm(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 8> mnemonics{
      {{"rsasha1", 5},
       {"rsasha1-nsec3-sha1", 7},
       {"rsasha256", 8},
       {"rsasha512", 10},
       {"ecdsap256sha256", 13},
       {"ecdsap384sha384", 14},
       {"ed25519", 15},
       {"ed448", 16}}};
  const auto word = lower(text);
  for (const auto& [name, value] : mnemonics)
    if (word == name) return value;
  return number(text, 255);
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const auto& word : words) text += word;
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return {};
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, failed] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (failed != std::errc() || end != text.data() + i + 2) return {};
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return {};
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string bytes;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == digits.npos) return {};
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  return bytes;
}

void append(std::string& to, unsigned sixteen_bits) {
  to += static_cast<char>(sixteen_bits >> 8);
  to += static_cast<char>(sixteen_bits & 0xff);
}

/// The bytes that a digest of this type has (RFC 4509, 6605), or 0.
std::size_t digest_size(unsigned type) {
  return type == 1 ? 20 : type == 2 ? 32 : type == 4 ? 48 : 0;
}

Read<std::string> ds_data(std::span<const std::string_view> fields) {
  if (fields.size() < 4)
    return std::unexpected("a DS record has a key tag, an algorithm, a digest type and a digest");
  const auto tag = number(fields[0], 65535);
  const auto with = algorithm(fields[1]);
  const auto type = number(fields[2], 255);
  if (!tag) return std::unexpected(fmt::format("\"{}\" is no key tag", printable(fields[0], 40)));
  if (!with)
    return std::unexpected(fmt::format("\"{}\" is no algorithm", printable(fields[1], 40)));
  if (!type || digest_size(*type) == 0)
    return std::unexpected(fmt::format("\"{}\" is no digest type (1 SHA-1, 2 SHA-256, 4 SHA-384)",
                                       printable(fields[2], 40)));
  const auto digest = from_hex(joined(fields.subspan(3)));
  if (!digest) return std::unexpected("the digest is not hexadecimal");
  if (digest->size() != digest_size(*type))
    return std::unexpected(
        fmt::format("the digest has {} bytes; expected {}", digest->size(), digest_size(*type)));
  std::string data;
  append(data, *tag);
  data += static_cast<char>(*with);
  data += static_cast<char>(*type);
  return data + *digest;
}

Read<std::string> dnskey_data(std::span<const std::string_view> fields) {
  constexpr unsigned zone_key = 0x100;  // RFC 4034, 2.1.1
  constexpr unsigned revoked = 0x80;    // RFC 5011, 7
  if (fields.size() < 4)
    return std::unexpected("a DNSKEY record has flags, the protocol 3, an algorithm and a key");
  const auto flags = number(fields[0], 65535);
  const auto with = algorithm(fields[2]);
  if (!flags || (*flags & zone_key) == 0)
    return std::unexpected(
        fmt::format("the flags \"{}\" are not those of a zone's key", printable(fields[0], 40)));
  if (*flags & revoked) return std::unexpected("the key is revoked");
  if (fields[1] != "3")
    return std::unexpected(
        fmt::format("the protocol is \"{}\"; expected 3", printable(fields[1], 40)));
  if (!with)
    return std::unexpected(fmt::format("\"{}\" is no algorithm", printable(fields[2], 40)));
  const auto key = from_base64(joined(fields.subspan(3)));
  if (!key || key->empty()) return std::unexpected("the key is not base64");
  std::string data;
  append(data, *flags);
  data += '\3';
  data += static_cast<char>(*with);
  return data + *key;
}

bool is_ttl(std::string_view word) {
  return !word.empty() && word[0] >= '0' && word[0] <= '9' && std::ranges::all_of(word, [](char c) {
    return (c >= '0' && c <= '9') || std::string_view("smhdwSMHDW").contains(c);
  });
}

Read<TrustAnchor> anchor_of(const Words& words) {
  const auto zone = parse_domain_name(words[0]);
  if (!zone)
    return std::unexpected(fmt::format("\"{}\" is no domain name", printable(words[0], 80)));
  std::size_t at = 1;
  while (at < words.size() && at < 3 && (lower(words[at]) == "in" || is_ttl(words[at]))) ++at;
  const auto type = at < words.size() ? lower(words[at]) : "";
  if (type != "ds" && type != "dnskey") {
    return std::unexpected(
        type.empty() ? "it has no type"
                     : fmt::format("\"{}\" is not DS or DNSKEY", printable(words[at], 40)));
  }
  const auto fields = std::span(words).subspan(at + 1);
  auto data = type == "ds" ? ds_data(fields) : dnskey_data(fields);
  if (!data) return std::unexpected(data.error());
  auto name = lower(*zone);
  if (!name.ends_with('.')) name += '.';
  return TrustAnchor{std::move(name), RecordType::of(type == "ds" ? 43 : 48), *std::move(data)};
}

/// unbound notes 1 (not yet), 2 (valid), 3 (missing from the zone, but not revoked), 4 (revoked)...
bool is_out_of_use(std::string_view comment) {
  constexpr std::string_view mark = ";;state=";
  const auto at = comment.find(mark);
  if (at == comment.npos || at + mark.size() >= comment.size()) return false;
  const char state = comment[at + mark.size()];
  return state != '2' && state != '3';
}

/// One record, which parentheses may stretch over several lines.
struct Entry {
  unsigned line = 0;  ///< of its beginning
  Words words;
  bool out_of_use = false;
};

/// What is wrong with how the lines hang together, or the entries.
Read<std::vector<Entry>> entries_of(std::string_view text) {
  std::vector<Entry> entries;
  unsigned line_number = 0;
  bool open = false;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++line_number;
    const auto comment = line.substr(std::min(line.find(';'), line.size()));
    line.remove_suffix(comment.size());
    if (!open) entries.push_back({line_number, {}, false});
    auto& entry = entries.back();
    entry.out_of_use = entry.out_of_use || is_out_of_use(comment);
    constexpr std::string_view blanks = " \t\r";
    const bool begins_blank = !line.empty() && blanks.contains(line[0]);
    for (std::size_t at = 0; (at = line.find_first_not_of(blanks, at)) != line.npos;) {
      if (line[at] == '(' || line[at] == ')') {
        if (open == (line[at] == '('))
          return std::unexpected(fmt::format("line {}: a parenthesis too many", line_number));
        open = !open;
        ++at;
        continue;
      }
      const auto end = std::min(line.find_first_of(" \t\r()", at), line.size());
      if (entry.words.empty() && begins_blank && at > 0)
        return std::unexpected(fmt::format("line {}: the record has no name", line_number));
      entry.words.push_back(line.substr(at, end - at));
      at = end;
    }
  }
  if (open) return std::unexpected("a parenthesis is not closed");
  std::erase_if(entries, [](const auto& entry) { return entry.words.empty() || entry.out_of_use; });
  return entries;
}

}  // namespace

Result<std::vector<TrustAnchor>> parse_trust_anchors(std::string_view text) {
  const auto refused = [](std::string happened) {
    return std::unexpected(Error{"read a trust anchor", std::move(happened), std::string(advice)});
  };
  const auto entries = entries_of(text);
  if (!entries) return refused(entries.error());
  std::vector<TrustAnchor> anchors;
  for (const auto& entry : *entries) {
    auto anchor = anchor_of(entry.words);
    if (!anchor) return refused(fmt::format("line {}: {}", entry.line, anchor.error()));
    anchors.push_back(*std::move(anchor));
  }
  if (anchors.empty()) return refused("there is no record in it");
  return anchors;
}

bool is_in_zone(std::string_view name, std::string_view zone) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (zone.ends_with('.')) zone.remove_suffix(1);
  if (zone.empty()) return true;
  const auto below = lower(name);
  const auto above = lower(zone);
  return below == above ||
         (below.ends_with(above) && below[below.size() - above.size() - 1] == '.');
}

}  // namespace withdrawd::core
