#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace withdrawd::testing {

using namespace std::string_view_literals;

/// What somebody might write into any field that holds text, so that it becomes a second line of a
/// log, a second command of a vty or shell, or an order to a terminal.
inline constexpr std::array hostile_texts{
    "a\nno router bgp 65001"sv,
    "a\r\nno router bgp 65001\r\n"sv,
    "a\0no router bgp 65001\0"sv,
    "; no router bgp"sv,
    "a ; no router bgp 65001"sv,
    "$(no router bgp)"sv,
    "`no router bgp`"sv,
    "a|no router bgp"sv,
    "a\" \"no router bgp"sv,
    "\033[2J\033]0;no router bgp\007"sv,
    "a\b\b\b\x7f"sv,
    "\xc2\x9b"
    "31m"sv,  // a CSI of one character
    "\xe2\x80\xae"
    "gpb retuor on"sv,  // written backwards
    "!"sv,
    "#"sv,
    "?"sv,
    "a\tno router bgp"sv,
    "\xff\xfe"sv,
    "%s%n%n{}"sv,
};

inline bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace withdrawd::testing
