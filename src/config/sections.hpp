#pragma once

#include <toml++/toml.h>

#include "config/agreement.hpp"

namespace withdrawd::config {

/// Reads the main file, key by key. `root` must live as long as what is read: values that are
/// judged later point into it.
void read_main(const toml::table& root, ReadFile& into, Complaints& complaints);

/// Likewise one that the main file includes: checks, rules and groups, and nothing else.
void read_included(const toml::table& root, ReadFile& into, Complaints& complaints);

}  // namespace withdrawd::config
