// A bgpd whose configuration and answers want to be more than text.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "../hostile_text.hpp"
#include "vty/answers.hpp"
#include "vty/running_config.hpp"
#include "vty/survey.hpp"
#include "vty/table.hpp"

using namespace withdrawd;
using testing::hostile_texts;
using testing::is_printable;

TEST_CASE(
    "nothing that bgpd calls a route-map, a VRF or a view is ever typed, unless it is a name") {
  for (const auto hostile : hostile_texts) {
    for (const char* form :
         {"!\nrouter bgp 65001\n network 192.0.2.0/24 route-map {}\n!\nroute-map {} permit "
          "10\n!\nend\n",
          "!\nrouter bgp 65001 vrf {}\n network 192.0.2.0/24 route-map {}\n!\nend\n",
          "!\nrouter bgp 65001 view {}\n network 192.0.2.0/24 {}\n!\nend\n",
          "!\nrouter bgp {}\n network {}\n!\nend\n", "{}{}", "!\n{}\n!\n{}\nend\n"}) {
      const auto text = fmt::format(fmt::runtime(form), hostile, hostile);
      CAPTURE(text);
      const auto config = vty::read_running_config(text);
      if (!config) {
        CHECK(is_printable(config.error().text()));
      } else {
        for (const auto& instance : config->instances) {
          CHECK(is_printable(instance.text()));
          CHECK(instance.text().find(';') == std::string::npos);
          for (const auto& [prefix, options] : instance.networks) {
            CHECK(is_printable(options.text()));
            CHECK(options.text().find("no router bgp") == std::string::npos);
            CHECK(is_printable(vty::show_command(prefix, instance.key)));
          }
        }
      }
      for (const auto& instance : vty::read_survey(text).instances) {
        CHECK(is_printable(instance.number + instance.key.text()));
        for (const auto& [prefix, options] : instance.networks) CHECK(is_printable(options));
      }
      CHECK(is_printable(vty::one_line(text)));
    }
  }
}

TEST_CASE("names that are typed hold nothing but what a name may") {
  for (const auto hostile : hostile_texts) {
    CAPTURE(std::string(hostile));
    const auto name = core::VtyName::parse(hostile);
    CHECK_FALSE(name);
    if (!name) CHECK(is_printable(name.error().text()));
    for (const auto& text : {std::string(hostile), "192.0.2.0/24" + std::string(hostile),
                             std::string(hostile) + "192.0.2.0/24"}) {
      const auto prefix = core::Prefix::parse(text);
      CHECK_FALSE(prefix);
      if (!prefix) CHECK(is_printable(prefix.error().text()));
    }
  }
}
