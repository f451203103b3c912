#include "config/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "config/agreement.hpp"
#include "config/near_miss.hpp"
#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

/// Far more than any configuration; keeps a wrong path (/dev/zero) from filling the memory.
constexpr std::size_t longest_file = 16 * 1024 * 1024;

constexpr std::string_view example = "etc/withdrawd.toml is an example to start from";

/// "\"interval\" in [check.resolver]", "\"mode\""
std::string label(std::string_view key, std::string_view title) {
  return title.empty() ? in_quotes(key) : fmt::format("{} in [{}]", in_quotes(key), title);
}

/// Where a key that its section does not have does belong.
std::string rightful_place(std::string_view key) {
  for (const auto& known : known_keys()) {
    if (known.key != key) continue;
    if (known.section.empty()) return "; it belongs at the top, before the first section";
    return fmt::format("; it is a key of [{}]", known.section);
  }
  return "";
}

/// Reads one key and gives its name: the right one also when it was misspelt.
template <class Draft>
std::string read_key(const toml::key& key, const toml::node& node, const Section<Draft>& section,
                     std::string_view title, Draft& draft, Complaints& complaints) {
  const auto known = std::ranges::find(section.keys, key.str(), &Key<Draft>::name);
  if (known != section.keys.end()) {
    known->store(Value(node, label(key, title), complaints), draft);
    return std::string(key.str());
  }
  std::vector<std::string> names;
  for (const auto& name : section.keys) names.emplace_back(name.name);
  const auto meant = near_miss(key, names);
  complaints.error(position_of(key.source()),
                   fmt::format("unknown key {}{}", label(key, title),
                               meant.empty() ? rightful_place(key) : did_you_mean(meant)));
  return meant;
}

/// Is the key one of the section as it is? Where a check's type is not one, nobody can tell.
template <class Draft>
bool applies(const Key<Draft>&, const Draft&) {
  return true;
}
bool applies(const Key<CheckDraft>& key, const CheckDraft& draft) {
  return draft.type && key.of.contain(*draft.type);
}

/// A check has the keys of its type only.
template <class Draft>
void complain_of_other_types(const Given&, const Section<Draft>&, std::string_view, const Draft&,
                             Complaints&) {}
void complain_of_other_types(const Given& given, const Section<CheckDraft>& section,
                             std::string_view title, const CheckDraft& draft,
                             Complaints& complaints) {
  if (!draft.type) return;
  for (const auto& key : section.keys) {
    const auto found = given.find(key.name);
    if (found == given.end() || key.of.contain(*draft.type)) continue;
    complaints.error(found->second,
                     fmt::format("{} is a key of checks of type {}; this one is of "
                                 "type \"{}\"{}",
                                 label(key.name, title), in_quotes(text(key.of)), name(*draft.type),
                                 given.contains("type") ? "" : ", the default"));
  }
}

/// Reads all keys of one section. `title` is the section's own: "check.resolver".
template <class Draft>
Given read_keys(const toml::table& table, Position at, const Section<Draft>& section,
                std::string_view title, Draft& draft, Complaints& complaints) {
  Given given;
  for (const auto& [key, node] : table) {
    given.emplace(read_key(key, node, section, title, draft, complaints),
                  position_of(key.source()));
  }
  complain_of_other_types(given, section, title, draft, complaints);
  for (const auto& key : section.keys) {
    if (key.fallback != required || !applies(key, draft) || given.contains(key.name)) continue;
    complaints.error(at, fmt::format("[{}] has no \"{}\" ({})", title, key.name, key.meaning));
  }
  return given;
}

/// Names go into logs and onto the command line.
bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// Reads [check.NAME] or [rule.NAME] for each NAME. `kind` is "check" or "rule".
template <class Draft>
std::vector<ReadSection<Draft>> read_named(std::string_view kind, std::string_view such_as,
                                           const toml::node& node, Position at,
                                           const Section<Draft>& section, Complaints& complaints) {
  std::vector<ReadSection<Draft>> sections;
  const auto* table = node.as_table();
  if (!table) {
    complaints.error(at, fmt::format("\"{}\" is {}; expected named sections, such as [{}]", kind,
                                     describe(node), such_as));
    return sections;
  }
  for (const auto& [name, inner] : *table) {
    const auto shown = core::printable(name.str(), 80);
    const auto title = fmt::format("{}.{}", kind, shown);
    const auto name_at = position_of(name.source());
    if (!inner.is_table()) {
      complaints.error(name_at, fmt::format("{} is {}; expected named sections, such as [{}]",
                                            label(name, kind), describe(inner), such_as));
      continue;
    }
    if (!is_good_name(name.str())) {
      complaints.error(name_at,
                       fmt::format("[{}] has a bad name; expected 1 to 64 letters, digits, "
                                   "\"-\", \"_\" or \".\"",
                                   title));
    }
    ReadSection<Draft> read{.name = shown, .at = name_at};
    read.given = read_keys(*inner.as_table(), name_at, section, title, read.draft, complaints);
    sections.push_back(std::move(read));
  }
  std::ranges::sort(sections, {}, &ReadSection<Draft>::at);
  return sections;
}

/// Reads [bgpd] and the like. Their keys become "bgpd.as" in `into.given`.
void read_single(const toml::node& node, Position at, const Section<ConfigDraft>& section,
                 ReadSection<ConfigDraft>& into, Complaints& complaints) {
  const auto* table = node.as_table();
  if (!table) {
    complaints.error(at, fmt::format("\"{0}\" is {1}; expected a section, [{0}]", section.title,
                                     describe(node)));
    return;
  }
  const auto given = read_keys(*table, at, section, section.title, into.draft, complaints);
  for (const auto& [key, where] : given) {
    into.given.emplace(fmt::format("{}.{}", section.title, key), where);
  }
}

std::string unknown_section(std::string_view name) {
  auto near = near_miss(name, {"log", "bgpd", "fallback", "check", "rule"});
  if (near == "check" || near == "rule") near += ".NAME";
  return fmt::format("unknown section [{}]{}", core::printable(name, 80),
                     near.empty() ? "" : fmt::format("; did you mean [{}]?", near));
}

ReadFile read(const toml::table& root, Complaints& complaints) {
  ReadFile file;
  const auto& top = single_sections().front();
  const auto sections = std::span(single_sections()).subspan(1);
  for (const auto& [key, node] : root) {
    const auto at = position_of(key.source());
    const auto single = std::ranges::find(sections, key.str(), &Section<ConfigDraft>::title);
    if (single != sections.end()) {
      read_single(node, at, *single, file.single, complaints);
    } else if (key == "check") {
      file.checks = read_named("check", "check.resolver", node, at, check_section(), complaints);
    } else if (key == "rule") {
      file.rules = read_named("rule", "rule.anycast", node, at, rule_section(), complaints);
    } else if (node.is_table() &&
               !std::ranges::count(top.keys, key.str(), &Key<ConfigDraft>::name)) {
      complaints.error(at, unknown_section(key.str()));
    } else {
      read_key(key, node, top, "", file.single.draft, complaints);
    }
  }
  return file;
}

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
std::optional<toml::table> parse_toml(std::string_view text, Complaints& complaints) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto at = position_of(error.source());
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

/// The file's content, or why there is none.
std::expected<std::string, std::string> read_file(const std::filesystem::path& file) {
  const auto because = [] { return std::generic_category().message(errno); };
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return std::unexpected(fmt::format("cannot be opened: {}{}", because(),
                                       errno == ENOENT ? fmt::format(" ({})", example) : ""));
  }
  std::string text;
  std::array<char, 65536> buffer;
  ssize_t got = 0;
  while (text.size() <= longest_file && (got = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const auto failed = got < 0 ? fmt::format("cannot be read: {}", because()) : "";
  close(fd);
  if (!failed.empty()) return std::unexpected(failed);
  if (text.size() > longest_file) return std::unexpected("is longer than 16 MiB");
  return text;
}

}  // namespace

ParseResult parse(std::string_view text, std::string file) {
  Complaints complaints(std::move(file));
  const auto root = parse_toml(text, complaints);
  if (root && root->empty()) {
    complaints.error({}, fmt::format("no configuration in it ({})", example));
  }
  if (!root || root->empty()) return std::unexpected(std::move(complaints).take());
  auto config = agree(read(*root, complaints), complaints);
  if (complaints.any_error()) return std::unexpected(std::move(complaints).take());
  return Parsed{std::move(config), std::move(complaints).take()};
}

ParseResult load(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (text) return parse(*text, file.native());
  Complaints complaints(file.native());
  complaints.error({}, text.error());
  return std::unexpected(std::move(complaints).take());
}

}  // namespace withdrawd::config
