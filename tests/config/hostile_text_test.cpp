// Every key that there is, with texts that want to be more than text.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "../hostile_text.hpp"
#include "config/config.hpp"

using namespace withdrawd;
using testing::hostile_texts;
using testing::is_printable;

namespace {

/// As a TOML basic string: any byte but those that are no UTF-8 can be said in one.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

using Keys = std::map<std::string, std::string>;

/// A configuration that is in order but for `key` of `section`.
std::string with(const config::KeyInfo& key, const std::string& value) {
  std::map<std::string, Keys> sections{
      {"", {}},
      {"log", {}},
      {"bgpd", {}},
      {"fallback", {}},
      {"check.NAME", {{"server", "\"127.0.0.1\""}, {"name", "\"www.test.com\""}}},
      {"rule.NAME", {{"prefixes", "[\"192.0.2.0/24\"]"}, {"checks", "[\"c\"]"}}},
      {"group.NAME", {{"min_announced", "1"}}},
  };
  auto& check = sections.at("check.NAME");
  if (key.check_types.contains("exec") && !key.check_types.contains("dns"))
    check = {{"type", "\"exec\""}, {"command", "[\"/bin/true\"]"}};
  else if (key.check_types == "address")
    check = {{"type", "\"address\""}, {"address", "\"192.0.2.1\""}};
  else if (key.check_types == "file")
    check = {{"type", "\"file\""}, {"path", "\"/tmp/x\""}};
  sections[key.section][key.key] = value;
  std::string text;
  for (const auto& [name, keys] : sections) {
    if (!name.empty()) {
      const auto dot = name.find('.');
      const auto own = name.starts_with("check") ? ".c" : name.starts_with("rule") ? ".r" : ".g";
      text += fmt::format("[{}{}]\n", name.substr(0, dot), dot == name.npos ? "" : own);
    }
    for (const auto& [one, its_value] : keys) text += fmt::format("{} = {}\n", one, its_value);
  }
  return text;
}

/// What goes to bgpd and into logs of what was read.
void check_in_order(const config::Config& config) {
  for (const auto& check : config.settings.checks) {
    CHECK(is_printable(check.name));
    CHECK(is_printable(check.text()));
  }
  for (const auto& rule : config.settings.rules) {
    CHECK(is_printable(rule.name));
    for (const auto& way : {rule.route_map, rule.on_down, rule.on_drain}) CHECK_FALSE(way);
    CHECK_FALSE(rule.instance.key);
    CHECK(rule.prefixes == std::vector{core::Prefix::parse("192.0.2.0/24").value()});
  }
}

}  // namespace

TEST_CASE("no text in any key gets near a vty, and none into a message as it came") {
  for (const auto& key : config::known_keys()) {
    for (const auto hostile : hostile_texts) {
      const auto text = quoted(hostile);
      for (const auto& value : {text, "[" + text + "]", "[\"/bin/true\", " + text + "]",
                                "{ route_map = " + text + " }"}) {
        CAPTURE(key.section);
        CAPTURE(key.key);
        CAPTURE(value);
        const auto read = config::parse(with(key, value), "withdrawd.toml");
        if (read) {
          check_in_order(read->config);
          for (const auto& warning : read->warnings) CHECK(is_printable(warning.text()));
        } else {
          for (const auto& complaint : read.error()) CHECK(is_printable(complaint.text()));
        }
      }
    }
  }
}

TEST_CASE("a section, a key or a file of such a name is refused in one printable line") {
  for (const auto hostile : hostile_texts) {
    const auto name = quoted(hostile);
    for (const auto& text :
         {fmt::format("[check.{}]\nserver = \"127.0.0.1\"\nname = \"a\"", name),
          fmt::format("[rule.{}]\nprefixes = [\"192.0.2.0/24\"]\nchecks = [\"c\"]", name),
          fmt::format("[group.{}]\nmin_announced = 1", name), fmt::format("[{}]\na = 1", name),
          fmt::format("{} = 1", name), fmt::format("[bgpd]\n{} = 1", name)}) {
      CAPTURE(text);
      const auto read = config::parse(text, std::string(hostile) + ".toml");
      REQUIRE_FALSE(read);
      for (const auto& complaint : read.error()) CHECK(is_printable(complaint.text()));
    }
  }
}
