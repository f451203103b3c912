#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace withdrawd::cli {

/// What `status --json` prints: what the daemon that listens at `socket` says. None: nobody
/// answers, or not with a status (then `problems` says so).
std::optional<boost::json::value> status_of_daemon(const std::filesystem::path& socket,
                                                   std::vector<std::string>& problems);

/// The same, where no daemon answers: by a look of our own, which changes nothing. `problems`: what
/// it could not find out.
boost::json::value own_look(const config::Config& config, std::vector<std::string>& problems);

/// The status that the running withdrawd answered, its texts made visible. None: it is no status
/// that this program could show; the two may be of different versions.
std::optional<boost::json::value> status_in(std::string_view answer);

/// In all texts within: what a terminal would take for more than text is escaped.
void make_visible(boost::json::value& value);

/// Takes out of a status what is not about `target`, a rule's name or a prefix: other prefixes,
/// and, where `settings` are known, checks of other rules. False: it has nothing about it.
bool narrow(boost::json::value& status, std::string_view target, const core::Settings* settings);

/// 0 all is healthy and as it should be, 1 something is not, 3 bgpd cannot be reached.
int exit_status_of(const boost::json::value& status);

}  // namespace withdrawd::cli
