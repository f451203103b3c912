// What `show running-config` prints, as withdrawd reads it and as doctor does.
#include <cstdint>
#include <string>
#include <string_view>

#include "must.hpp"
#include "vty/running_config.hpp"
#include "vty/survey.hpp"

using namespace withdrawd;

namespace {

void must_be_typable(const core::RunningConfig& config) {
  for (const auto& instance : config.instances) {
    must_be_printable(instance.text());
    for (const auto& [prefix, options] : instance.networks)
      must_be_printable(prefix.text() + options.text());
  }
}

void read(std::string_view text) {
  const auto config = vty::read_running_config(text);
  if (config)
    must_be_typable(*config);
  else
    must_be_printable(config.error().text());
  for (const auto& instance : vty::read_survey(text).instances) {
    must_be_printable(instance.number + instance.key.text());
    for (const auto& [prefix, options] : instance.networks) must_be_printable(options);
    for (const auto& [family, other] : instance.others) {
      for (const auto& line : other.redistribute) must_be_printable(line);
      for (const auto& aggregate : other.aggregates) must_be_printable(aggregate.line);
    }
  }
}

/// A line's end is one however it is written.
void read_with_either_line_end(std::string_view text) {
  if (text.contains('\r')) return;
  std::string telnet;
  for (const char c : text) {
    if (c == '\n') telnet += '\r';
    telnet += c;
  }
  const auto one = vty::read_running_config(text), other = vty::read_running_config(telnet);
  must(one.has_value() == other.has_value());
  if (!one) return;
  must(one->route_maps == other->route_maps && one->instances.size() == other->instances.size());
  for (std::size_t i = 0; i < one->instances.size(); ++i) {
    must(one->instances[i].networks == other->instances[i].networks);
    must(one->instances[i].text() == other->instances[i].text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  read_with_either_line_end(text);
  return 0;
}
