#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "config/config.hpp"
#include "core/error.hpp"
#include "core/events.hpp"
#include "daemon/file_writer.hpp"

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
/// coloured when standard error is a terminal. Nothing holds up who writes: a file and standard
/// error are written by a thread of their own, journal and syslog take datagrams. What nobody takes
/// is lost, counted, and told once somebody takes lines again; where nobody is there to take
/// datagrams, lines go to standard error.
class Log {
 public:
  /// Where lines go, opened. `/dev/stderr` and `/dev/stdout` are what they name, and `/dev/null`
  /// takes all; else a file must be a regular one.
  struct Opened;
  /// Waits some seconds for the disk, on any thread: one that hangs keeps nobody from starting, nor
  /// from a reload that moves the log away, and gets the lines when it goes on. An error: the file
  /// cannot be opened for appending.
  static core::Result<std::shared_ptr<Opened>> prepare(const LogPlan& plan);
  static core::Result<Log> open(const LogPlan& plan);

  void tell(core::Severity severity, std::string_view text);
  void tell(const core::LogLine& line);

  /// Goes on there: as another configuration says, or in a new file by a name that another has been
  /// given.
  void use(std::shared_ptr<Opened> opened);

  /// Waits until all lines are written. False: they are not, in time.
  bool finish(core::Time until) { return writer_->finish(until); }
  /// Who writes lines to a file or standard error.
  const FileWriter& writer() const { return *writer_; }
  /// How many lines nobody took.
  std::uint64_t lost() const { return lost_; }

  /// Where a line of the log ends up. False: it is lost.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual bool write(const core::LogLine& line) = 0;
  };

 private:
  Log() = default;
  std::shared_ptr<FileWriter> writer_;
  LogPlan plan_;
  std::unique_ptr<Sink> sink_;
  std::uint64_t lost_ = 0;
  std::uint64_t lost_untold_ = 0;
};

}  // namespace withdrawd::daemon
