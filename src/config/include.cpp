#include "config/include.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <cerrno>
#include <system_error>

#include "core/error.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::config {
namespace {

/// Far more than any configuration; keeps a wrong path (/dev/zero) from filling the memory.
constexpr std::size_t longest_file = std::size_t{16} * 1024 * 1024;

constexpr std::string_view wildcards = "*?[";

/// Without a meaning for glob(3).
std::string escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (wildcards.find(c) != wildcards.npos || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

struct Found {
  glob_t paths{};
  Found() = default;
  ~Found() { globfree(&paths); }
  Found(const Found&) = delete;
  Found& operator=(const Found&) = delete;
};

/// A directory that is not there holds nothing; one that may not be read is a fault.
int is_fault(const char*, int error) {
  return error == ENOENT || error == ENOTDIR ? 0 : 1;
}

}  // namespace

std::expected<std::vector<std::filesystem::path>, std::string> matching_files(
    const std::string& pattern, const std::filesystem::path& includer) {
  const auto directory = includer.parent_path();
  if (pattern.find_first_of(wildcards) == pattern.npos) return std::vector{directory / pattern};
  const bool absolute = pattern.starts_with('/') || directory.empty();
  const auto whole = absolute ? pattern : escaped(directory.native()) + "/" + pattern;
  Found found;
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const int failed = glob(whole.c_str(), 0, is_fault, &found.paths);
  if (failed != 0 && failed != GLOB_NOMATCH) {
    return std::unexpected(
        fmt::format("cannot be looked for: {}", core::errno_text(errno ? errno : ENOMEM)));
  }
  const auto* const first = found.paths.gl_pathv;
  if (failed == GLOB_NOMATCH) return {};
  return std::vector<std::filesystem::path>(first, first + found.paths.gl_pathc);
}

std::expected<std::string, std::string> read_file(const std::filesystem::path& file) {
  auto text = files::read(file, longest_file);
  if (text) return *std::move(text);
  const auto& why = text.error();
  return std::unexpected("cannot be read: " + why.happened +
                         (why.advice.empty() ? "" : " (" + why.advice + ")"));
}

}  // namespace withdrawd::config
