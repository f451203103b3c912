#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "config/include.hpp"
#include "config/sections.hpp"
#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

constexpr std::string_view example = "etc/withdrawd.toml is an example to start from";

/// toml++ takes an unquoted word, address or duration for a number or boolean gone wrong. Says what
/// to do about it if that is what stands on the line.
std::string quoting_advice(std::string_view text, unsigned line) {
  for (unsigned i = 1; i < line; ++i) {
    text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  }
  text = text.substr(0, text.find_first_of("\r\n#"));
  const auto equals = text.find('=');
  if (equals == text.npos) return "";
  auto value = text.substr(equals + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  value = value.substr(0, value.find_last_not_of(" \t") + 1);
  const bool is_number = value.find_first_not_of("+-0123456789_") == value.npos;
  const bool is_word = value.find_first_of("\"'[]{},") == value.npos;
  return is_word && !is_number ? fmt::format("; text is written in quotes: {}", in_quotes(value))
                               : "";
}

/// The root table, or nothing after a complaint. The one place where toml++ may throw.
std::optional<toml::table> parse_toml(std::string_view text, const std::string& file,
                                      Complaints& complaints) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const auto at = complaints.position_of(error.source());
    // It shows control characters as TOML escapes, which need no second escaping.
    auto what = core::printable(error.description());
    for (std::size_t i = 0; (i = what.find("\\\\", i)) != what.npos; ++i) what.erase(i, 1);
    if (what.find("utf-8") != what.npos) {
      complaints.error(at, "this is not UTF-8 text: " + what);
    } else {
      const bool has_value = what.find("redefine") == what.npos;
      complaints.error(
          at, "this is not TOML: " + what + (has_value ? quoting_advice(text, at.line) : ""));
    }
    return {};
  }
}

/// The files that one includes: those that are not it, each once.
class Includes {
 public:
  explicit Includes(const std::filesystem::path& includer)
      : includer_(includer), taken_{canonical(includer)} {}

  /// The files that `pattern` means and no earlier one did.
  std::vector<std::filesystem::path> files(const ConfigDraft::PlacedPattern& pattern,
                                           Complaints& complaints) {
    const auto found = matching_files(pattern.pattern, includer_);
    if (!found) {
      complaints.error(pattern.at, fmt::format("{} {}", in_quotes(pattern.pattern), found.error()));
      return {};
    }
    std::vector<std::filesystem::path> files;
    for (const auto& file : *found) {
      auto known_as = canonical(file);
      if (!taken_.insert(std::move(known_as)).second) continue;
      files.push_back(file);
    }
    return files;
  }

 private:
  static std::filesystem::path canonical(const std::filesystem::path& file) {
    std::error_code ignored;
    auto path = std::filesystem::weakly_canonical(file, ignored);
    return ignored ? file : path;
  }

  const std::filesystem::path& includer_;
  std::set<std::filesystem::path> taken_;
};

void read_includes(const std::filesystem::path& includer, std::deque<toml::table>& roots,
                   ReadFile& into, Complaints& complaints) {
  Includes includes(includer);
  // A copy: what they include is no pattern of this file.
  const auto patterns = into.single.draft.include;
  for (const auto& pattern : patterns) {
    for (const auto& file : includes.files(pattern, complaints)) {
      const auto number = complaints.add_file(file.native());
      const auto text = read_file(file);
      if (!text) {
        complaints.error({number}, fmt::format("{} (it is included in {})", text.error(),
                                               complaints.place(pattern.at, {number})));
        continue;
      }
      auto root = parse_toml(*text, file.native(), complaints);
      if (root) read_included(roots.emplace_back(*std::move(root)), into, complaints);
    }
  }
}

/// With the file's path, what it includes is read, too.
ParseResult parse(std::string_view text, const std::string& name,
                  const std::filesystem::path* path) {
  Complaints complaints(name);
  auto root = parse_toml(text, name, complaints);
  if (root && root->empty()) {
    complaints.error({}, fmt::format("no configuration in it ({})", example));
  }
  if (!root || root->empty()) return std::unexpected(std::move(complaints).take());
  std::deque<toml::table> roots;
  ReadFile read;
  read_main(roots.emplace_back(*std::move(root)), read, complaints);
  if (path) read_includes(*path, roots, read, complaints);
  auto config = agree(std::move(read), complaints);
  if (complaints.any_error()) return std::unexpected(std::move(complaints).take());
  return Parsed{std::move(config), std::move(complaints).take()};
}

}  // namespace

ParseResult parse(std::string_view text, std::string file) {
  return parse(text, file, nullptr);
}

ParseResult load(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (text) return parse(*text, file.native(), &file);
  Complaints complaints(file.native());
  std::error_code ignored;
  const bool exists = std::filesystem::exists(file, ignored);
  complaints.error(
      {}, exists || ignored ? text.error() : fmt::format("{} ({})", text.error(), example));
  return std::unexpected(std::move(complaints).take());
}

}  // namespace withdrawd::config
