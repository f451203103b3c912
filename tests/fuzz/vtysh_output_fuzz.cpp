// What `vtysh -E -c …` prints. Input: a byte that picks the commands; the output.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "must.hpp"
#include "vty/vtysh_output.hpp"

using namespace withdrawd::vty;

namespace {

const std::vector<std::vector<std::string>> asked{
    {"show running-config"},
    {"configure terminal", "router bgp 65001", "no network 192.0.2.0/24", "end"},
    {"configure terminal", "router bgp 65001", "address-family ipv6 unicast",
     "network 2001:db8:53::/48 route-map TAG", "exit-address-family", "exit",
     "router bgp 65002 vrf RED", "network 192.0.2.0/24", "end", "show ip bgp 192.0.2.0/24"},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& commands = asked[data[0] % asked.size()];
  const std::string_view output(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto answers = split_vtysh_output(output, commands);
  must(answers.size() <= commands.size());
  std::size_t length = 0;
  for (const auto& answer : answers) {
    length += answer.size();
    must(output.contains(answer));
  }
  must(length <= output.size());
  // Where it stopped, vtysh is told again from there on.
  if (answers.empty()) return 0;
  const auto refused = answers.size() - 1;
  must(way_to(commands, refused).size() <= refused);
  const auto next = next_after_refusal(commands, refused);
  must(next > refused && next <= commands.size());
  return 0;
}
