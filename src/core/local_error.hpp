#pragma once

namespace withdrawd::core {

/// Does this errno, met while asking a server, say that it is this host that could not ask: a
/// shortage, or its own rules? Says nothing of the server. The table is in docs/reliability.md.
bool is_local_error(int error_number);

/// Does it say that this host knows no way to the server's address? For a server on this host that
/// is what users meet, too.
bool is_no_route(int error_number);

}  // namespace withdrawd::core
