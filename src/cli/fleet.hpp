#pragma once

namespace CLI {
class App;
}

namespace withdrawd::cli {

void add_fleet(CLI::App& app, int& status);

}  // namespace withdrawd::cli
