#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/error.hpp"

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

  LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace withdrawd::daemon
