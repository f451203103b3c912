#include "checks/local.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace withdrawd::checks {
namespace {

using core::Address;
using core::Outcome;
using core::OutcomeKind;

Outcome ok(std::string detail) {
  return {OutcomeKind::ok, {}, std::move(detail)};
}
Outcome error(std::string detail) {
  return {OutcomeKind::error, {}, std::move(detail)};
}

Outcome unable(std::string detail) {
  return {OutcomeKind::unable, {}, std::move(detail)};
}

struct FreeAddresses {
  void operator()(ifaddrs* addresses) const { ::freeifaddrs(addresses); }
};
using Addresses = std::unique_ptr<ifaddrs, FreeAddresses>;

/// Nothing for what is neither IPv4 nor IPv6.
std::optional<Address> address_of(const sockaddr* socket_address) {
  if (socket_address == nullptr) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  if (socket_address->sa_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, socket_address, sizeof ipv4);
    std::memcpy(bytes.data(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    return Address(core::Family::ipv4, bytes);
  }
  if (socket_address->sa_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, socket_address, sizeof ipv6);
    std::memcpy(bytes.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    return Address(core::Family::ipv6, bytes);
  }
  return std::nullopt;
}

/// Why an IPv6 address that is there cannot be used, or nothing. From the kernel's table, a line
/// "20010db8000000000000000000000053 02 40 00 c0     eth0" each: address, interface, prefix length,
/// scope, flags, name.
std::string unusable(const Address& address, const std::string& interface) {
  std::string wanted;
  for (const auto byte : address.bytes()) wanted += fmt::format("{:02x}", byte);
  std::ifstream table("/proc/net/if_inet6");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string there, index, length, scope, flags, name;
    fields >> there >> index >> length >> scope >> flags >> name;
    if (there != wanted || name != interface) continue;
    const auto bits = std::strtoul(flags.c_str(), nullptr, 16);
    if ((bits & IFA_F_DADFAILED) != 0) return "used by another host (duplicate)";
    // An optimistic address is in use while it is tentative (RFC 4429).
    if ((bits & IFA_F_TENTATIVE) != 0 && (bits & IFA_F_OPTIMISTIC) == 0) return "tentative";
  }
  return "";
}

}  // namespace

Outcome look(const core::AddressCheck& check) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) {
    const int number = errno;
    const std::string why = "cannot list addresses: " + core::errno_text(number);
    return core::is_shortage(number) ? unable(why) : error(why);
  }
  const Addresses addresses(first);
  std::string wrong;
  bool has_interface = check.interface.empty();
  for (const auto* one = first; one != nullptr; one = one->ifa_next) {
    const std::string name = core::printable(one->ifa_name);
    has_interface = has_interface || name == check.interface;
    if (address_of(one->ifa_addr) != check.address) continue;
    if (!check.interface.empty() && name != check.interface) {
      if (wrong.empty()) wrong = fmt::format("not on {}, but on {}", check.interface, name);
      continue;
    }
    const std::string why = (one->ifa_flags & IFF_UP) == 0 ? "down" : "";
    const std::string unfit = why.empty() && check.address.family() == core::Family::ipv6
                                  ? unusable(check.address, one->ifa_name)
                                  : "";
    if (why.empty() && unfit.empty()) return ok("on " + name);
    wrong = why.empty() ? fmt::format("{} on {}", unfit, name)
                        : fmt::format("on {}, which is down", name);
  }
  if (!wrong.empty()) return error(wrong);
  if (!has_interface) return error(fmt::format("no interface {}", check.interface));
  return error(check.interface.empty() ? "on no interface" : "not on " + check.interface);
}

Outcome look(const core::FileCheck& check) {
  struct stat status;
  bool present = true;
  if (::stat(check.path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      const int number = errno;
      const std::string why = "cannot look: " + core::errno_text(number);
      if (core::is_shortage(number)) return unable(why);
      // Nobody who cannot be understood has asked for a drain.
      return check.present == core::FileMeaning::drain ? ok(why) : error(why);
    }
    present = false;
  }
  const std::string detail = present ? "present" : "absent";
  return present == (check.present == core::FileMeaning::up) ? ok(detail) : error(detail);
}

}  // namespace withdrawd::checks
