#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

#include "written_config.hpp"

using namespace withdrawd;

namespace {

struct Item {
  std::string section;  ///< the subsection it stands in
  std::string key;
  std::string type;
  std::string body;  ///< its lines as they stand, blanks for line ends
};

struct Block {
  std::size_t line;  ///< where it begins
  std::string section;
  std::string text;
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t i = 0; (i = text.find(what, i)) != text.npos; i += with.size()) {
    text.replace(i, what.size(), with);
  }
  return text;
}

/// As it is written in a mdoc page.
std::string escaped(std::string_view text) {
  return replaced(replaced(std::string(text), "\\", "\\e"), "\"", "\\(dq");
}

std::string unescaped(const std::string& text) {
  return replaced(replaced(text, "\\(dq", "\""), "\\e", "\\");
}

/// docs/man/withdrawd.toml.5, taken apart.
struct Page {
  std::vector<Item> items;    ///< of the lists of keys
  std::vector<Block> blocks;  ///< of TOML

  Page() {
    std::ifstream file(MAN_PAGE);
    REQUIRE(file);
    std::string section;
    bool in_block = false, in_item = false;
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (in_block) {
        in_block = line != ".Ed";
        if (in_block) blocks.back().text += unescaped(line) + "\n";
        continue;
      }
      if (line.starts_with(".Ss ") || line.starts_with(".Sh ")) section = title(line.substr(4));
      if (line.starts_with(".Bd -literal")) {
        in_block = true;
        blocks.push_back({number, section, ""});
      }
      if (line.starts_with(".It Ic ")) {
        const auto type = line.find(" No = ");
        REQUIRE(type != line.npos);
        items.push_back({section, line.substr(7, type - 7), unescaped(line.substr(type + 6)), ""});
      } else if (in_item && !line.starts_with(".It ") && line != ".El") {
        items.back().body += unescaped(line) + " ";
      }
      if (line.starts_with(".It ")) in_item = line.starts_with(".It Ic ");
      if (line == ".El") in_item = false;
    }
  }

  /// "check.NAME" of "[check.NAME]", "" of the top of the file, else the title itself.
  static std::string title(const std::string& heading) {
    if (heading.starts_with("[")) return heading.substr(1, heading.find(']') - 1);
    return heading == "Top of the file" ? "" : heading;
  }
};

bool is_toml(const std::string& fallback) {
  return fallback.find_first_of("\"[0123456789") == 0 || fallback == "true" || fallback == "false";
}

/// How the page tells the default, in the lines under the key's.
std::string default_lines(const config::KeyInfo& key) {
  if (is_toml(key.fallback)) {
    const bool blank = key.fallback.find(' ') != std::string::npos;
    return fmt::format("Default:\n.Ql {} .",
                       blank ? "\"" + escaped(key.fallback) + "\"" : escaped(key.fallback));
  }
  if (key.fallback.starts_with("required")) return "R" + escaped(key.fallback).substr(1) + ".";
  return "Default: " + escaped(key.fallback) + ".";
}

/// What stands in the page for a key, but for its meaning; to be pasted when it is missing.
std::string entry(const config::KeyInfo& key) {
  auto text = fmt::format(".It Ic {} No = {}\n{}\nWhat it means.", key.key, escaped(key.type),
                          default_lines(key));
  if (!key.check_types.empty()) text += "\nChecks of type: " + key.check_types + ".";
  return text;
}

/// A block shows one section; a configuration needs a check and a rule that uses it.
std::string made_whole(std::string text) {
  std::string names;
  for (std::size_t i = 0; (i = text.find("[check.", i)) != text.npos; ++i) {
    names += "\"" + text.substr(i + 7, text.find(']', i) - i - 7) + "\", ";
  }
  if (names.empty()) text += "[check.any]\nserver = \"::1\"\nname = \"a\"\n";
  if (names.empty()) names = "\"any\"";
  if (text.find("[rule.") == text.npos) {
    text += "[rule.any]\nprefixes = [\"10.0.0.0/8\"]\nchecks = [" + names + "]\n";
  }
  return text;
}

}  // namespace

TEST_CASE("withdrawd.toml(5) has every key with its type, its default and a meaning") {
  const Page page;
  for (const auto& key : config::known_keys()) {
    // Blanks for line ends, as in Item::body.
    const auto fallback = unescaped(replaced(default_lines(key), "\n", " "));
    const auto types = "Checks of type: " + key.check_types + ". ";
    const auto right = [&](const Item& item) {
      return item.section == key.section && item.key == key.key && item.type == key.type &&
             item.body.starts_with(fallback + " ") && item.body.size() > fallback.size() + 10 &&
             (key.check_types.empty() ? item.body.find("Checks of type:") == item.body.npos
                                      : item.body.ends_with(types));
    };
    INFO("docs/man/withdrawd.toml.5 needs, in the list under .Ss ",
         key.section.empty() ? "Top of the file" : "[" + key.section + "]", ":\n", entry(key));
    CHECK(std::ranges::count_if(page.items, right) == 1);
  }
}

TEST_CASE("withdrawd.toml(5) has no key that there is not") {
  std::set<std::pair<std::string, std::string>> known;
  for (const auto& key : config::known_keys()) known.emplace(key.section, key.key);
  for (const auto& item : Page().items) {
    CAPTURE(item.section);
    CAPTURE(item.key);
    CHECK(known.contains({item.section, item.key}));
  }
}

TEST_CASE("withdrawd.toml(5) has an example of every key, in its section") {
  const Page page;
  for (const auto& key : config::known_keys()) {
    INFO("docs/man/withdrawd.toml.5 needs an example of ", key.key, " in a .Bd -literal block of ",
         key.section.empty() ? "the top of the file" : "[" + key.section + "]");
    CHECK(std::ranges::any_of(page.blocks, [&](const auto& block) {
      return (block.section == key.section || block.section == "EXAMPLES") &&
             ("\n" + block.text).find("\n" + key.key + " = ") != std::string::npos;
    }));
  }
}

TEST_CASE("each example of withdrawd.toml(5) is free of complaints") {
  for (const auto& block : Page().blocks) {
    CAPTURE(block.line);
    std::string said;
    for (const auto& line : complaints(made_whole(block.text))) said += line + "\n";
    CHECK(said == "");
  }
}
