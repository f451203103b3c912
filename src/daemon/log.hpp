#pragma once

#include <spdlog/logger.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "core/error.hpp"
#include "core/severity.hpp"

namespace withdrawd::daemon {

/// Where lines for the operator go: standard error or a file, one line each:
/// `2026-11-23T03:31:21.123Z warning rule "anycast": 192.0.2.0/24 withdrawn ...`. Time is UTC. The
/// level is coloured when standard error is a terminal.
class Log {
 public:
  /// `file` empty: standard error. Lines below `least` are dropped. An error: the file cannot be
  /// opened for appending.
  static core::Result<Log> open(const std::filesystem::path& file, core::Severity least);

  void tell(core::Severity severity, std::string_view text);

 private:
  explicit Log(std::shared_ptr<spdlog::logger> logger) : logger_(std::move(logger)) {}
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace withdrawd::daemon
