// The state file: what is understood of it is understood again when it has been written.
#include <cstdint>
#include <string_view>

#include "daemon/state_file.hpp"
#include "must.hpp"

using namespace withdrawd;
using daemon::StateFile;

namespace {

const StateFile::Moment noon{StateFile::WallTime(std::chrono::hours(490'000)),
                             core::Time(std::chrono::hours(90))};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto memory = daemon::parse_state({reinterpret_cast<const char*>(data), size}, noon);
  if (!memory) {
    must_be_printable(memory.error().text());
    return 0;
  }
  for (const auto& [key, options] : memory->options) must_be_printable(options.text());
  for (const auto& [key, drain] : memory->policy.drains) must_be_printable(drain.who + drain.why);
  const auto again = daemon::parse_state(daemon::state_text(*memory, noon), noon);
  must(again.has_value() && *again == *memory);
  return 0;
}
