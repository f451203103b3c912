#pragma once

#include <sys/types.h>

#include "files/file_descriptor.hpp"

namespace withdrawd::process {

/// A handle on one process that no other process can inherit with its pid (pidfd_open(2), Linux
/// 5.3). Becomes readable when the process has ended. Called by number, because glibc has had the
/// wrapper only since 2.36. Invalid, with errno set, if it could not be had.
files::FileDescriptor open_pidfd(pid_t pid);

/// pidfd_send_signal(2). Gives 0 or an errno.
int send_signal(const files::FileDescriptor& pidfd, int signal);

}  // namespace withdrawd::process
