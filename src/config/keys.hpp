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
  std::optional<LogTarget> log_target{};              ///< none: as `file` says
  struct PlacedPattern {
    std::string pattern;
    Position at;
  };
  std::vector<PlacedPattern> include;
  core::Fleet fleet;
};

enum class CheckType : std::uint8_t { dns = 1, exec = 2, address = 4, file = 8 };

/// "dns", "exec", "address", "file".
std::string_view name(CheckType type);

/// Some of them.
struct CheckTypes {
  std::uint8_t bits = 0;
  constexpr CheckTypes() = default;
  constexpr CheckTypes(CheckType type) : bits(static_cast<std::uint8_t>(type)) {}
  constexpr CheckTypes operator|(CheckTypes other) const {
    other.bits |= bits;
    return other;
  }
  constexpr bool contain(CheckType type) const {
    return (bits & static_cast<std::uint8_t>(type)) != 0;
  }
};
constexpr CheckTypes operator|(CheckType one, CheckType other) {
  return CheckTypes(one) | other;
}
inline constexpr CheckTypes every_check{CheckTypes(CheckType::dns) | CheckType::exec |
                                        CheckType::address | CheckType::file};

/// "dns", "dns, exec"
std::string text(CheckTypes types);

/// A check as read so far: a draft of each type, of which one becomes the check.
struct CheckDraft {
  std::optional<CheckType> type = CheckType::dns;  ///< none: the file's is not one
  core::DnsQuestion question{.server = {core::Address(core::Family::ipv4, {}), 0}, .name = ""};
  std::optional<std::uint16_t> port;
  core::Edns edns;
  std::optional<core::Endpoint> serial_from;
  std::uint32_t serial_lag = 0;
  bool validate = false;
  core::Dnssec dnssec;
  core::ExecCheck exec;
  core::AddressCheck address{.address = core::Address(core::Family::ipv4, {}), .interface = ""};
  core::FileCheck file;
  core::HealthPolicy policy;
  std::optional<core::WatchedProcess> watch;
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
  std::optional<PlacedName> group;
};

struct GroupDraft {
  std::int64_t least = 1;   ///< prefixes
  bool in_percent = false;  ///< of those that its rules have
};

/// One key: all that is said about it anywhere in the program.
template <class Draft>
struct Key {
  std::string_view name;
  std::string_view type;
  std::string_view fallback;  ///< as in KeyInfo
  std::string_view meaning;
  void (*store)(const Value& value, Draft& draft);
  CheckTypes of = every_check;  ///< a check's key: the types that have it
};

/// The `fallback` of a key that must be there.
inline constexpr std::string_view required = "required";

template <class Draft>
struct Section {
  std::string_view title;  ///< "", "bgpd", "check.NAME"
  std::vector<Key<Draft>> keys;
};

/// "" (the top of the file), "log", "http", "metrics", "bgpd", "fallback".
const std::vector<Section<ConfigDraft>>& single_sections();
const Section<CheckDraft>& check_section();
const Section<RuleDraft>& rule_section();
const Section<GroupDraft>& group_section();

/// May [defaults] have the key? Not what makes a check or rule the one that it is.
bool may_be_default(std::string_view key);

}  // namespace withdrawd::config
