#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files/file_descriptor.hpp"

namespace withdrawd::process {

/// What a process has for life, or as long as it runs one program.
struct Identity {
  std::uint64_t started = 0;
  std::filesystem::path program;
  std::string network;
  bool operator==(const Identity&) const = default;
};

/// None: there is no such process (any more), or it is a zombie.
std::optional<Identity> identity_of(pid_t pid);

/// Who listens on bgpd's vty socket, as the kernel says (unix(7), SO_PEERCRED: who called
/// listen(2), which bgpd does after it has gone to the background). Held by a pidfd, so that
/// nobody who gets its pid is taken for it.
struct VtyPeer {
  std::filesystem::path socket;
  pid_t pid = 0;                ///< 0: in a PID namespace that cannot be seen from ours
  files::FileDescriptor pidfd;  ///< invalid: it was gone by then, or is not visible
  Identity identity;

  bool hidden() const { return pid == 0; }
  /// Is it the same process still, and alive?
  bool alive() const;
};

/// The peer of the first socket that accepts a connection, at once; it need not answer. Null:
/// nobody accepts one. A frozen bgpd accepts a few, as many as its queue takes.
std::shared_ptr<const VtyPeer> look_for_peer(const std::vector<std::filesystem::path>& sockets);

}  // namespace withdrawd::process
