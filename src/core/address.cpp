#include "core/address.hpp"

#include <arpa/inet.h>
#include <fmt/compile.h>
#include <fmt/format.h>

#include <charconv>

#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

std::string what_is_wrong(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.find_first_of(" \t\r\n\v\f") != text.npos) return "it contains white space";
  if (text.find('/') != text.npos)
    return "it has a prefix length where an address alone is expected";
  if (text.find('%') != text.npos) return "an address with a zone is not supported";
  return "it is neither an IPv4 nor an IPv6 address";
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  // Five digits at most, so that nothing can overflow.
  if (all_digits(text) && text.size() <= 5)
    std::from_chars(text.data(), text.data() + text.size(), port);
  if (port < 1 || port > 65535) {
    return std::unexpected(Error{fmt::format("read port \"{}\"", printable(text)),
                                 "it is not a port number", "1 to 65535"});
  }
  return static_cast<std::uint16_t>(port);
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  // inet_pton stops at a NUL and would take what stands before it.
  if (text.find('\0') == text.npos) {
    const std::string terminated(text);
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
      return Address(Family::ipv4, bytes);
    }
    bytes = {};
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
      return Address(Family::ipv6, bytes);
    }
  }
  return std::unexpected(
      Error{fmt::format("read address \"{}\"", printable(text)), what_is_wrong(text), ""});
}

std::string Address::text() const {
  // A host may have ten thousand, and each is written again and again.
  if (family_ == Family::ipv4) {
    return fmt::format(FMT_COMPILE("{}.{}.{}.{}"), bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
  }
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
}

Result<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  // More than one colon outside brackets can only be an IPv6 address without a port.
  auto host = text;
  auto port_text = std::string_view();
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos || (end + 1 < text.size() && text[end + 1] != ':')) {
      return std::unexpected(Error{fmt::format("read address and port \"{}\"", printable(text)),
                                   "the brackets do not enclose an address", "as in [::1]:53"});
    }
    host = text.substr(1, end - 1);
    has_port = end + 1 < text.size();
    if (has_port) port_text = text.substr(end + 2);
  } else if (const auto colon = text.find(':');
             colon != text.npos && text.find(':', colon + 1) == text.npos) {
    host = text.substr(0, colon);
    has_port = true;
    port_text = text.substr(colon + 1);
  }
  const auto address = Address::parse(host);
  if (!address) return std::unexpected(address.error());
  if (!has_port) return Endpoint{*address, default_port};
  const auto port = parse_port(port_text);
  if (!port) return std::unexpected(port.error());
  return Endpoint{*address, *port};
}

std::string Endpoint::text() const {
  return address.family() == Family::ipv4 ? fmt::format("{}:{}", address.text(), port)
                                          : fmt::format("[{}]:{}", address.text(), port);
}

}  // namespace withdrawd::core
