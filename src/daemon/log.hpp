#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "config/config.hpp"
#include "core/error.hpp"
#include "core/events.hpp"

namespace withdrawd::daemon {

/// Where lines for the operator go, and how they look.
struct LogPlan {
  config::LogTarget target = config::LogTarget::standard_error;
  std::filesystem::path file{};
  config::LogFormat format = config::LogFormat::text;
  std::uint8_t facility = 3;
  core::Severity least = core::Severity::info;  ///< lines below are dropped
  std::filesystem::path journal_socket = "/run/systemd/journal/socket";
  std::filesystem::path syslog_socket = "/dev/log";

  static LogPlan of(const config::Config& config);
};

/// Lines for the operator. As text, one looks like this, in UTC:
/// `2026-11-23T03:31:21.123Z warning rule "anycast": 192.0.2.0/24 withdrawn ...`; the level is
/// coloured when standard error is a terminal. Journal and syslog never hold up who writes: while
/// they take nothing, lines go to standard error if nobody is there, else they are lost and
/// counted.
class Log {
 public:
  /// An error: the file cannot be opened for appending.
  static core::Result<Log> open(const LogPlan& plan);

  void tell(core::Severity severity, std::string_view text);
  void tell(const core::Tell& line);

  /// Goes on as another configuration says; with the same one, opens the file again, which may have
  /// been renamed. An error: it cannot be; then it goes on as before.
  core::Result<void> reopen(const LogPlan& plan);

  /// Where a line of the log ends up.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void write(const core::Tell& line) = 0;
  };

 private:
  Log(std::unique_ptr<Sink> sink, core::Severity least) : sink_(std::move(sink)), least_(least) {}
  std::unique_ptr<Sink> sink_;
  core::Severity least_;
};

}  // namespace withdrawd::daemon
