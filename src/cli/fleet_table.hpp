#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "cli/command.hpp"

namespace withdrawd::cli {

/// The fleet as the running withdrawd answered, its texts made visible; or what it says is wrong,
/// or that it is nothing that this program could show: the two may be of different versions.
std::expected<boost::json::value, std::string> fleet_in(std::string_view answer);

/// Does every site announce every prefix, and is well?
bool all_is_fine(const boost::json::value& fleet);

/// `fleet` for people: sites by prefixes. Takes the value that `fleet --json` prints.
std::string fleet_table(const boost::json::value& fleet, const Terminal& terminal);

}  // namespace withdrawd::cli
