#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace withdrawd::daemon {

/// Who asks, for the log, the history and `status`: the name that /etc/passwd has for `uid`, which
/// is the kernel's word; behind it, in quotes, the name that the asker gave, if that is another:
/// `root ("alice")` through sudo. Of a user of the network, whom only NSS knows, the number: a
/// look-up there may block.
std::string requester(uid_t uid, std::string_view claimed);

}  // namespace withdrawd::daemon
