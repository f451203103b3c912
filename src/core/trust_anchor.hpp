#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/record_type.hpp"

namespace withdrawd::core {

/// Where the validation of signed DNS data begins: a key of a zone, or a digest of one.
struct TrustAnchor {
  std::string zone;  ///< a valid domain name, in lower case and with its trailing dot
  RecordType type;   ///< DS or DNSKEY
  std::string data;  ///< as on the wire (RFC 4034, 5.1 and 2.1)

  bool operator==(const TrustAnchor&) const = default;
};

/// Reads DS and DNSKEY records in the form of a zone file, as unbound's and Debian's root.key have
/// them: at least one. Names are absolute with or without a trailing dot; algorithms are numbers or
/// mnemonics. A key that unbound has noted as not, or no longer, valid (RFC 5011; ";;state=") is
/// passed over. An error names the line.
Result<std::vector<TrustAnchor>> parse_trust_anchors(std::string_view text);

/// Is `name` this zone, or a name below it? Both with or without a trailing dot, in any case.
bool is_in_zone(std::string_view name, std::string_view zone);

}  // namespace withdrawd::core
