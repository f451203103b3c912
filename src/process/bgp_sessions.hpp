#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "files/file_descriptor.hpp"

namespace withdrawd::process {

/// \file
/// How a bgpd that is going to be killed ends its BGP sessions.
///
/// A session that merely breaks off is no end for a peer with graceful restart: it keeps all that
/// it has heard for restart-time (RFC 4724), with the long-lived kind for hours (RFC 9494). SIGTERM
/// is no help, bgpd keeps silent then as well; nor is a reset of the connection. A NOTIFICATION is
/// an end (RFC 4724, 4), and where both sides know RFC 8538, a Hard Reset is. A frozen bgpd writes
/// none, so it is written for it: pidfd_getfd(2) gives a copy of its socket.

/// Copies of the sockets of a process's BGP sessions. They outlive it, so a peer has the time to
/// read the NOTIFICATION: a socket that is closed with unread bytes in it resets the connection.
class BgpSessions {
 public:
  /// Of the process behind `pidfd`: its TCP connections with port 179 on either side, or the port
  /// that its command line names (`-p`); and those by another port (`neighbor ... port`) that bear
  /// a mark of IP's type of service, which bgpd gives to neighbors alone. Needs what ptrace does:
  /// root, or CAP_SYS_PTRACE; and Linux 5.6.
  BgpSessions(boost::asio::any_io_executor executor, pid_t pid, const files::FileDescriptor& pidfd);

  /// Of those that stand: the peer has not hung up.
  std::size_t count() const;
  /// Why not all sockets could be had; empty: they could.
  const std::string& problem() const { return problem_; }

  /// Writes the NOTIFICATION on each that stands. Does not wait.
  void notify();

  /// Waits until each peer has hung up, which says that it has read it; a second at most. Which did
  /// not, which had hung up before, and which sockets could not be had, is in what comes back.
  boost::asio::awaitable<core::SessionsEnded> ended();

 private:
  struct Session;
  boost::asio::any_io_executor executor_;
  std::list<std::shared_ptr<Session>> sessions_;
  std::string problem_;
};

/// The ports of BGP for a bgpd with this command line: 179, and what `-p` or `--bgp_port` says.
std::set<std::uint16_t> bgp_ports(const std::vector<std::string>& words);

/// Cease, Hard Reset, for an Administrative Shutdown (RFC 8538, 3.1): 23 bytes. To a peer that does
/// not know RFC 8538 it is a NOTIFICATION like any other.
std::string_view hard_reset();

}  // namespace withdrawd::process
