#include "daemon/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "core/visible.hpp"
#include "daemon/log_format.hpp"
#include "files/beside.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace {

using config::LogFormat;
using config::LogTarget;
using core::Severity;

/// How long a start or a reload waits for the disk that the log is on.
constexpr auto open_patience = std::chrono::seconds(3);

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::debug:
    case Severity::info:
      return "";
    case Severity::warning:
      return "\033[33m";
    case Severity::error:
    case Severity::critical:
      break;
  }
  return "\033[1;31m";
}

bool is_coloured_terminal(int fd) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  return ::isatty(fd) && std::getenv("NO_COLOR") == nullptr;
}

std::string text_line(const core::LogLine& line, bool coloured) {
  const auto colour = coloured ? colour_of(line.severity) : "";
  return fmt::format("{} {}{}{} {}\n", time_text(std::chrono::system_clock::now()), colour,
                     level_name(line.severity), colour.empty() ? "" : "\033[0m", line.text);
}

/// For as long as the disk takes. An error: the file cannot be opened for appending.
core::Result<std::shared_ptr<Log::Opened>> open_now(const LogPlan& plan);

}  // namespace

/// Used by one thread at a time: whoever opens it, then the writer's.
struct Log::Opened {
  explicit Opened(LogPlan with) : plan(std::move(with)) {}

  /// The line is lost where that fails: a full disk must not end the program, nor fill standard
  /// error with its complaint.
  void write(std::string_view text) {
    // Where the disk hung it is opened now.
    if (fd < 0) {
      auto late = open_now(plan);
      if (!late) return;
      file = std::move((*late)->file);
      fd = (*late)->fd;
    }
    while (!text.empty()) {
      const auto written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EAGAIN) {
        // Standard error may have been made non-blocking by somebody who shares it.
        pollfd ready{fd, POLLOUT, 0};
        ::poll(&ready, 1, -1);
      } else if (written < 0 && errno != EINTR) {
        return;
      }
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  LogPlan plan;
  files::FileDescriptor file;
  int fd = -1;
};

namespace {

/// Standard error, or a file.
class Stream : public Log::Sink {
 public:
  Stream(std::shared_ptr<FileWriter> writer, std::shared_ptr<Log::Opened> opened)
      : writer_(std::move(writer)),
        opened_(std::move(opened)),
        is_json_(opened_->plan.format == LogFormat::json),
        coloured_(opened_->fd >= 0 && is_coloured_terminal(opened_->fd)) {}

  bool write(const core::LogLine& line) override {
    std::string text = is_json_ ? json_line(line, std::chrono::system_clock::now()) + "\n"
                                : text_line(line, coloured_);
    const std::size_t size = text.size();
    return writer_->add(
        [opened = opened_, text = std::move(text)] {
          opened->write(text);
          return FileWriter::Report();
        },
        size);
  }

 private:
  std::shared_ptr<FileWriter> writer_;
  std::shared_ptr<Log::Opened> opened_;
  bool is_json_;
  bool coloured_;
};

std::shared_ptr<Log::Opened> opened_as(const LogPlan& plan, int fd) {
  auto opened = std::make_shared<Log::Opened>(plan);
  opened->fd = fd;
  return opened;
}

std::unique_ptr<Log::Sink> standard_error(std::shared_ptr<FileWriter> writer) {
  return std::make_unique<Stream>(std::move(writer), opened_as(LogPlan{}, STDERR_FILENO));
}

/// Journal or syslog: a socket that takes a datagram a line.
class Datagrams : public Log::Sink {
 public:
  Datagrams(const LogPlan& plan, std::shared_ptr<FileWriter> writer)
      : journal_(plan.target == LogTarget::journal),
        path_(journal_ ? plan.journal_socket : plan.syslog_socket),
        facility_(plan.facility),
        fallback_(standard_error(std::move(writer))) {}

  bool write(const core::LogLine& line) override {
    switch (send(line)) {
      case Sent::yes:
        return true;
      case Sent::full:
        return false;
      case Sent::nobody_there:
        break;
    }
    return fallback_->write(line);
  }

 private:
  enum class Sent { yes, full, nobody_there };
  /// Longer ones are cut; what withdrawd says is far shorter.
  static constexpr std::size_t longest = std::size_t{32} * 1024;

  Sent send(const core::LogLine& line) {
    core::LogLine cut = line;
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
    files::FileDescriptor fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
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
  files::FileDescriptor socket_;
};

core::Result<std::shared_ptr<Log::Opened>> open_file(const LogPlan& plan) {
  if (plan.file == "/dev/stderr") return opened_as(plan, STDERR_FILENO);
  if (plan.file == "/dev/stdout") return opened_as(plan, STDOUT_FILENO);
  auto opened = std::make_shared<Log::Opened>(plan);
  if (plan.file == "/dev/null") {
    opened->file = files::FileDescriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  } else {
    auto file = files::open_to_write(plan.file, O_APPEND, 0640, files::Links::follow);
    if (!file) {
      const auto& why = file.error();
      return std::unexpected(
          core::Error{"open the log file " + plan.file.string(), why.happened,
                      why.number == 0 ? why.advice + "; else log to stderr, journal or syslog"
                                      : "create its directory, or name another file"});
    }
    opened->file = *std::move(file);
  }
  opened->fd = opened->file.number();
  return opened;
}

core::Result<std::shared_ptr<Log::Opened>> open_now(const LogPlan& plan) {
  switch (plan.target) {
    case LogTarget::file:
      return open_file(plan);
    case LogTarget::journal:
    case LogTarget::syslog:
      return opened_as(plan, -1);
    case LogTarget::standard_error:
      break;
  }
  return opened_as(plan, STDERR_FILENO);
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

core::Result<std::shared_ptr<Log::Opened>> Log::prepare(const LogPlan& plan) {
  auto opened = files::within(open_patience, [plan] { return open_now(plan); });
  return opened ? *std::move(opened) : std::make_shared<Opened>(plan);
}

core::Result<Log> Log::open(const LogPlan& plan) {
  auto opened = prepare(plan);
  if (!opened) return std::unexpected(opened.error());
  Log log;
  log.use(*std::move(opened));
  return log;
}

void Log::use(std::shared_ptr<Opened> opened) {
  const LogPlan plan = opened->plan;
  // Whoever goes elsewhere must not wait behind a disk that hangs.
  if (!writer_ || plan.target != plan_.target || plan.file != plan_.file) {
    writer_ = std::make_shared<FileWriter>("log");
  }
  plan_ = plan;
  if (plan.target == LogTarget::journal || plan.target == LogTarget::syslog) {
    sink_ = std::make_unique<Datagrams>(plan, writer_);
  } else {
    sink_ = std::make_unique<Stream>(writer_, std::move(opened));
  }
}

void Log::tell(core::Severity severity, std::string_view text) {
  tell(core::LogLine{severity, std::string(text)});
}

void Log::tell(const core::LogLine& line) {
  if (line.severity < plan_.least) return;
  if (lost_untold_ > 0 &&
      sink_->write(
          {core::Severity::error,
           fmt::format("{} lines of the log were lost: nobody took them", lost_untold_)})) {
    lost_untold_ = 0;
  }
  // Whoever made the text has escaped what came from outside. Should one have forgotten: no line
  // is two, and none of them acts on a terminal.
  core::LogLine shown = line;
  shown.text = core::visible(line.text);
  if (sink_->write(shown)) return;
  ++lost_;
  ++lost_untold_;
}

}  // namespace withdrawd::daemon
