#pragma once

#include <cstdint>

namespace withdrawd::dns {

/// Has the kernel drop what comes in on a UDP socket and does not begin with this ID, before it
/// takes room in the socket's receive buffer: however many forged answers there are, in front of
/// the good one or behind it, it is not lost among them, and nobody is woken for them. Needs no
/// privilege. Where the kernel does not take it, the socket works as without.
void pass_only_id(int socket, std::uint16_t id);

/// How many datagrams the kernel has dropped on this socket.
unsigned dropped_datagrams(int socket);

}  // namespace withdrawd::dns
