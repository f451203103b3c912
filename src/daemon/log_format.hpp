#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/events.hpp"

namespace withdrawd::daemon {

using WallTime = std::chrono::system_clock::time_point;

/// "warning"
std::string_view level_name(core::Severity severity);

/// "2026-11-23T03:31:21.123Z"
std::string time_text(WallTime now);

/// One object, without the end of its line: `time`, `level`, `message`, and as far as they are
/// known `rule`, `prefix`, `check`, `topic`.
std::string json_line(const core::LogLine& line, WallTime now);

/// A datagram of the journal's own protocol
/// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and
/// WITHDRAWD_RULE, WITHDRAWD_PREFIX, WITHDRAWD_CHECK, WITHDRAWD_TOPIC as far as they are known.
std::string journal_datagram(const core::LogLine& line);

/// As syslog daemons take it on /dev/log (RFC 3164, local time):
/// "<28>Nov 23 03:31:21 withdrawd[123]: rule ..."
std::string syslog_datagram(const core::LogLine& line, std::uint8_t facility, WallTime now,
                            pid_t pid);

}  // namespace withdrawd::daemon
