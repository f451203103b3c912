#include "vty/local_listener.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "files/file_descriptor.hpp"
#include "process/accounts.hpp"
#include "vty/socket_transport.hpp"

namespace withdrawd::vty {
namespace {

constexpr std::string_view listening = "0A";

/// The kernel lets a socket have an address of this host only. Where it says neither yes nor no (no
/// descriptor is left), who listens is looked at all the same.
bool is_here(const core::Endpoint& endpoint) {
  const bool ipv4 = endpoint.address.family() == core::Family::ipv4;
  const files::FileDescriptor probe(
      ::socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  socklen_t size = 0;
  const auto& bytes = endpoint.address.bytes();
  if (ipv4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, bytes.data(), sizeof address.sin_addr);
    size = sizeof address;
    std::memcpy(&storage, &address, size);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, bytes.data(), sizeof address.sin6_addr);
    size = sizeof address;
    std::memcpy(&storage, &address, size);
  }
  return ::bind(probe.number(), reinterpret_cast<const sockaddr*>(&storage),  // NOLINT: sockets
                size) == 0 ||
         errno != EADDRNOTAVAIL;
}

/// An address as /proc/net/tcp prints it: words of 32 bits, each as this host has it in memory.
std::string as_printed(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    text += fmt::format("{:08X}", word);
  }
  return text;
}

constexpr const char* tcp = "/proc/net/tcp";
constexpr const char* tcp6 = "/proc/net/tcp6";

struct Taker {
  const char* table;
  std::string local;  ///< as printed
};

/// The local addresses of sockets that would take a connection to `address`: of those there are,
/// the kernel chooses one of the first here.
std::vector<Taker> takers(const core::Address& address) {
  const auto& bytes = address.bytes();
  const std::string any(32, '0');
  if (address.family() == core::Family::ipv6) {
    return {{tcp6, as_printed(bytes.data(), 16)}, {tcp6, any}};
  }
  std::array<std::uint8_t, 16> mapped{};
  mapped[10] = mapped[11] = 0xff;
  std::copy_n(bytes.begin(), 4, mapped.begin() + 12);
  return {{tcp, as_printed(bytes.data(), 4)},
          {tcp6, as_printed(mapped.data(), 16)},
          {tcp, any.substr(0, 8)},
          {tcp6, any}};
}

/// The users of the sockets that listen there.
std::vector<uid_t> listeners(const Taker& taker, std::uint16_t port) {
  std::vector<uid_t> uids;
  const auto wanted = fmt::format("{}:{:04X}", taker.local, port);
  std::ifstream file(taker.table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, retransmits;
    uid_t uid = 0;
    words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid;
    // Those that listen come first, and there may be very many others.
    if (!words || state != listening) break;
    if (local == wanted) uids.push_back(uid);
  }
  return uids;
}

/// And whoever has bgpd's own socket.
process::Accounts accounts(const core::BgpdAccess& access) {
  std::vector<std::filesystem::path> sockets;
  for (const std::string& place : socket_places(access)) {
    std::error_code failed;
    if (std::filesystem::is_socket(place, failed)) sockets.emplace_back(place);
  }
  return process::Accounts(sockets);
}

}  // namespace

Listener listener_at(const core::Endpoint& endpoint, const core::BgpdAccess& access) {
  if (!is_here(endpoint)) return {Listener::Kind::elsewhere, "it is another host's address"};
  if (!std::ifstream(tcp)) {
    return {Listener::Kind::stranger, fmt::format("nobody knows who, without {},", tcp)};
  }
  const auto bgpds = accounts(access);
  for (const auto& taker : takers(endpoint.address)) {
    const auto uids = listeners(taker, endpoint.port);
    if (uids.empty()) continue;
    const auto other = std::ranges::find_if_not(uids, [&](uid_t uid) { return bgpds.knows(uid); });
    if (other != uids.end()) return {Listener::Kind::stranger, bgpds.text(*other)};
    return {Listener::Kind::trusted, bgpds.text(uids.front())};
  }
  return {};
}

std::vector<std::filesystem::path> listening_bgpd_sockets() {
  constexpr std::string_view accepts_connections = "00010000";
  const process::Accounts bgpds;
  std::vector<std::filesystem::path> found;
  std::ifstream file("/proc/net/unix");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    if (!line.ends_with("/bgpd.vty")) continue;
    std::istringstream words(line);
    std::string number, references, protocol, flags, type, state, inode, path;
    words >> number >> references >> protocol >> flags >> type >> state >> inode >> std::ws;
    std::getline(words, path);
    struct stat owner{};
    if (flags == accepts_connections && path.starts_with('/') &&
        ::stat(path.c_str(), &owner) == 0 && S_ISSOCK(owner.st_mode) && bgpds.knows(owner.st_uid)) {
      found.emplace_back(path);
    }
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

}  // namespace withdrawd::vty
