#include "core/plan.hpp"

#include <algorithm>
#include <utility>

namespace withdrawd::core {

std::string Change::statement() const {
  return verb == Verb::withdraw ? "no network " + prefix.text()
                                : "network " + prefix.text() + options.text();
}

std::string Dialect::entering(Family family) const {
  if (family == Family::ipv4) return short_ipv4 ? "" : "address-family ipv4 unicast";
  return short_ipv6 ? "address-family ipv6" : "address-family ipv6 unicast";
}

std::vector<std::string> Plan::vty_lines(const Dialect& dialect) const {
  if (empty()) return {};
  std::vector<std::string> lines{"configure terminal"};
  const Change* before = nullptr;
  bool in_family = false;
  const auto leave_family = [&] {
    if (std::exchange(in_family, false)) lines.push_back("exit-address-family");
  };
  for (const auto& change : changes) {
    const bool same_instance =
        before && before->asn == change.asn && before->instance == change.instance;
    const bool same_family = same_instance && before->prefix.family() == change.prefix.family();
    if (!same_family) leave_family();
    if (before && !same_instance) lines.push_back("exit");
    if (!same_instance) lines.push_back(Instance{change.asn, change.instance, {}}.text());
    if (!same_family) {
      auto entering = dialect.entering(change.prefix.family());
      in_family = !entering.empty();
      if (in_family) lines.push_back(std::move(entering));
    }
    lines.push_back(change.statement());
    before = &change;
  }
  leave_family();
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
