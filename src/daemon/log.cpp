#include "daemon/log.hpp"

#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/visible.hpp"

namespace withdrawd::daemon {
namespace {

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

}  // namespace

core::Result<Log> Log::open(const std::filesystem::path& file, core::Severity least) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
  } else {
    // Tried by hand first: what spdlog throws does not say why.
    const int probe = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (probe < 0) {
      return std::unexpected(core::Error{"open the log file " + file.string(),
                                         std::generic_category().message(errno),
                                         "create its directory, or name another file"});
    }
    ::close(probe);
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(file.string());
    } catch (const spdlog::spdlog_ex& problem) {
      return std::unexpected(core::Error{"open the log file " + file.string(), problem.what(), ""});
    }
  }
  auto logger = std::make_shared<spdlog::logger>("withdrawd", std::move(sink));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc));
  logger->set_level(level_of(least));
  logger->flush_on(spdlog::level::debug);
  // A full disk must not end the program, nor fill standard error with its complaint.
  logger->set_error_handler([](const std::string&) {});
  return Log(std::move(logger));
}

void Log::tell(core::Severity severity, std::string_view text) {
  // Whoever made the text has escaped what came from outside. Should one have forgotten: no line
  // is two, and none of them acts on a terminal.
  const std::string line = core::visible(text);
  logger_->log(level_of(severity), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace withdrawd::daemon
