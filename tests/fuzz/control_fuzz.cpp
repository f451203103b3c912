// The control socket, from both ends. Input: a byte that says what it is; a request, an answer to
// an order, a status, or the table of a fleet.
#include <boost/json.hpp>
#include <cstdint>
#include <string_view>

#include "cli/fleet_table.hpp"
#include "cli/look.hpp"
#include "cli/status_table.hpp"
#include "daemon/requests.hpp"
#include "must.hpp"

using namespace withdrawd;

namespace {

void request(std::string_view line) {
  const auto request = daemon::Request::parse(line);
  if (!request) return must_be_printable(request.error().text());
  must_be_printable(request->target + request->who + request->why);
  must_be_printable(request->line());
  must_be_printable(daemon::drained_text(*request, 1));
  const auto again = daemon::Request::parse(request->line());
  must(again.has_value() && again->verb == request->verb && again->length == request->length);
  if (request->why.size() <= 200) must(again->why == request->why);
}

void answer(std::string_view text) {
  const auto said = daemon::read_said(text);
  must_be_printable(said ? *said : said.error().text());
}

void status(std::string_view text) {
  const auto value = cli::status_in(text);
  if (!value) return;
  static_cast<void>(cli::exit_status_of(*value));
  for (const char c : cli::status_table(*value, cli::Terminal(-1)))
    must(c == '\n' || (c >= ' ' && c <= '~'));
}

void fleet(std::string_view text) {
  const auto value = cli::fleet_in(text);
  if (!value) return must_be_printable(value.error());
  for (const char c : cli::fleet_table(*value, cli::Terminal(-1)))
    must(c == '\n' || (c >= ' ' && c <= '~'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 0) request(text);
  if (data[0] % 4 == 1) answer(text);
  if (data[0] % 4 == 2) status(text);
  if (data[0] % 4 == 3) fleet(text);
  return 0;
}
