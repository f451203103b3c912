// What bgpd and vtysh print: the running configuration, the table, echoed commands.
#include <cstdint>
#include <string_view>

#include "vty/running_config.hpp"
#include "vty/table.hpp"
#include "vty/vtysh_output.hpp"

using namespace withdrawd::vty;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(read_running_config(text));
  static_cast<void>(sourced_locally(text));
  static_cast<void>(advertised_to(text));
  const std::vector<std::string> commands{"configure terminal", "router bgp 65001",
                                          "no network 192.0.2.0/24", "end"};
  if (split_vtysh_output(text, commands).size() > commands.size()) __builtin_trap();
  return 0;
}
