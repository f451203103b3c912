#include <algorithm>
#include <cstdint>
#include <string_view>

#include "vty/telnet_session.hpp"

using withdrawd::vty::TelnetSession;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  TelnetSession session({"zebra", "secret"});
  while (!bytes.empty()) {
    session.receive(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    if (session.could_be_at_new_prompt() && data[0] >= 128) session.nothing_more();
    if (session.state() == TelnetSession::State::ready)
      session.type({"show running-config", "configure terminal", "no network 192.0.2.0/24"});
    session.take_output();
    session.take_replies();
    static_cast<void>(session.doing());
  }
  session.hang_up();
  return 0;
}
