#include "daemon/log_format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <ctime>
#include <string_view>

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

using core::Severity;

/// As syslog and the journal number them.
int priority(Severity severity) {
  switch (severity) {
    case Severity::debug:
      return 7;
    case Severity::info:
      return 6;
    case Severity::warning:
      return 4;
    case Severity::error:
      return 3;
    case Severity::critical:
      break;
  }
  return 2;
}

/// `KEY=value`, or for a value of several lines the key, its length in eight bytes, and it.
void add_field(std::string& datagram, std::string_view key, std::string_view value) {
  datagram += key;
  if (value.find('\n') == value.npos) {
    datagram += '=';
  } else {
    datagram += '\n';
    std::uint64_t size = value.size();
    for (int i = 0; i < 8; ++i, size >>= 8) datagram += static_cast<char>(size & 0xff);
  }
  datagram += value;
  datagram += '\n';
}

}  // namespace

std::string_view level_name(Severity severity) {
  constexpr std::array<std::string_view, 5> names{"debug", "info", "warning", "error", "critical"};
  return names.at(static_cast<std::size_t>(severity));
}

std::string time_text(WallTime now) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(
                         std::chrono::floor<std::chrono::seconds>(ms))),
                     ms.time_since_epoch().count() % 1000);
}

std::string json_line(const core::LogLine& line, WallTime now) {
  json::object object{
      {"time", time_text(now)}, {"level", level_name(line.severity)}, {"message", line.text}};
  const auto add = [&object](std::string_view key, const std::string& value) {
    if (!value.empty()) object[key] = value;
  };
  add("rule", line.about.rule);
  add("prefix", line.about.prefix);
  add("check", line.about.check);
  add("topic", line.about.topic);
  return json::serialize(object);
}

std::string journal_datagram(const core::LogLine& line) {
  std::string datagram;
  add_field(datagram, "MESSAGE", line.text);
  add_field(datagram, "PRIORITY", std::to_string(priority(line.severity)));
  add_field(datagram, "SYSLOG_IDENTIFIER", "withdrawd");
  const auto add = [&datagram](std::string_view key, const std::string& value) {
    if (!value.empty()) add_field(datagram, key, value);
  };
  add("WITHDRAWD_RULE", line.about.rule);
  add("WITHDRAWD_PREFIX", line.about.prefix);
  add("WITHDRAWD_CHECK", line.about.check);
  add("WITHDRAWD_TOPIC", line.about.topic);
  return datagram;
}

std::string syslog_datagram(const core::LogLine& line, std::uint8_t facility, WallTime now,
                            pid_t pid) {
  return fmt::format("<{}>{:%b %e %H:%M:%S} withdrawd[{}]: {}",
                     facility * 8 + priority(line.severity),
                     fmt::localtime(std::chrono::system_clock::to_time_t(now)), pid, line.text);
}

}  // namespace withdrawd::daemon
