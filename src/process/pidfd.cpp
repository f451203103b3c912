#include "process/pidfd.hpp"

#include <sys/syscall.h>

#include <cerrno>

namespace withdrawd::process {

files::FileDescriptor open_pidfd(pid_t pid) {
  return files::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
}

int send_signal(const files::FileDescriptor& pidfd, int signal) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.number(), signal, nullptr, 0U) == 0 ? 0 : errno;
}

}  // namespace withdrawd::process
