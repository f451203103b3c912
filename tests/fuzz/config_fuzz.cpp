#include <cstdint>

#include "config/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto result =
      withdrawd::config::parse({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (result) return 0;
  for (const auto& complaint : result.error())
    if (complaint.text().contains('\n')) __builtin_trap();  // a complaint is one line
  return 0;
}
