#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "cli/command.hpp"

namespace withdrawd::cli {

/// Of a string; throws for anything else.
std::string text(const boost::json::value& value);

/// "45s", "12m", "3h", "17d": what fits a column. Less than none is none, and whatever is more than
/// a century is one.
std::string short_span(double seconds);

/// `status` for people: a table of prefixes by rule, each rule with its cause, as wide as the
/// terminal where names allow. Takes the value that `status --json` prints.
std::string status_table(const boost::json::value& report, const Terminal& terminal);

/// What `reach` says of one of its prefixes; nothing, if an older daemon has not said it.
const boost::json::array& reach_of(const boost::json::value& prefix);

/// One of its checks in full, as `show` has it.
std::string check_lines(const boost::json::value& check, const Terminal& terminal);

}  // namespace withdrawd::cli
