// What `show ip bgp PREFIX` prints.
#include <cstdint>
#include <string_view>

#include "must.hpp"
#include "vty/answers.hpp"
#include "vty/table.hpp"

using namespace withdrawd::vty;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sourced = sourced_locally(text);
  must(sourced.value_or(false) == (path_sources(text) != PathSources()));
  if (const auto peers = advertised_to(text)) must(*peers <= size);
  static_cast<void>(says_locked(text));
  must_be_printable(one_line(text));
  return 0;
}
