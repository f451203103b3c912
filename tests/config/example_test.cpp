#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include "config/config.hpp"
#include "written_config.hpp"

using namespace withdrawd::config;

namespace {

Lines lines_of_the_example() {
  std::ifstream file(EXAMPLE);
  REQUIRE(file);
  Lines lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

/// A key of the example: `key = value   # remark`, perhaps commented out.
struct ExampleKey {
  std::size_t line;
  std::string section, key, value, remark;
  bool commented_out;
  bool section_commented_out;

  /// The remark tells the default: the value is an example.
  bool is_example() const { return remark.find("default:") != std::string::npos; }
  std::string active() const { return key + " = " + value; }
};

std::vector<ExampleKey> keys_of(const Lines& lines) {
  static const std::regex header(R"((# )?\[(\w+)(\.[\w-]+)?\])");
  static const std::regex key(
      R"re((# )?(\w+) = ("[^"]*"|\[[^\]]*\]|\{[^}]*\}|\d+|true|false) *(?:# (.*))?)re");
  std::vector<ExampleKey> keys;
  std::string section;
  bool section_commented_out = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (std::regex_match(lines[i], match, header)) {
      section = match[2].str() + (match[3].matched ? ".NAME" : "");
      section_commented_out = match[1].matched;
    } else if (std::regex_match(lines[i], match, key)) {
      // What [defaults] shows are keys of other sections.
      if (section == "defaults") continue;
      keys.push_back(
          {i, section, match[2], match[3], match[4], match[1].matched, section_commented_out});
    }
  }
  return keys;
}

/// The example with the sections that it has commented out, which the rule then depends on.
std::string with_every_section() {
  auto lines = lines_of_the_example();
  std::string names;
  static const std::regex header(R"(# \[(check|group|defaults|fleet)\.?([\w-]*)\])");
  for (auto& line : lines) {
    std::smatch match;
    if (!std::regex_match(line, match, header)) continue;
    if (match[1] == "check") names += ", \"" + match[2].str() + "\"";
    line = line.substr(2);
  }
  for (const auto& key : keys_of(lines_of_the_example())) {
    const bool needs_section = key.key == "group" || key.key == "keep_announcing";
    if (key.section_commented_out || needs_section) lines[key.line] = key.active();
    if (key.key == "checks") lines[key.line] = "checks = [\"resolver\"" + names + "]";
  }
  return joined(lines);
}

}  // namespace

TEST_CASE("the example configuration is free of complaints") {
  CHECK(complaints(joined(lines_of_the_example())) == Lines{});
}

TEST_CASE("the example shows every key, in the order of the declarations") {
  Lines shown, known;
  for (const auto& key : keys_of(lines_of_the_example())) {
    // A key that several types of checks have is explained once.
    auto name = key.section + " " + key.key;
    if (std::ranges::count(shown, name) == 0) shown.push_back(std::move(name));
  }
  for (const auto& key : known_keys()) known.push_back(key.section + " " + key.key);
  CHECK(shown == known);
}

TEST_CASE("each default that the example shows is the default") {
  const auto lines = lines_of_the_example();
  const auto unchanged = everything_in(parsed(joined(lines)));
  auto all = lines;
  for (const auto& key : keys_of(lines)) {
    if (!key.commented_out || key.section_commented_out) continue;
    CAPTURE(key.active());
    auto changed = lines;
    changed[key.line] = key.active();
    if (key.key == "drain_grace") changed[key.line] += "\non_drain = { route_map = \"DRAIN\" }";
    if (key.key == "group") changed.emplace_back("[group.edge]\nmin_announced = 1");
    if (key.key == "keep_announcing") {
      changed.emplace_back("[fleet]\nendpoints = [\"https://192.0.2.1\"]\nsite = \"a\"");
    }
    const auto config = parse(joined(changed), EXAMPLE);
    REQUIRE(config);
    if (key.key == "include") {
      CHECK(everything_in(config->config) == unchanged);  // parse() reads no other file
    } else if (key.is_example()) {
      CHECK(everything_in(config->config) != unchanged);
    } else {
      CHECK(everything_in(config->config) == unchanged);
      all[key.line] = key.active();
    }
  }
  CHECK(everything_in(parsed(joined(all))) == unchanged);
}

TEST_CASE("the sections that the example has commented out are free of complaints") {
  const auto text = with_every_section();
  CHECK(complaints(text) == Lines{});
  CHECK(parsed(text).settings.checks.size() == 6);
}

TEST_CASE("the example and the declarations tell the same defaults") {
  for (const auto& shown : keys_of(lines_of_the_example())) {
    for (const auto& known : known_keys()) {
      if (known.section != shown.section || known.key != shown.key) continue;
      CAPTURE(shown.section);
      CAPTURE(shown.key);
      // What another section shows as its own value, such as the type of its check.
      if (shown.section_commented_out && shown.remark.empty()) continue;
      const bool has_default = known.fallback.find_first_of("\"[0123456789") == 0 ||
                               known.fallback == "false" || known.fallback == "true";
      CHECK(has_default == (shown.commented_out && !shown.is_example()));
      if (has_default) CHECK(known.fallback == shown.value);
      CHECK(known.meaning != "");
      CHECK(known.type != "");
    }
  }
}
