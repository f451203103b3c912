#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/prefix.hpp"

namespace withdrawd::test {

/// As much of a bgpd as the tests need: one instance, AS 65001, in Quagga's words. `network` and
/// `no network` do what they say.
class FakeBgpd {
 public:
  struct Said {
    std::string text;
    int status = 0;
  };

  std::map<core::Prefix, std::string> networks;  ///< and the options of each, as printed
  bool locked = false;
  std::string unknown = {};  ///< commands that start so are refused
  bool deaf = false;         ///< takes every statement and does nothing

  Said answer(std::string_view command) {
    const auto starts = [&](std::string_view with) { return command.starts_with(with); };
    if (!unknown.empty() && starts(unknown)) return refusal(command);
    if (command == "enable") return {};
    if (command == "configure terminal") {
      if (locked) return {"VTY configuration is locked by other VTY\n", 1};
      configuring_ = true;
      return {};
    }
    if (command == "end") return configuring_ = in_instance_ = false, Said{};
    if (command == "show running-config") return {running_config(), 0};
    if (starts("show ip bgp ") || starts("show bgp ipv6 unicast ")) {
      const auto prefix = core::Prefix::parse(command.substr(command.rfind(' ') + 1));
      if (!networks.contains(*prefix)) return {"% Network not in table\n", 1};
      return {"BGP routing table entry for " + prefix->text() +
              "\nPaths: (1 available)\n  Not advertised to any peer\n  Local\n    0.0.0.0 from "
              "0.0.0.0 (10.0.0.1)\n"
              "      Origin IGP, metric 0, valid, sourced, local, best\n"};
    }
    if (configuring_ && command == "router bgp 65001") return in_instance_ = true, Said{};
    if (configuring_ && starts("router bgp ")) return {"BGP is already running; AS is 65001\n", 1};
    if (in_instance_ && (starts("address-family ") || command == "exit-address-family")) return {};
    if (in_instance_ && starts("network ")) {
      auto rest = command.substr(8);
      const auto end = std::min(rest.find(' '), rest.size());
      if (!deaf) networks[*core::Prefix::parse(rest.substr(0, end))] = rest.substr(end);
      return {};
    }
    if (in_instance_ && starts("no network ")) {
      if (deaf || networks.erase(*core::Prefix::parse(command.substr(11))) == 1) return {};
      return {"% Can't find specified static route configuration.\n", 1};
    }
    return refusal(command);
  }

  std::string running_config() const {
    std::string text = "hostname edge1\n!\nrouter bgp 65001\n";
    std::string ipv6;
    for (const auto& [prefix, options] : networks) {
      auto& where = prefix.family() == core::Family::ipv4 ? text : ipv6;
      where += " network " + prefix.text() + options + "\n";
    }
    return text + "!\n address-family ipv6\n" + ipv6 +
           " exit-address-family\n exit\n!\nline vty\n!\n";
  }

 private:
  static Said refusal(std::string_view command) {
    return {"% [BGP] Unknown command: " + std::string(command) + "\n", 2};
  }

  bool configuring_ = false;
  bool in_instance_ = false;
};

}  // namespace withdrawd::test
