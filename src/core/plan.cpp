#include "core/plan.hpp"

#include <algorithm>

namespace withdrawd::core {

std::string Change::statement() const {
  return verb == Verb::withdraw ? "no network " + prefix.text()
                                : "network " + prefix.text() + options.text();
}

std::vector<std::string> Plan::vty_lines() const {
  if (empty()) return {};
  std::vector<std::string> lines{"configure terminal"};
  const Change* before = nullptr;
  for (const auto& change : changes) {
    const bool same_instance =
        before && before->asn == change.asn && before->instance == change.instance;
    const bool same_family = same_instance && before->prefix.family() == change.prefix.family();
    if (before && !same_family) lines.push_back("exit-address-family");
    if (before && !same_instance) lines.push_back("exit");
    if (!same_instance) lines.push_back(Instance{change.asn, change.instance, {}}.text());
    if (!same_family) {
      lines.push_back(change.prefix.family() == Family::ipv4 ? "address-family ipv4 unicast"
                                                             : "address-family ipv6 unicast");
    }
    lines.push_back(change.statement());
    before = &change;
  }
  lines.push_back("exit-address-family");
  lines.push_back("end");
  return lines;
}

bool in_effect(const Change& change, const RunningConfig& config) {
  const auto instance = std::ranges::find_if(config.instances, [&](const Instance& i) {
    return i.asn == change.asn && i.key == change.instance;
  });
  if (instance == config.instances.end()) return change.verb == Change::Verb::withdraw;
  const auto network = instance->networks.find(change.prefix);
  if (change.verb == Change::Verb::withdraw) return network == instance->networks.end();
  return network != instance->networks.end() && network->second == change.options;
}

}  // namespace withdrawd::core
