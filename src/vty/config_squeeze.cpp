#include "vty/config_squeeze.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace withdrawd::vty {
namespace {

/// What read_running_config takes notice of; there each has its reason. Words are compared from
/// their beginning: `exit-address-family` is one.
constexpr std::array<std::string_view, 16> noticed{"network",
                                                   "aggregate-address",
                                                   "router",
                                                   "address-family",
                                                   "exit",
                                                   "segment-routing",
                                                   "bmp",
                                                   "rpki",
                                                   "line",
                                                   "interface",
                                                   "vrf",
                                                   "end",
                                                   "!",
                                                   "%",
                                                   "Building configuration...",
                                                   "Current configuration:"};
constexpr std::array<std::string_view, 3> of_neighbors{" remote-as ", " peer-group ",
                                                       " default-originate"};
/// A text that is no configuration at all is shown in the error, so its beginning stays as it is.
constexpr std::size_t beginning = 256;
/// No line that matters is longer.
constexpr std::size_t longest_line = 4096;
/// No statement; in the place of all that are dropped, so that the last line is not taken for one
/// before it.
constexpr std::string_view dropped = "-\n";

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  while (!line.empty() && line.front() == '\r') line.remove_prefix(1);
  return line;
}

}  // namespace

void ConfigSqueeze::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    if (end == bytes.npos || !begun_.empty()) {
      begun_.append(piece.substr(0, longest_line - std::min(longest_line, begun_.size())));
    }
    if (end == bytes.npos) return;
    line(without_line_end(begun_.empty() ? piece : std::string_view(begun_)));
    begun_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void ConfigSqueeze::line(std::string_view text) {
  if (is_too_long()) return;
  const auto word = text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
  if (word.empty()) return;
  ends_in_separator_ = word.front() == '!';
  if (ends_in_separator_ && std::exchange(any_separator_, true)) return;
  if (kept_.size() < beginning || matters(text, word)) {
    kept_.append(text.substr(0, longest_line)).push_back('\n');
    last_kept_ = text;
    dropped_ = false;
  } else if (!std::exchange(dropped_, true)) {
    kept_.append(dropped);
  }
}

bool ConfigSqueeze::matters(std::string_view text, std::string_view word) {
  if (word.starts_with("route-map ")) {
    // Entries of one follow one another; the name is all that is wanted of them.
    const auto name = word.substr(0, word.find(' ', word.find_first_not_of(' ', 10)));
    const auto action = word.substr(name.size());
    const bool is_entry = action.starts_with(" permit") || action.starts_with(" deny");
    return !is_entry || std::exchange(last_route_map_, std::string(name)) != name;
  }
  if (word.starts_with("router ")) last_route_map_.clear();
  if (word.starts_with("bgp graceful-restart") ||
      word.starts_with("bgp long-lived-graceful-restart")) {
    return true;
  }
  if (word.starts_with("neighbor ")) {
    // Its AS, whether it is sent a default route; of the rest each neighbor has many lines.
    return word.ends_with(" graceful-restart") ||
           std::ranges::any_of(of_neighbors, [word](auto known) { return word.contains(known); });
  }
  // FRR's, behind each of these entries: only the first of them can end something that matters.
  if (text == "exit" && last_kept_ == text) return false;
  return std::ranges::any_of(noticed, [word](auto known) { return word.starts_with(known); });
}

std::string ConfigSqueeze::finish() {
  if (ends_in_separator_) kept_.append("!\n");
  kept_.append(begun_);
  begun_.clear();
  return std::move(kept_);
}

}  // namespace withdrawd::vty
