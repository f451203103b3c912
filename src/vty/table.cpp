#include "vty/table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "core/outcome.hpp"
#include "vty/lines.hpp"

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

/// Takes the blanks off the front, and gives how many there were.
std::size_t take_indent(std::string_view& line) {
  const auto indent = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(indent);
  return indent;
}

/// "10.53.0.2" of "edge(10.53.0.2)", as FRR prints it with `bgp default show-hostname`.
std::string_view neighbor_in(std::string_view word) {
  const auto open = word.find('(');
  const bool named = open != word.npos && word.ends_with(')');
  return named ? word.substr(open + 1, word.size() - open - 2) : word;
}

class TableReader {
 public:
  std::optional<TableEntry> read(std::string_view answer);

 private:
  void begin_path(std::string_view line);
  void end_path(std::string_view origin);
  void add_told(std::string_view names);

  TableEntry entry_;
  core::OtherPath path_;  ///< the present one
  std::string imported_;  ///< of the next path
  bool removed_ = false;
  std::set<std::string_view> told_;
  bool says_told_ = false, by_groups_ = false;
};

// A path begins with its AS path: "Local, (removed)", "65002 65003", "(65011) 65002 {65004},
// (stale)".
void TableReader::begin_path(std::string_view line) {
  removed_ = has_phrase(line, "(removed)");
  path_ = {};
  path_.imported_from = std::exchange(imported_, {});
  line = line.substr(0, line.find(','));
  while (!line.empty()) {
    if (const auto asn = core::Asn::parse(next_word(line))) path_.as_path.push_back(asn->number());
  }
}

void TableReader::end_path(std::string_view line) {
  // Still "best" although invalid: bgpd has not got round to it yet, nor told its peers.
  const bool best = has_phrase(line, "best");
  if ((!best && !has_phrase(line, "valid")) || removed_) return;
  // "sourced, local" for a statement, "sourced" for redistribution, "aggregated, local"; every path
  // of a peer is "internal", "external" or of the confederation instead. (bgpd's
  // route_vty_out_detail)
  const bool local = has_phrase(line, "local");
  const bool sourced = has_phrase(line, "sourced");
  const bool aggregated = has_phrase(line, "aggregated") && local;
  if (!path_.imported_from.empty() || (!sourced && !aggregated)) {
    if (best) entry_.other = std::move(path_);
    return;
  }
  if (sourced) (local ? entry_.sources.statement : entry_.sources.redistributed) = true;
  if (aggregated) entry_.sources.aggregated = true;
}

void TableReader::add_told(std::string_view names) {
  says_told_ = true;
  while (take_indent(names), !names.empty()) told_.insert(neighbor_in(next_word(names)));
}

std::optional<TableEntry> TableReader::read(std::string_view answer) {
  constexpr std::string_view by_path = "Advertised to:", imported = "Imported from ";
  bool known = false;
  while (!answer.empty()) {
    auto line = take_line(answer);
    const auto indent = take_indent(line);
    if (line.starts_with("% Network not in table")) {
      return TableEntry{.sources = {}, .advertised_to = 0, .other = {}};
    }
    if (line.starts_with("BGP routing table entry for ")) known = true;
    if (!known) continue;
    if (line.starts_with("Not advertised to any peer")) {
      says_told_ = true;
    } else if (line.starts_with("AddPath ID:")) {
      // With addpath-tx there is no heading: a path that nobody is told of names nobody.
      says_told_ = true;
    } else if (line.starts_with(by_path)) {
      add_told(line.substr(by_path.size()));
    } else if (line.starts_with("Advertised to ") && line.ends_with(':')) {
      // "… non peer-group peers:", "… peers:"; all of them are in the next line.
      if (line.ends_with("peer-groups:")) by_groups_ = true;
      add_told(take_line(answer));
    } else if (line.starts_with(imported)) {
      // "10.53.0.9:2:192.0.2.0/24", and for EVPN " RD …, VNI …".
      line = line.substr(imported.size());
      const auto word = next_word(line);
      imported_ = core::printable(word.substr(0, word.find(':', word.find(':') + 1)), 64);
      if (imported_.empty()) imported_ = "another instance";
    } else if (indent == 2) {
      begin_path(line);
    } else if (indent == 4 && path_.from.empty()) {
      // "10.54.0.3 (metric 20) from 10.54.0.3 (10.54.0.3)"
      const auto from = line.find(" from ");
      if (from == line.npos) continue;
      auto rest = line.substr(from + 6);
      path_.from = core::printable(neighbor_in(next_word(rest)), 64);
    } else if (line.starts_with("Origin ")) {
      end_path(line);
    }
  }
  if (!known) return std::nullopt;
  if (says_told_ && !by_groups_) entry_.advertised_to = static_cast<unsigned>(told_.size());
  if (entry_.sourced_locally()) entry_.other.reset();
  if (entry_.other) {
    for (const auto name : told_) entry_.other->told.insert(core::printable(name, 64));
  }
  return std::move(entry_);
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

std::optional<TableEntry> read_table_entry(std::string_view answer) {
  return TableReader().read(answer);
}

}  // namespace withdrawd::vty
