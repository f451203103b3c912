#include "vty/table.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace withdrawd::vty {
namespace {

/// Is `wanted` one of the phrases that ", " separates? "valid" is not found in "invalid".
bool has_phrase(std::string_view line, std::string_view wanted) {
  while (true) {
    const auto comma = line.find(", ");
    auto phrase = line.substr(0, comma);
    // "best (First path received)": FRR adds the reason.
    if (phrase == wanted || (phrase.starts_with(wanted) && phrase.substr(wanted.size())[0] == ' '))
      return true;
    if (comma == line.npos) return false;
    line.remove_prefix(comma + 2);
  }
}

/// Takes the first line off `text`, without its end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

/// Takes the blanks off the front, and gives how many there were.
std::size_t take_indent(std::string_view& line) {
  const auto indent = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(indent);
  return indent;
}

struct Seen {
  bool known = false;  ///< the text is an answer about a prefix
  PathSources sources;
};

Seen look(std::string_view answer) {
  Seen seen;
  bool removed = false;
  while (!answer.empty()) {
    auto line = take_line(answer);
    const auto indent = take_indent(line);

    if (line.starts_with("% Network not in table")) return {.known = true, .sources = {}};
    if (line.starts_with("BGP routing table entry for ")) seen.known = true;
    if (indent == 2) {
      // A path begins with its AS path: "Local, (removed)", "65002 65003".
      removed = has_phrase(line, "(removed)");
    } else if (line.starts_with("Origin ") && seen.known) {
      // Still "best" although invalid: bgpd has not got round to it yet, nor told its peers.
      const bool stands = has_phrase(line, "valid") || has_phrase(line, "best");
      if (!stands || removed) continue;
      // "sourced, local" for a statement, "sourced" for redistribution, "aggregated, local"; every
      // path of a peer is "internal", "external" or of the confederation instead. (bgpd's
      // route_vty_out_detail)
      const bool local = has_phrase(line, "local");
      if (has_phrase(line, "sourced")) {
        (local ? seen.sources.statement : seen.sources.redistributed) = true;
      }
      if (has_phrase(line, "aggregated") && local) seen.sources.aggregated = true;
    }
  }
  return seen;
}

using Names = std::set<std::string_view>;

void add_words(Names& names, std::string_view line) {
  while (take_indent(line), !line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    names.insert(line.substr(0, end));
    line.remove_prefix(end);
  }
}

}  // namespace

std::string show_command(const core::Prefix& prefix, const core::InstanceKey& instance) {
  const bool ipv4 = prefix.family() == core::Family::ipv4;
  const std::string start = ipv4 ? "show ip bgp " : "show bgp ";
  const std::string family = ipv4 ? "" : "ipv6 ";
  // Quagga takes "unicast" behind the family in the default instance only.
  if (instance.kind == core::InstanceKey::Kind::standard) {
    return start + (ipv4 ? "" : "ipv6 unicast ") + prefix.text();
  }
  return start + instance.text() + " " + family + prefix.text();
}

std::optional<bool> sourced_locally(std::string_view answer) {
  const auto seen = look(answer);
  if (!seen.known) return std::nullopt;
  return seen.sources != PathSources();
}

bool says_no_instance(std::string_view answer) {
  constexpr std::array<std::string_view, 4> ways{
      "No BGP process is configured",  // Quagga
      "Can't find BGP ",               // Quagga: "view LAB"
      "BGP instance not found",        // FRR: "Default …"
      " is unknown",                   // FRR: "View/Vrf LAB …"
  };
  const auto line = answer.substr(0, answer.find('\n'));
  return std::ranges::any_of(ways, [&](auto way) { return line.find(way) != line.npos; });
}

PathSources path_sources(std::string_view answer) {
  return look(answer).sources;
}

std::optional<unsigned> advertised_to(std::string_view answer) {
  bool known = false;
  std::optional<Names> peers;
  while (!answer.empty()) {
    auto line = take_line(answer);
    take_indent(line);
    if (line.starts_with("% Network not in table")) return 0;
    if (line.starts_with("BGP routing table entry for ")) known = true;
    if (!known) continue;
    if (line.starts_with("Not advertised to any peer")) return 0;
    // With addpath-tx there is no heading: a path that nobody is told of names nobody.
    if (line.starts_with("AddPath ID:") && !peers) peers.emplace();
    constexpr std::string_view by_path = "Advertised to:";
    if (line.starts_with(by_path)) {
      if (!peers) peers.emplace();
      add_words(*peers, line.substr(by_path.size()));
    } else if (line.starts_with("Advertised to ") && line.ends_with(':')) {
      // "… non peer-group peers:", "… peers:"; all of them are in the next line.
      if (line.ends_with("peer-groups:")) return std::nullopt;
      if (!peers) peers.emplace();
      add_words(*peers, take_line(answer));
    }
  }
  if (!peers) return std::nullopt;
  return static_cast<unsigned>(peers->size());
}

}  // namespace withdrawd::vty
