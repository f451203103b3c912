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
  Address(Family family, const std::array<std::uint8_t, 16>& bytes)
      : family_(family), bytes_(bytes) {}

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

  /// Accepts "127.0.0.1", "127.0.0.1:53", "::1", "[::1]" and "[::1]:53". A port in the text is 1 to
  /// 65535; none in it means `default_port` (pass 0 to learn that there was none).
  static Result<Endpoint> parse(std::string_view text, std::uint16_t default_port);

  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace withdrawd::core
