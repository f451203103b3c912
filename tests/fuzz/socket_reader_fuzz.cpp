// The same bytes give the same answers in whatever pieces they come.
#include <cstdint>
#include <string>
#include <string_view>

#include "vty/socket_reader.hpp"

namespace {

std::string answers(std::string_view bytes, std::size_t piece) {
  withdrawd::vty::SocketReader reader(4096);
  std::string all;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.feed(bytes.substr(0, piece));
    for (;;) {
      const auto answer = reader.next();
      if (!answer) return all + "error";
      if (!*answer) break;
      all += (*answer)->text + '\0' + std::to_string((*answer)->status) + '\0';
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size <= 4096 && answers(bytes, 1) != answers(bytes, size + 1)) __builtin_trap();
  return 0;
}
