// What `show ip bgp PREFIX` prints.
#include <cstdint>
#include <string_view>

#include "must.hpp"
#include "vty/answers.hpp"
#include "vty/table.hpp"

using namespace withdrawd::vty;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto entry = read_table_entry(text)) {
    if (entry->advertised_to) must(*entry->advertised_to <= size);
    must(!entry->other || !entry->sourced_locally());
    if (entry->other) must_be_printable(entry->other->from + entry->other->imported_from);
  }
  for (const auto& session : read_who(text)) must_be_printable(session);
  static_cast<void>(says_locked(text));
  must_be_printable(one_line(text));
  return 0;
}
