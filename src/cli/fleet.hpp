#pragma once

#include <CLI/App.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "cli/command.hpp"

namespace withdrawd::cli {

void add_fleet(CLI::App& app, int& status);

/// `fleet` for people: sites by prefixes. Takes the value that `fleet --json` prints.
std::string fleet_table(const boost::json::value& fleet, const Palette& palette);

}  // namespace withdrawd::cli
