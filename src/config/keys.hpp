#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/reader.hpp"

namespace withdrawd::config {

/// The sections that occur once, as read so far.
struct ConfigDraft {
  Config config;
  std::optional<core::Mode> mode = core::Mode::soft;  ///< none: the file's is not one
  std::optional<core::Asn> asn;                       ///< for rules that name none
};

struct CheckDraft {
  core::Check check{.name = "",
                    .question = {.server = {core::Address(core::Family::ipv4, {}), 0}, .name = ""},
                    .policy = {}};
  std::optional<std::uint16_t> port;
};

struct RuleDraft {
  struct PlacedPrefix {
    core::Prefix prefix;
    Position at;
  };
  struct PlacedName {
    std::string name;
    Value value;
  };
  core::Rule rule;
  std::vector<PlacedPrefix> prefixes;
  std::vector<PlacedName> checks;
  std::optional<core::VtyName> vrf, view;
};

/// One key: all that is said about it anywhere in the program.
template <class Draft>
struct Key {
  std::string_view name;
  std::string_view type;
  std::string_view fallback;  ///< as in KeyInfo
  std::string_view meaning;
  void (*store)(const Value& value, Draft& draft);
};

/// The `fallback` of a key that must be there.
inline constexpr std::string_view required = "required";

template <class Draft>
struct Section {
  std::string_view title;  ///< "", "bgpd", "check.NAME"
  std::vector<Key<Draft>> keys;
};

/// "" (the top of the file), "log", "bgpd", "fallback".
const std::vector<Section<ConfigDraft>>& single_sections();
const Section<CheckDraft>& check_section();
const Section<RuleDraft>& rule_section();

}  // namespace withdrawd::config
