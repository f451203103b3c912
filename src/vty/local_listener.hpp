#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "core/bgpd_settings.hpp"

namespace withdrawd::vty {

/// Who listens at an address of this host, as the kernel has it (/proc/net/tcp, tcp6).
struct Listener {
  enum class Kind : std::uint8_t {
    elsewhere,  ///< the address is no address of this host: nothing can be known
    nobody,     ///< this host's, and nobody listens there
    trusted,    ///< root's, bgpd's user's or our own (process::Accounts), whoever it is of these
    stranger,   ///< somebody else's, or that cannot be told
  };
  Kind kind = Kind::nobody;
  std::string who = {};  ///< "user frr", "user mallory", "uid 4711"; else why it cannot be told
};

/// Who listens at `endpoint`: whether to tell it a password. Also the owner of bgpd's socket may
/// know it.
Listener listener_at(const core::Endpoint& endpoint, const core::BgpdAccess& access);

/// The sockets named bgpd.vty that somebody in this network namespace listens at, and who may be
/// bgpd by process::Accounts, sorted: for a bgpd that was built to have it elsewhere
/// (/proc/net/unix).
std::vector<std::filesystem::path> listening_bgpd_sockets();

}  // namespace withdrawd::vty
