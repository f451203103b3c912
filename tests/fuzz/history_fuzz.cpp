// A line of the history: what is understood of it is written the same, and shown as one line.
#include <cstdint>
#include <string_view>

#include "cli/change_log.hpp"
#include "daemon/history.hpp"
#include "must.hpp"

using namespace withdrawd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entry = daemon::parse_history_line({reinterpret_cast<const char*>(data), size});
  if (!entry) return 0;
  const auto line = daemon::history_line(*entry);
  must(line.find('\n') == line.size() - 1);
  const auto again = daemon::parse_history_line(std::string_view(line).substr(0, line.size() - 1));
  // Escapes may have made it longer than a line may be.
  must(!again ? line.size() > 64 * 1024 : *again == *entry);
  cli::Terminal one_line(-1);
  one_line.columns = std::string::npos;
  const auto shown = cli::change_line(*entry, one_line);
  must_be_printable(std::string_view(shown).substr(0, shown.size() - 1));
  return 0;
}
