#pragma once

#include <CLI/App.hpp>

namespace withdrawd::cli {

void add_fleet(CLI::App& app, int& status);

}  // namespace withdrawd::cli
