#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

namespace withdrawd::config {

/// The files that `pattern` (glob(3)) means, sorted; relative ones begin where `includer` stands.
/// None is fine for a pattern with a wildcard; a plain path is the answer, there or not.
std::expected<std::vector<std::filesystem::path>, std::string> matching_files(
    const std::string& pattern, const std::filesystem::path& includer);

/// The file's content, or why there is none.
std::expected<std::string, std::string> read_file(const std::filesystem::path& file);

}  // namespace withdrawd::config
