#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace withdrawd::core {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// An IPv4 or IPv6 address. Always valid.
/// Text goes through the C library's inet_pton/inet_ntop, as in bgpd itself, so that both print
/// an address the same way (RFC 5952).
class Address {
 public:
  /// Accepts "192.0.2.1" and "2001:db8::1"; no port, no prefix length, no zone.
  static Result<Address> parse(std::string_view text);

  /// The bytes in network order; IPv4 uses the first four, the rest must be zero.
  Address(Family family, const std::array<std::uint8_t, 16>& bytes) : family_(family), bytes_(bytes) {}

  Family family() const { return family_; }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  /// 32 or 128.
  int bits() const { return family_ == Family::ipv4 ? 32 : 128; }
  std::string text() const;

  auto operator<=>(const Address&) const = default;

 private:
  Family family_;
  std::array<std::uint8_t, 16> bytes_;
};

/// An address and a port, printed "127.0.0.1:53" or "[::1]:53".
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace withdrawd::core
