#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/address.hpp"
#include "core/error.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

enum class DnsTransport : std::uint8_t {
  udp,  ///< UDP, and TCP when the answer is truncated
  tcp,  ///< TCP alone
};

/// "udp", "tcp".
std::string_view name(DnsTransport transport);

/// A domain name that can be asked for: labels of 1 to 63 letters, digits, hyphens and underscores,
/// 253 bytes at most; a trailing dot is kept.
Result<std::string> parse_domain_name(std::string_view text);

/// One question for one DNS server.
struct DnsQuestion {
  Endpoint server;
  std::string name;  ///< what is asked for, type A; a valid domain name, trailing dot or not
  DnsTransport transport = DnsTransport::udp;
  Duration timeout = std::chrono::seconds(1);  ///< for all tries together
  unsigned tries = 2;  ///< spread evenly over `timeout`, each with its own ID and source port

  /// "127.0.0.1:53, A www.test.com"
  std::string text() const;
};

/// When a run of outcomes becomes health, and how often to ask.
struct HealthPolicy {
  unsigned rise = 3;                                   ///< good outcomes in a row that make it up
  unsigned fall = 1;                                   ///< bad outcomes in a row that make it down
  Duration interval = std::chrono::milliseconds(800);  ///< from one asking to the next
  Duration fast_interval = std::chrono::milliseconds(200);  ///< the same while a change is near
};

struct Check {
  std::string name;
  DnsQuestion question;
  HealthPolicy policy;
};

}  // namespace withdrawd::core
