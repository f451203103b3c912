#pragma once

namespace withdrawd::daemon {

/// Raises the number of descriptors that this process may have to what its hard limit allows, up to
/// what is ever of use. Where it may not, the number stays.
void raise_descriptor_limit();

/// Is this one of the last descriptors that may be open, which are for checks and bgpd? Whoever
/// comes to ask (control socket, HTTP) gets none of them. The kernel gives out the lowest number
/// that is free, so a high one says that there are few left.
bool is_reserved(int descriptor);

}  // namespace withdrawd::daemon
