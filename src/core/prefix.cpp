#include "core/prefix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

std::unexpected<Error> refused(std::string_view text, std::string happened, std::string advice) {
  return std::unexpected(Error{fmt::format("read prefix \"{}\"", printable(text)),
                               std::move(happened), std::move(advice)});
}

/// The length as written, or -1: only plain digits without a leading zero, as bgpd prints it.
int parse_length(std::string_view text, int most) {
  if (text.empty() || text.size() > 3 || text.find_first_not_of("0123456789") != text.npos) {
    return -1;
  }
  if (text.size() > 1 && text.front() == '0') return -1;
  int length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length <= most ? length : -1;
}

}  // namespace

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::string_view example = "as in 192.0.2.0/24 or 2001:db8::/32";
  if (text.empty()) return refused(text, "it is empty", std::string(example));
  if (text.find_first_of(" \t\r\n\v\f") != text.npos) {
    return refused(text, "it contains white space", std::string(example));
  }
  const auto slash = text.find('/');
  if (slash != text.npos && text.find('/', slash + 1) != text.npos) {
    return refused(text, "it has more than one slash", std::string(example));
  }
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) {
    return refused(text,
                   slash == text.npos ? address.error().happened
                                      : "what stands before the slash is neither an IPv4 nor "
                                        "an IPv6 address",
                   std::string(example));
  }
  if (slash == text.npos) return Prefix(*address, address->bits());

  const int length = parse_length(text.substr(slash + 1), address->bits());
  if (length < 0) {
    return refused(text, "what stands after the slash is not a prefix length",
                   fmt::format("0 to {} for {}", address->bits(),
                               address->family() == Family::ipv4 ? "IPv4" : "IPv6"));
  }
  const auto prefix = containing(*address, length);
  if (prefix.address() != *address) {
    return refused(text, "host bits are set", fmt::format("did you mean {}?", prefix.text()));
  }
  return prefix;
}

Prefix Prefix::containing(const Address& address, int length) {
  assert(length >= 0 && length <= address.bits());
  auto bytes = address.bytes();
  for (int i = 0; i < static_cast<int>(bytes.size()); ++i) {
    const int kept = std::clamp(length - i * 8, 0, 8);
    auto& byte = bytes[static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(byte & (0xff00 >> kept));
  }
  return Prefix(Address(address.family(), bytes), length);
}

bool Prefix::contains(const Prefix& other) const {
  return family() == other.family() && length_ <= other.length_ &&
         containing(other.address_, length_) == *this;
}

std::string Prefix::text() const {
  return fmt::format("{}/{}", address_.text(), length_);
}

}  // namespace withdrawd::core
