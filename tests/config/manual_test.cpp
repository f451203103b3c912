#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "written_config.hpp"

using namespace withdrawd;

namespace {

struct Block {
  std::size_t line;     ///< where it begins
  std::string section;  ///< the heading that it stands under
  std::string text;
};

/// docs/configuration.md, taken apart.
struct Manual {
  Lines lines;                ///< "SECTION: " and the line, for each line of a table
  std::vector<Block> blocks;  ///< of TOML

  Manual() {
    std::ifstream file(MANUAL);
    REQUIRE(file);
    std::string section;
    bool inside = false;
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (line.starts_with("## ")) section = title(line.substr(3));
      if (line == "```toml") blocks.push_back({number, section, ""});
      if (line.starts_with("```")) {
        inside = line == "```toml";
      } else if (inside) {
        blocks.back().text += line + "\n";
      } else if (line.starts_with("| ")) {
        lines.push_back(section + ": " + line);
      }
    }
  }

  /// "check.NAME" of "`[check.NAME]`"; "" of "Top".
  static std::string title(const std::string& heading) {
    const auto open = heading.find('['), close = heading.find(']');
    return close == heading.npos ? "" : heading.substr(open + 1, close - open - 1);
  }
};

bool is_toml(const std::string& fallback) {
  return fallback.find_first_of("\"[0123456789") == 0 || fallback == "true" || fallback == "false";
}

/// What a key's line must begin with.
std::string row(const config::KeyInfo& key) {
  const auto fallback = is_toml(key.fallback) ? "`" + key.fallback + "`" : key.fallback;
  return fmt::format("{}: | `{}` | {} | {} | ", key.section, key.key, key.type, fallback);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A block shows one section; a configuration needs a check and a rule that uses it.
std::string made_whole(std::string text) {
  std::string names;
  for (std::size_t i = 0; (i = text.find("[check.", i)) != text.npos; ++i) {
    names += "\"" + text.substr(i + 7, text.find(']', i) - i - 7) + "\", ";
  }
  if (names.empty()) text += "[check.any]\nserver = \"::1\"\nname = \"a\"\n";
  if (names.empty()) names = "\"any\"";
  // Alone, a check that drains is none.
  if (!has(text, "[rule.")) {
    text += "[rule.any]\nprefixes = [\"10.0.0.0/8\"]\nchecks = [" + names + "]\n";
  }
  return text;
}

}  // namespace

TEST_CASE("the manual has every key with its type, its default and a meaning") {
  const Manual manual;
  for (const auto& key : config::known_keys()) {
    const auto expected = row(key);
    CAPTURE(expected);
    CHECK(std::ranges::count_if(manual.lines, [&](const auto& line) {
            return line.starts_with(expected) && line.size() > expected.size() + 10;
          }) == 1);
  }
}

TEST_CASE("the manual has no key that there is not") {
  const Manual manual;
  std::set<std::string> known;
  for (const auto& key : config::known_keys()) {
    known.insert(fmt::format("{}: | `{}` |", key.section, key.key));
  }
  for (const auto& line : manual.lines) {
    const auto name = line.substr(0, line.find(" |", line.find("| ") + 2) + 2);
    if (!has(name, "| `") || has(name, "`WITHDRAWD_")) continue;
    CAPTURE(line);
    CHECK(known.contains(name));
  }
}

TEST_CASE("the manual tells which types of checks have a key") {
  const Manual manual;
  for (const auto& key : config::known_keys()) {
    if (key.section != "check.NAME") continue;
    const auto end = " | " + (key.check_types.empty() ? "all" : key.check_types) + " |";
    CAPTURE(key.key);
    CAPTURE(end);
    CHECK(std::ranges::any_of(manual.lines, [&](const auto& line) {
      return line.starts_with(row(key)) && line.ends_with(end);
    }));
  }
}

TEST_CASE("the manual tells which keys have no default in [defaults]") {
  std::ifstream file(MANUAL);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto begin = text.find("## `[defaults]`");
  REQUIRE(begin != text.npos);
  const auto introduction = text.substr(begin, text.find("```", begin) - begin);
  for (const auto& key : config::known_keys()) {
    if (key.section != "check.NAME" && key.section != "rule.NAME") continue;
    CAPTURE(key.key);
    CHECK(has(introduction, "`" + key.key + "`") == !key.may_be_default);
  }
}

TEST_CASE("the manual has an example of every key, in its section") {
  const Manual manual;
  for (const auto& key : config::known_keys()) {
    CAPTURE(key.section);
    CAPTURE(key.key);
    CHECK(std::ranges::any_of(manual.blocks, [&](const auto& block) {
      const bool is_group = key.key == "group" && block.section == "group.NAME";
      return (block.section == key.section || is_group) &&
             ("\n" + block.text).find("\n" + key.key + " = ") != std::string::npos;
    }));
  }
}

TEST_CASE("each example of the manual is free of complaints") {
  for (const auto& block : Manual().blocks) {
    CAPTURE(block.line);
    std::string said;
    for (const auto& line : complaints(made_whole(block.text))) said += line + "\n";
    CHECK(said == "");
  }
}

TEST_CASE("the files that docs/architecture.md names are there, and each folder is named") {
  namespace fs = std::filesystem;
  const auto root = fs::path(MANUAL).parent_path().parent_path();
  std::ifstream file(root / "docs/architecture.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::size_t named = 0;
  for (std::size_t at = 0; (at = page.find('`', at)) != page.npos;) {
    const auto end = page.find('`', ++at);
    REQUIRE(end != page.npos);
    const auto path = page.substr(at, end - at);
    at = end + 1;
    if (!path.starts_with("src/") && !path.starts_with("tests/") && !path.starts_with("docs/"))
      continue;
    CAPTURE(path);
    CHECK(fs::exists(root / path));
    ++named;
  }
  CHECK(named > 40);
  for (const auto& folder : fs::directory_iterator(root / "src")) {
    if (!folder.is_directory()) continue;
    CAPTURE(folder.path().string());
    CHECK(page.find(folder.path().filename().string()) != page.npos);
  }
}
