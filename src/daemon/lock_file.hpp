#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/error.hpp"
#include "files/file_descriptor.hpp"

namespace withdrawd::daemon {

/// Keeps a second withdrawd from acting on the same bgpd. A lock on an open file (flock), so that
/// it dies with its holder however that ends; the file itself stays.
class LockFile {
 public:
  /// Who holds it, as the file says: "run", "cron", "once", and the pid.
  struct Holder {
    std::string mode;
    pid_t pid = 0;
  };

  /// Takes it for `mode`, or says who has it. Makes missing directories. An error: the file cannot
  /// be opened or locked at all.
  static core::Result<std::variant<LockFile, Holder>> take(const std::filesystem::path& path,
                                                           std::string_view mode);

 private:
  explicit LockFile(files::FileDescriptor fd) : fd_(std::move(fd)) {}
  files::FileDescriptor fd_;
};

}  // namespace withdrawd::daemon
