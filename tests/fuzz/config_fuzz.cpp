#include <cstdint>

#include "config/config.hpp"
#include "must.hpp"

using namespace withdrawd;

namespace {

/// All that goes into logs, onto the command line and to bgpd.
void must_be_in_order(const config::Config& config) {
  for (const auto& check : config.settings.checks) {
    must_be_printable(check.name);
    must_be_printable(check.text());
  }
  for (const auto& rule : config.settings.rules) {
    must_be_printable(rule.name);
    for (const auto& prefix : rule.prefixes) must_be_printable(prefix.text());
    for (const auto& way : {rule.route_map, rule.on_down, rule.on_drain})
      if (way) must_be_printable(way->text());
    if (rule.instance.key) must_be_printable(rule.instance.key->text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto result = config::parse({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (result) {
    must_be_in_order(result->config);
    for (const auto& warning : result->warnings) must_be_printable(warning.text());
  } else {
    for (const auto& complaint : result.error()) must_be_printable(complaint.text());
  }
  return 0;
}
