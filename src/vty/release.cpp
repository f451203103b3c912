#include "vty/release.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/outcome.hpp"
#include "vty/lines.hpp"

namespace withdrawd::vty {
namespace {

// The table in README.md has the same ones, and how each was tried.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> tried{{{"FRRouting", "8.4"},
                                                                              {"FRRouting", "10.3"},
                                                                              {"FRRouting", "10.7"},
                                                                              {"Quagga", "0.99.24"},
                                                                              {"Quagga", "1.2.4"}}};

}  // namespace

bool Release::is_tried() const {
  return std::ranges::any_of(tried, [this](const auto& one) {
    const auto& [name, number] = one;
    if (program != name || !version.starts_with(number)) return false;
    // "10.3" is not "10.30".
    return version.size() == number.size() || version[number.size()] < '0' ||
           version[number.size()] > '9';
  });
}

std::optional<Release> read_release(std::string_view answer) {
  while (!answer.empty()) {
    auto line = take_line(answer);
    const auto program = next_word(line);
    if (program != "FRRouting" && program != "Quagga") continue;
    const auto version = next_word(line);
    if (version.empty() || version.front() < '0' || version.front() > '9') return std::nullopt;
    return Release{std::string(program), core::printable(version, 40)};
  }
  return std::nullopt;
}

std::string tried_releases() {
  std::string text;
  std::string_view last;
  for (const auto& [program, version] : tried) {
    if (!text.empty()) text += ", ";
    if (std::exchange(last, program) != program) text += fmt::format("{} ", program);
    text += version;
  }
  return text;
}

}  // namespace withdrawd::vty
