#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::vty {

/// Takes apart what `vtysh -E -c …` printed: with -E it echoes each command behind its prompt
/// before it runs it, `vm(config)# router bgp 65001`. Gives what stands behind each echo, for as
/// many of `commands` as were echoed: fewer than all if vtysh stopped on the way, and the last of
/// them is then the one that it stopped at.
std::vector<std::string> split_vtysh_output(std::string_view output,
                                            const std::vector<std::string>& commands);

/// The lines of `commands` that bring a fresh session to where it would stand before
/// `commands[position]`: of "configure terminal", "router bgp …" and "address-family …" those that
/// are still entered.
std::vector<std::string> way_to(const std::vector<std::string>& commands, std::size_t position);

/// Where to go on when `commands[refused]` was refused: behind it; but if it was to enter
/// something, behind all that was meant to be typed inside.
std::size_t next_after_refusal(const std::vector<std::string>& commands, std::size_t refused);

}  // namespace withdrawd::vty
