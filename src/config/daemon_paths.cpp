#include "config/daemon_paths.hpp"

#include <toml++/toml.h>
#include <optional>
#include <string>
#include <string_view>

#include "config/include.hpp"

namespace withdrawd::config {
namespace {

/// The lines in front of the given one, counted from 1.
std::string_view lines_before(std::string_view text, unsigned line) {
  std::size_t end = 0;
  for (; line > 1 && end != text.npos; --line) {
    end = text.find('\n', end);
    if (end != text.npos) ++end;
  }
  return text.substr(0, end);
}

/// Each try ends at an earlier mistake: what is in front of the first one is TOML, but for a value
/// that goes over several lines.
toml::table readable_part(std::string_view text) {
  constexpr int most_tries = 16;
  for (int tries = 0; tries < most_tries && !text.empty(); ++tries) {
    try {
      return toml::parse(text);
    } catch (const toml::parse_error& error) {
      const auto rest = lines_before(text, error.source().begin.line);
      // A mistake at the very end is one of the last line.
      text =
          rest.size() < text.size() ? rest : text.substr(0, text.rfind('\n', text.size() - 2) + 1);
    }
  }
  return {};
}

std::optional<std::string> text_at(const toml::table& root, std::string_view key) {
  return root[key].value<std::string>();
}

}  // namespace

DaemonPaths find_daemon_paths(const std::filesystem::path& file) {
  DaemonPaths paths;
  const auto text = read_file(file);
  if (!text) return paths;
  const toml::table root = readable_part(*text);
  if (auto socket = text_at(root, "control_socket"); socket && socket->starts_with('/')) {
    paths.control_socket = *socket;
  }
  if (auto history = text_at(root, "history_file");
      history && (history->empty() || history->starts_with('/'))) {
    paths.history_file = *history;
  }
  return paths;
}

}  // namespace withdrawd::config
