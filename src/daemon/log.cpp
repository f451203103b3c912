#include "daemon/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "core/visible.hpp"
#include "daemon/log_format.hpp"
#include "process/file_descriptor.hpp"

namespace withdrawd::daemon {
namespace {

using config::LogFormat;
using config::LogTarget;

spdlog::level::level_enum level_of(core::Severity severity) {
  switch (severity) {
    case core::Severity::debug:
      return spdlog::level::debug;
    case core::Severity::info:
      return spdlog::level::info;
    case core::Severity::warning:
      return spdlog::level::warn;
    case core::Severity::error:
      return spdlog::level::err;
    case core::Severity::critical:
      break;
  }
  return spdlog::level::critical;
}

/// Standard error, or a file.
class Stream : public Log::Sink {
 public:
  Stream(std::shared_ptr<spdlog::sinks::sink> sink, LogFormat format)
      : logger_("withdrawd", std::move(sink)), format_(format) {
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v",
        spdlog::pattern_time_type::utc));
    logger_.set_level(spdlog::level::debug);
    logger_.flush_on(spdlog::level::debug);
    // A full disk must not end the program, nor fill standard error with its complaint.
    logger_.set_error_handler([](const std::string&) {});
  }

  void write(const core::Tell& line) override {
    const std::string text =
        format_ == LogFormat::json ? json_line(line, std::chrono::system_clock::now()) : line.text;
    logger_.log(level_of(line.severity), spdlog::string_view_t(text.data(), text.size()));
  }

 private:
  spdlog::logger logger_;
  LogFormat format_;
};

std::unique_ptr<Log::Sink> standard_error(LogFormat format) {
  return std::make_unique<Stream>(std::make_shared<spdlog::sinks::stderr_color_sink_st>(), format);
}

/// Journal or syslog: a socket that takes a datagram a line.
class Datagrams : public Log::Sink {
 public:
  Datagrams(const LogPlan& plan)
      : journal_(plan.target == LogTarget::journal),
        path_(journal_ ? plan.journal_socket : plan.syslog_socket),
        facility_(plan.facility),
        fallback_(standard_error(LogFormat::text)) {}

  void write(const core::Tell& line) override {
    if (lost_ > 0) {
      const core::Tell loss{core::Severity::error,
                            fmt::format("{} lines of the log were lost: nobody took them", lost_)};
      if (send(loss) == Sent::yes) lost_ = 0;
    }
    switch (send(line)) {
      case Sent::yes:
        break;
      case Sent::full:
        ++lost_;
        break;
      case Sent::nobody_there:
        fallback_->write(line);
        break;
    }
  }

 private:
  enum class Sent { yes, full, nobody_there };
  /// Longer ones are cut; what withdrawd says is far shorter.
  static constexpr std::size_t longest = 32768;

  Sent send(const core::Tell& line) {
    core::Tell cut = line;
    if (cut.text.size() > longest) cut.text.resize(longest);
    const std::string datagram =
        journal_ ? journal_datagram(cut)
                 : syslog_datagram(cut, facility_, std::chrono::system_clock::now(), ::getpid());
    // Whoever listens may have been started again since.
    for (int i = 0; i < 2; ++i) {
      if (!socket_ && !connect()) return Sent::nobody_there;
      const ssize_t sent =
          ::send(socket_.number(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) return Sent::yes;
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return Sent::full;
      socket_.close();
    }
    return Sent::nobody_there;
  }

  bool connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.native().size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path_.c_str(), path_.native().size() + 1);
    process::FileDescriptor fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fresh) return false;
    if (::connect(fresh.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      return false;
    }
    socket_ = std::move(fresh);
    return true;
  }

  bool journal_;
  std::filesystem::path path_;
  std::uint8_t facility_;
  std::unique_ptr<Log::Sink> fallback_;
  process::FileDescriptor socket_;
  std::size_t lost_ = 0;
};

core::Result<std::unique_ptr<Log::Sink>> open_file(const LogPlan& plan) {
  const auto failed = [&plan](const std::string& why, const std::string& advice) {
    return std::unexpected(core::Error{"open the log file " + plan.file.string(), why, advice});
  };
  // Tried by hand first: what spdlog throws does not say why.
  const process::FileDescriptor probe(
      ::open(plan.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!probe)
    return failed(std::generic_category().message(errno),
                  "create its directory, or name another file");
  try {
    return std::make_unique<Stream>(
        std::make_shared<spdlog::sinks::basic_file_sink_st>(plan.file.string()), plan.format);
  } catch (const spdlog::spdlog_ex& problem) {
    return failed(problem.what(), "");
  }
}

core::Result<std::unique_ptr<Log::Sink>> open_sink(const LogPlan& plan) {
  switch (plan.target) {
    case LogTarget::file:
      return open_file(plan);
    case LogTarget::journal:
    case LogTarget::syslog:
      return std::make_unique<Datagrams>(plan);
    case LogTarget::standard_error:
      break;
  }
  return standard_error(plan.format);
}

}  // namespace

LogPlan LogPlan::of(const config::Config& config) {
  LogPlan plan;
  plan.target = config.log_target;
  plan.file = config.log_file;
  plan.format = config.log_format;
  plan.facility = config.log_facility;
  plan.least = static_cast<core::Severity>(config.log_level);
  return plan;
}

core::Result<Log> Log::open(const LogPlan& plan) {
  auto sink = open_sink(plan);
  if (!sink) return std::unexpected(sink.error());
  return Log(*std::move(sink), plan.least);
}

core::Result<void> Log::reopen(const LogPlan& plan) {
  auto sink = open_sink(plan);
  if (!sink) return std::unexpected(sink.error());
  sink_ = *std::move(sink);
  least_ = plan.least;
  return {};
}

void Log::tell(core::Severity severity, std::string_view text) {
  tell(core::Tell{severity, std::string(text)});
}

void Log::tell(const core::Tell& line) {
  if (line.severity < least_) return;
  // Whoever made the text has escaped what came from outside. Should one have forgotten: no line
  // is two, and none of them acts on a terminal.
  core::Tell shown = line;
  shown.text = core::visible(line.text);
  sink_->write(shown);
}

}  // namespace withdrawd::daemon
