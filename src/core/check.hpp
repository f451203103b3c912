#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/address.hpp"
#include "core/error.hpp"
#include "core/record_type.hpp"
#include "core/time.hpp"
#include "core/trust_anchor.hpp"

namespace withdrawd::core {

enum class DnsTransport : std::uint8_t {
  udp,   ///< UDP, and TCP when the answer is truncated
  tcp,   ///< TCP alone
  both,  ///< one after the other; both must be ok
};

/// "udp", "tcp", "both".
std::string_view name(DnsTransport transport);

/// A domain name that can be asked for: labels of 1 to 63 letters, digits, hyphens and underscores,
/// 253 bytes at most; a trailing dot is kept. "." is the root.
Result<std::string> parse_domain_name(std::string_view text);

enum class DnsClass : std::uint16_t { in = 1, chaos = 3 };

/// Of an answer (RFC 1035, 4.1.1).
enum class Rcode : std::uint8_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
};

/// What counts as a good answer.
struct DnsExpectations {
  Rcode rcode = Rcode::noerror;  ///< another one is ok by itself: the rest is for NOERROR
  unsigned min_answers = 1;      ///< records of the asked type, at the end of the CNAMEs
  /// Compared with a record's data as a zone file has them: addresses as `Address` prints them,
  /// text with or without its quotes, anything else without case and with or without a trailing
  /// dot.
  std::vector<std::string>
      any;  ///< one of these must be among the records; empty: any record will do
  std::vector<std::string> all;  ///< each of these must be
  bool authoritative = false;    ///< the AA flag must be set
  bool authenticated = false;    ///< the AD flag must be set
  std::optional<Duration> max_latency;
};

/// EDNS (RFC 6891), where it is to be used.
struct Edns {
  std::uint16_t size = 1232;  ///< the longest answer over UDP that is wanted
  bool dnssec_ok = false;     ///< ask for signatures
  bool nsid = false;          ///< ask which server it is (RFC 5001), for the detail
};

/// The server whose SOA serial the asked one must have, or be close behind (RFC 1982).
struct SerialReference {
  Endpoint server;
  std::uint32_t lag = 0;  ///< how far behind is still good
};

/// Answers must be signed, by keys that a trust anchor vouches for (RFC 4035).
struct Dnssec {
  std::vector<TrustAnchor> anchors;  ///< at least one, at or above the name asked for
  Duration margin{};                 ///< signatures that end sooner than this are no longer good
};

/// One question for one DNS server.
struct DnsQuestion {
  Endpoint server;
  std::string name;  ///< what is asked for: a valid domain name, trailing dot or not
  DnsTransport transport = DnsTransport::udp;
  Duration timeout = std::chrono::milliseconds(800);  ///< for all tries together
  unsigned tries = 2;  ///< spread evenly over `timeout`, each with its own ID and source port
  /// One try more over UDP when there is no answer by then; none where a try is due before, and
  /// none where `tries` is one.
  std::optional<Duration> again_after;
  RecordType type;
  DnsClass klass = DnsClass::in;
  DnsExpectations expect;
  std::optional<Edns> edns;
  std::optional<Address> source;  ///< of the server's family
  std::string interface;          ///< empty: whichever the route says
  std::optional<SerialReference> serial_from;
  std::optional<Dnssec> dnssec;  ///< where answers are validated; `edns` asks for signatures then

  /// "127.0.0.1:53, A www.test.com", "127.0.0.1:53, CH TXT hostname.bind"
  std::string text() const;
};

/// A command whose exit status is the answer, as a monitoring plugin's is: 0 is ok. No shell.
struct ExecCheck {
  std::vector<std::string> command;  ///< the program and its arguments; never empty
  Duration timeout = std::chrono::milliseconds(800);  ///< then it is killed with its children

  /// "/usr/lib/nagios/plugins/check_dns -H www.test.com"
  std::string text() const;
};

/// An address that must be on an interface of this host that is up: what answers at an anycast
/// address may be somebody else's server.
struct AddressCheck {
  Address address;
  std::string interface;  ///< empty: any

  /// "address 192.0.2.1", "address 192.0.2.1 on lo"
  std::string text() const;
};

enum class FileMeaning : std::uint8_t {
  down,   ///< present: down
  up,     ///< present: up
  drain,  ///< present: rules that name it are drained
};

/// A file whose presence is the answer: the switch that configuration management knows how to
/// touch.
struct FileCheck {
  std::filesystem::path path;
  FileMeaning present = FileMeaning::down;

  /// "file /etc/withdrawd/maintenance"
  std::string text() const;
};

/// What is asked, of whatever kind.
using Probe = std::variant<DnsQuestion, ExecCheck, AddressCheck, FileCheck>;

/// When a run of outcomes becomes health, and how often to ask.
struct HealthPolicy {
  unsigned rise = 3;                                   ///< good outcomes in a row that make it up
  unsigned fall = 1;                                   ///< bad outcomes in a row that make it down
  Duration interval = std::chrono::milliseconds(800);  ///< from one asking to the next
  Duration fast_interval = std::chrono::milliseconds(200);  ///< the same while a change is near
};

/// Processes without which a check has no answer: when one dies the check is asked at once.
struct WatchedProcess {
  std::string name;                ///< all that bear it (/proc/PID/comm); empty: by the file
  std::filesystem::path pid_file;  ///< the one whose pid stands there
  auto operator<=>(const WatchedProcess&) const = default;
};

struct Check {
  std::string name;
  Probe probe;
  HealthPolicy policy;
  std::optional<WatchedProcess> watch{};

  /// What is asked, for people.
  std::string text() const;
};

}  // namespace withdrawd::core
