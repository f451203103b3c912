#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "core/address.hpp"
#include "core/error.hpp"

namespace withdrawd::core {

/// An IP prefix as bgpd's `network` statement takes it: an address whose host bits are zero, and
/// a length. Always valid, always canonical.
class Prefix {
 public:
  /// Accepts "192.0.2.0/24", "2001:db8::/32", and an address alone as a /32 or /128.
  /// Host bits that are set are an error whose advice offers the prefix without them.
  static Result<Prefix> parse(std::string_view text);

  /// The prefix of `length` bits (0 to address.bits()) that holds `address`: host bits are cleared.
  static Prefix containing(const Address& address, int length);

  const Address& address() const { return address_; }
  Family family() const { return address_.family(); }
  int length() const { return length_; }

  /// Does every address of `other` belong to this prefix? True of a prefix and itself.
  bool contains(const Prefix& other) const;
  /// Is there an address in both?
  bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }

  /// "192.0.2.0/24": as bgpd prints it.
  std::string text() const;

  auto operator<=>(const Prefix&) const = default;

 private:
  Prefix(const Address& address, int length) : address_(address), length_(length) {}

  Address address_;
  int length_;
};

}  // namespace withdrawd::core
