#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

/// Small configuration files to break in one place, and what the parser makes of them.

using Lines = std::vector<std::string>;

/// A file without a mistake, of six lines.
inline constexpr std::string_view sound =
    "[check.resolver]\n"
    "server = \"127.0.0.1\"\n"
    "name = \"www.test.com\"\n"
    "[rule.anycast]\n"
    "prefixes = [\"192.0.2.0/24\"]\n"
    "checks = [\"resolver\"]\n";

/// `line` is line 1 of a sound file.
inline std::string at_top(std::string_view line) {
  return std::string(line) + "\n" + std::string(sound);
}

/// `line` is line 4, in [check.resolver].
inline std::string in_check(std::string_view line) {
  std::string text(sound);
  return text.insert(text.find("[rule"), std::string(line) + "\n");
}

/// `line` is line 7, in [rule.anycast].
inline std::string in_rule(std::string_view line) {
  return std::string(sound) + std::string(line) + "\n";
}

/// `line` is line 2, in the section [title] that comes first.
inline std::string in_section(std::string_view title, std::string_view line) {
  return "[" + std::string(title) + "]\n" + at_top(line);
}

/// What the parser says of `text`, a line each, warnings too. The file is called "f".
inline Lines complaints(std::string_view text) {
  using namespace withdrawd::config;
  const auto result = parse(text, "f");
  Lines lines;
  for (const auto& c : result ? result->warnings : result.error()) lines.push_back(c.text());
  return lines;
}

/// The configuration in a text without mistakes; what is wrong with it, when there are any after
/// all, comes out as the exception that fails the test.
inline withdrawd::config::Config parsed(std::string_view text) {
  return withdrawd::config::parse(text, "f").value().config;
}

/// All of a configuration as text, to compare and to show: each member once.
std::string everything_in(const withdrawd::config::Config& config);
