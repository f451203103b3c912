#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace withdrawd::core {

/// The type of a DNS record that can be asked for. Always valid.
class RecordType {
 public:
  /// Accepts a mnemonic in any case ("AAAA", "txt"), or "TYPE65280" (RFC 3597, 5).
  static Result<RecordType> parse(std::string_view text);

  RecordType() = default;  ///< A

  std::uint16_t number() const { return number_; }
  /// The mnemonic, or "TYPE65280".
  std::string text() const;
  /// Does it have a mnemonic, so that what its data look like is known?
  bool known() const;

  auto operator<=>(const RecordType&) const = default;

  static RecordType a() { return RecordType(1); }
  static RecordType soa() { return RecordType(6); }
  static RecordType txt() { return RecordType(16); }
  static RecordType aaaa() { return RecordType(28); }
  /// Any number; not all of them can be asked for (`parse` refuses ANY and the like).
  static RecordType of(std::uint16_t number) { return RecordType(number); }

 private:
  explicit RecordType(std::uint16_t number) : number_(number) {}

  std::uint16_t number_ = 1;
};

}  // namespace withdrawd::core
