#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace withdrawd::vty {

/// The first line of a password file. Refuses a file that is none, that group or others can read or
/// write, or that belongs neither to us nor to root; and a password that is empty or that nobody
/// could type at a vty, which takes printable ASCII alone (vty_read in lib/vty.c, Quagga and FRR).
/// No error ever holds the password or a part of it.
core::Result<std::string> read_password_file(const std::filesystem::path& file);

}  // namespace withdrawd::vty
