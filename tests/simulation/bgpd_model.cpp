#include "bgpd_model.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::simulation {

using core::Duration;
using core::Prefix;
using core::Time;

BgpdModel::BgpdModel(Dialect dialect, core::RunningConfig file)
    : dialect_(dialect), file_(std::move(file)) {}

void BgpdModel::start(Time now) {
  running_ = true;
  frozen_ = false;
  ++pid_;
  config_ = file_;
  table_.clear();
  ++foreign_changes_;
  retarget(now, start_delay);
}

void BgpdModel::die() {
  running_ = false;
  frozen_ = false;
  locked = false;
  table_.clear();
}

void BgpdModel::freeze(Time now) {
  settle(now);
  frozen_ = running_;
}

void BgpdModel::thaw(Time now) {
  if (!frozen_) return;
  frozen_ = false;
  for (auto& [key, route] : table_) {
    if (route.turns) route.turns = std::max(*route.turns, now);
  }
}

bool BgpdModel::wants_to_announce(Place place, const Prefix& prefix) const {
  if (redistributed_.contains({place, prefix})) return true;
  const Networks& networks = config_.instances[place].networks;
  const auto network = networks.find(prefix);
  if (network == networks.end() || missing_in_rib_.contains(prefix)) return false;
  const auto& route_map = network->second.route_map;
  return !route_map || config_.route_maps.contains(route_map->text());
}

bool BgpdModel::announces(Place place, const Prefix& prefix, Time now) {
  settle(now);
  const auto route = table_.find({place, prefix});
  return running_ && route != table_.end() && route->second.shown;
}

void BgpdModel::settle(Time now) {
  if (!running_ || frozen_) return;
  for (auto& [key, route] : table_) {
    if (!route.turns || *route.turns > now) continue;
    route.shown = !route.shown;
    route.turns.reset();
  }
}

void BgpdModel::retarget(Time now, Duration delay) {
  settle(now);
  for (Place place = 0; place < config_.instances.size(); ++place) {
    for (const auto& [prefix, options] : config_.instances[place].networks) {
      table_.try_emplace({place, prefix});
    }
  }
  for (const auto& key : redistributed_) table_.try_emplace(key);
  for (auto& [key, route] : table_) {
    const bool wanted = wants_to_announce(key.first, key.second);
    if (wanted == route.shown) {
      route.turns.reset();
    } else if (!route.turns) {
      route.turns = now + delay;
    }
  }
  settle(now);
}

void BgpdModel::changed_by_others(Time now) {
  ++foreign_changes_;
  retarget(now, table_delay);
}

void BgpdModel::edit(Place place, const Prefix& prefix,
                     const std::optional<core::NetworkOptions>& statement, Time now) {
  Networks& networks = config_.instances[place].networks;
  if (statement) {
    networks.insert_or_assign(prefix, *statement);
  } else {
    networks.erase(prefix);
  }
  changed_by_others(now);
}

void BgpdModel::edit_file(Place place, const Prefix& prefix,
                          const std::optional<core::NetworkOptions>& statement) {
  Networks& networks = file_.instances[place].networks;
  networks.erase(prefix);
  if (statement) networks.emplace(prefix, *statement);
}

void BgpdModel::reload_file(Time now) {
  config_ = file_;
  changed_by_others(now);
}

void BgpdModel::define_route_map(const std::string& name, bool defined, Time now) {
  if (defined) {
    config_.route_maps.insert(name);
    file_.route_maps.insert(name);
  } else {
    config_.route_maps.erase(name);
  }
  changed_by_others(now);
}

void BgpdModel::redistribute(Place place, const Prefix& prefix, bool on, Time now) {
  if (on) {
    redistributed_.emplace(place, prefix);
  } else {
    redistributed_.erase({place, prefix});
  }
  changed_by_others(now);
}

void BgpdModel::miss_in_rib(const Prefix& prefix, bool missing, Time now) {
  if (missing) {
    missing_in_rib_.insert(prefix);
  } else {
    missing_in_rib_.erase(prefix);
  }
  changed_by_others(now);
}

std::string BgpdModel::running_config_text() const {
  const bool frr = dialect_ == Dialect::frr;
  std::string text = frr ? "frr version 8.4.4\nfrr defaults traditional\n!\nhostname edge1\n!\n"
                         : "hostname edge1\npassword zebra\n!\n";
  const auto networks = [&](const core::Instance& instance, core::Family family,
                            std::string_view indent) {
    for (const auto& [prefix, options] : instance.networks) {
      if (prefix.family() != family) continue;
      text += fmt::format("{}network {}{}\n", indent, prefix.text(), options.text());
    }
  };
  for (const core::Instance& instance : config_.instances) {
    text += instance.text() + "\n bgp router-id 10.0.0.1\n";
    if (frr) {
      text += " !\n address-family ipv4 unicast\n";
      networks(instance, core::Family::ipv4, "  ");
      text += " exit-address-family\n !\n address-family ipv6 unicast\n";
      networks(instance, core::Family::ipv6, "  ");
      text += " exit-address-family\nexit\n!\n";
    } else {
      networks(instance, core::Family::ipv4, " ");
      text += "!\n address-family ipv6\n";
      networks(instance, core::Family::ipv6, " ");
      text += " exit-address-family\n exit\n!\n";
    }
  }
  for (const std::string& name : config_.route_maps) {
    text += fmt::format("route-map {} permit 10\n set community 65001:100\n{}!\n", name,
                        frr ? "exit\n" : "");
  }
  return text + (frr ? "!\n" : "line vty\n!\n");
}

std::string BgpdModel::show(Place place, const Prefix& prefix, Time now) {
  if (without_answer.contains(prefix)) return "% Internal error\n";
  settle(now);
  const auto route = table_.find({place, prefix});
  const bool shown = route != table_.end() && route->second.shown;
  // Configured and not in the RIB: FRR lists it as invalid, and does not announce it.
  const bool invalid = !shown && missing_in_rib_.contains(prefix) &&
                       config_.instances[place].networks.contains(prefix) &&
                       dialect_ == Dialect::frr;
  if (!shown && !invalid) return "% Network not in table\n";
  const bool removed = shown && !wants_to_announce(place, prefix) && dialect_ == Dialect::frr;
  const bool statement = config_.instances[place].networks.contains(prefix);
  return fmt::format(
      "BGP routing table entry for {}, version 5\n"
      "Paths: (1 available, best #1, table default)\n"
      "  Not advertised to any peer\n"
      "  Local{}\n"
      "    0.0.0.0 from 0.0.0.0 (10.0.0.1)\n"
      "      Origin {}, metric 0, weight 32768, {}, sourced{}, best (First path received)\n"
      "      Last update: Mon Nov 23 02:17:17 2026\n",
      prefix.text(), removed ? ", (removed)" : "", statement ? "IGP" : "incomplete",
      invalid ? "invalid" : "valid", statement ? ", local" : "");
}

BgpdModel::Reply BgpdModel::Session::unknown(std::string_view line) const {
  return {fmt::format("% [BGP] Unknown command: {}\n", line), 2};
}

BgpdModel::Reply BgpdModel::Session::type(std::string_view line, Time now) {
  if (line == "end") {
    node_ = Node::enable;
    return {};
  }
  switch (node_) {
    case Node::enable:
      if (line != "configure terminal") return unknown(line);
      if (bgpd_.locked) {
        return {bgpd_.dialect_ == Dialect::quagga ? "VTY configuration is locked by other VTY\n"
                                                  : "% Configuration is locked by other client\n",
                1};
      }
      node_ = Node::config;
      return {};
    case Node::family:
      if (line == "exit-address-family") {
        node_ = Node::router;
        return {};
      }
      break;
    case Node::router:
      if (line == "exit") {
        node_ = Node::config;
        return {};
      }
      if (line.starts_with("address-family ")) {
        family_ = line == "address-family ipv4 unicast" ? core::Family::ipv4 : core::Family::ipv6;
        node_ = Node::family;
        return {};
      }
      break;
    case Node::config: {
      const auto& instances = bgpd_.config_.instances;
      const auto found =
          std::ranges::find_if(instances, [&](const auto& one) { return one.text() == line; });
      if (found == instances.end()) {
        return {fmt::format("BGP is already running; AS is {}\n", instances[0].asn.number()), 1};
      }
      place_ = static_cast<Place>(found - instances.begin());
      node_ = Node::router;
      return {};
    }
  }
  // In the router node itself a statement means IPv4.
  const auto family = node_ == Node::family ? family_ : core::Family::ipv4;
  const bool no = line.starts_with("no ");
  if (no) line.remove_prefix(3);
  if (!line.starts_with("network ")) return unknown(line);
  line.remove_prefix(8);
  const auto prefix = Prefix::parse(line.substr(0, line.find(' ')));
  if (!prefix || prefix->family() != family) return {"% Malformed prefix\n", 13};
  return network(line, no, now);
}

BgpdModel::Reply BgpdModel::Session::network(std::string_view rest, bool no, Time now) {
  const auto word = [&rest] {
    const auto text = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    return text;
  };
  const Prefix prefix = Prefix::parse(word()).value();
  std::optional<core::NetworkOptions> wanted;
  if (!no) {
    wanted.emplace();
    while (!rest.empty()) {
      const auto option = word();
      if (option == "route-map") wanted->route_map = core::VtyName::parse(word()).value();
      if (option == "backdoor") wanted->backdoor = true;
    }
  }
  Networks& networks = bgpd_.config_.instances[place_].networks;
  const auto there = networks.find(prefix);
  const bool taken = !bgpd_.refuses && !bgpd_.deaf_to_statements;
  statements_.push_back({place_, prefix, wanted,
                         there == networks.end() ? std::nullopt : std::optional(there->second),
                         taken});
  if (bgpd_.refuses) return {"% BGP: it is refused\n", 13};
  if (bgpd_.deaf_to_statements) return {};
  if (wanted) {
    networks.insert_or_assign(prefix, *wanted);
  } else if (there == networks.end()) {
    return {"% Can't find static route specified\n", 1};
  } else {
    networks.erase(there);
  }
  bgpd_.retarget(now, bgpd_.table_delay);
  return {};
}

}  // namespace withdrawd::simulation
