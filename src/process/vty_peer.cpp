#include "process/vty_peer.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "process/pidfd.hpp"
#include "process/proc_entry.hpp"

namespace withdrawd::process {

std::optional<Identity> identity_of(pid_t pid) {
  const auto entry = read_proc_entry(pid);
  if (!entry || !*entry || !(*entry)->alive) return std::nullopt;
  return Identity{(*entry)->started, program_of(pid), network_of(pid)};
}

bool VtyPeer::alive() const {
  if (!pidfd) return false;
  pollfd end{.fd = pidfd.number(), .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 0 && identity_of(pid) == identity;
}

std::shared_ptr<const VtyPeer> look_for_peer(const std::vector<std::filesystem::path>& sockets) {
  for (const auto& path : sockets) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) continue;
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    const files::FileDescriptor socket(
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) continue;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as the call wants it
    if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      continue;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
    VtyPeer found{.socket = path, .pid = peer.pid, .pidfd = {}, .identity = {}};
    if (found.hidden()) return std::make_shared<const VtyPeer>(std::move(found));
    found.pidfd = open_pidfd(peer.pid);
    // With the pidfd in hand, whatever is read belongs to who is held.
    if (const auto identity = identity_of(peer.pid)) found.identity = *identity;
    return std::make_shared<const VtyPeer>(std::move(found));
  }
  return nullptr;
}

}  // namespace withdrawd::process
