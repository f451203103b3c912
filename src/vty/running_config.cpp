#include "vty/running_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>

#include "core/outcome.hpp"
#include "vty/lines.hpp"

namespace withdrawd::vty {
namespace {

using core::Family;
using core::InstanceKey;
using core::NetworkOptions;
using core::Prefix;

std::unexpected<core::Error> unreadable(std::string happened, std::string advice = "") {
  return std::unexpected(
      core::Error{"read bgpd's running configuration", std::move(happened), std::move(advice)});
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<core::Asn> parse_asn(std::string_view text) {
  const auto asn = core::Asn::parse(text);
  return asn ? std::optional(*asn) : std::nullopt;
}

std::uint32_t ipv4_number(const core::Address& address) {
  const auto& bytes = address.bytes();
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::optional<Prefix> masked(const core::Address& address, int length) {
  const auto prefix = Prefix::containing(address, length);
  return prefix.address() == address ? std::optional(prefix) : std::nullopt;
}

/// `bgp config-type cisco`: "203.0.113.64 mask 255.255.255.192"; no mask where the class implies
/// it, and for 0.0.0.0. `rest` stands behind the address; the mask is taken off it.
std::optional<Prefix> parse_cisco_prefix(std::string_view text, std::string_view& rest) {
  const auto address = core::Address::parse(text);
  if (!address || address->family() != Family::ipv4) return std::nullopt;
  auto behind = rest;
  if (next_word(behind) == "mask") {
    const auto mask = core::Address::parse(next_word(behind));
    if (!mask || mask->family() != Family::ipv4) return std::nullopt;
    rest = behind;
    const auto bits = ipv4_number(*mask);
    const int length = std::countl_one(bits);
    if (std::popcount(bits) != length) return std::nullopt;
    return masked(*address, length);
  }
  const auto bits = ipv4_number(*address);
  if (bits == 0) return masked(*address, 0);
  constexpr std::array class_lengths{8, 16, 24};
  const auto address_class = static_cast<std::size_t>(std::countl_one(bits));
  if (address_class >= class_lengths.size()) return std::nullopt;
  return masked(*address, class_lengths[address_class]);
}

std::optional<Prefix> parse_prefix(std::string_view text, std::string_view& rest) {
  if (text.find('/') == text.npos) return parse_cisco_prefix(text, rest);
  const auto prefix = Prefix::parse(text);
  return prefix ? std::optional(*prefix) : std::nullopt;
}

NetworkOptions parse_options(std::string_view rest) {
  NetworkOptions options;
  while (true) {
    const auto word = next_word(rest);
    if (word.empty()) return options;
    if (word == "backdoor") {
      options.backdoor = true;
    } else if (word == "route-map") {
      if (auto name = core::RouteMapName::parse(next_word(rest))) {
        options.route_map = *name;
      } else {
        options.untypable = true;
      }
    } else if (word == "label-index") {
      options.label_index = number<std::uint32_t>(next_word(rest));
    }
  }
}

class ConfigReader {
 public:
  core::Result<core::RunningConfig> read(std::string_view text);

 private:
  enum class Table : std::uint8_t { unicast, other };
  /// Where the statements of the present line belong.
  enum class Place : std::uint8_t {
    outside,  ///< of every BGP instance
    unnamed,  ///< in an instance that is left out
    inside,   ///< in `config_.instances[instance_]`
  };

  core::Result<void> line(std::string_view rest);
  core::Result<void> router(std::string_view rest);
  void address_family(std::string_view rest);
  void leave(std::string_view how);
  core::Result<void> network(std::string_view rest);
  void graceful_restart(std::string_view rest);
  void count_graceful_restart();
  void neighbor(std::string_view rest);
  void resolve_peer_groups();
  core::Result<void> check_complete(std::string_view text) const;

  core::RunningConfig config_;
  Place place_ = Place::outside;
  std::size_t instance_ = 0;
  Table table_ = Table::unicast;
  Family family_ = Family::ipv4;  ///< of a unicast table
  std::string other_table_;       ///< "ipv4 multicast"
  /// By instance and neighbor: its peer-group, which may come before it or after.
  std::map<std::pair<std::size_t, std::string>, std::string> groups_;
  bool in_family_ = false;
  bool left_ = false;  ///< an `exit` was seen since the instance was entered
  /// In a block of an instance that has an `exit` of its own.
  bool nested_ = false;

  /// Of the present instance, or of all where it stands in none.
  struct Promise {
    bool on = false;
    core::Duration restart_time = std::chrono::seconds(120);  // Quagga's and FRR's default
    core::Duration long_lived{};
  };
  Promise promise_;

  bool any_separator_ = false;
  bool headed_ = false;
  bool ended_ = false;
  std::string_view last_line_;

  // What tells Quagga's vtysh with several instances; see check_complete.
  bool instance_without_exit_ = false;
  bool exit_after_it_ = false;
  bool family_networks_after_it_ = false;
};

core::Result<void> ConfigReader::line(std::string_view rest) {
  const auto whole = rest;
  const auto word = next_word(rest);
  if (word.empty()) return {};
  last_line_ = word;
  if (word.front() == '!') {
    any_separator_ = true;
    return {};
  }
  // bgpd's complaints start at the margin, and no statement starts like that.
  if (whole.front() == '%') {
    return unreadable(fmt::format("bgpd answered \"{}\"", core::printable(whole, 120)));
  }
  if (word == "network") return network(rest);
  if (word == "aggregate-address" && table_ == Table::other) return network(rest);
  if (word == "neighbor") {
    if (place_ == Place::inside) neighbor(rest);
    return {};
  }
  if (word == "router") return router(rest);
  if (word == "bgp") {
    graceful_restart(rest);
  }
  if (word == "address-family") {
    address_family(rest);
  } else if (word.starts_with("exit")) {
    leave(word);
  } else if (word == "segment-routing" || (word == "bmp" && next_word(rest) == "targets")) {
    nested_ = true;
  } else if (word == "route-map") {
    const auto name = next_word(rest);
    const auto action = next_word(rest);
    if (action == "permit" || action == "deny") config_.route_maps.emplace(name);
    place_ = Place::outside;
  } else if (word == "rpki" || word == "line" || word == "interface" || word == "vrf" ||
             word == "end") {
    // None of them stands in an instance, and some have an `exit` of their own.
    place_ = Place::outside;
    in_family_ = false;
    ended_ = word == "end";
  } else if (whole == "Building configuration..." || whole == "Current configuration:") {
    headed_ = true;
  }
  return {};
}

core::Result<void> ConfigReader::router(std::string_view rest) {
  if (place_ != Place::outside && !left_) {
    instance_without_exit_ = true;
    exit_after_it_ = false;
  }
  place_ = Place::outside;
  table_ = Table::unicast;
  family_ = Family::ipv4;
  in_family_ = left_ = nested_ = false;
  count_graceful_restart();
  if (next_word(rest) != "bgp") return {};

  const auto number = next_word(rest);
  const auto asn = parse_asn(number);
  if (!asn) {
    return unreadable(
        fmt::format("\"router bgp {}\" has no AS number", core::printable(number, 40)));
  }
  InstanceKey key;
  auto kind = next_word(rest);
  if (kind == "view" || kind == "vrf") {
    key.kind = kind == "view" ? InstanceKey::Kind::view : InstanceKey::Kind::vrf;
    const auto name = core::VtyName::parse(next_word(rest));
    if (!name) {
      place_ = Place::unnamed;
      return {};
    }
    key.name = *name;
  }
  place_ = Place::inside;
  instance_ = config_.instances.size();
  config_.instances.push_back({*asn, std::move(key), {}});
  return {};
}

/// "graceful-restart", "graceful-restart restart-time 20", "long-lived-graceful-restart stale-time
/// 3600"; and others, which say nothing of how long a neighbor keeps what it has heard.
void ConfigReader::graceful_restart(std::string_view rest) {
  const auto which = next_word(rest);
  const auto what = next_word(rest);
  const auto seconds = number<std::uint32_t>(next_word(rest));
  if (which == "graceful-restart") {
    if (what.empty()) promise_.on = true;
    if (what == "restart-time" && seconds) promise_.restart_time = std::chrono::seconds(*seconds);
  } else if (which == "long-lived-graceful-restart" && what == "stale-time" && seconds) {
    promise_.long_lived = std::chrono::seconds(*seconds);
  }
}

void ConfigReader::count_graceful_restart() {
  if (promise_.on) {
    auto& longest = config_.graceful_restart;
    const core::GracefulRestart one{promise_.restart_time, promise_.long_lived};
    if (!longest || longest->kept() < one.kept()) longest = one;
  }
  // What stands above the first instance is for all of them (FRR's process-wide form).
  if (!config_.instances.empty()) promise_ = {};
}

void ConfigReader::address_family(std::string_view rest) {
  const auto family = next_word(rest);
  const auto table = next_word(rest);
  // Quagga prints "address-family ipv6" alone. Its IPv4 statements stand in the instance itself.
  table_ = (family == "ipv4" || family == "ipv6") && (table.empty() || table == "unicast")
               ? Table::unicast
               : Table::other;
  family_ = family == "ipv6" ? Family::ipv6 : Family::ipv4;
  other_table_ = core::printable(
      table.empty() ? std::string(family) : fmt::format("{} {}", family, table), 40);
  in_family_ = true;
  nested_ = false;
}

void ConfigReader::leave(std::string_view how) {
  if (how == "exit-address-family") {
    in_family_ = false;
    table_ = Table::unicast;
    family_ = Family::ipv4;
    nested_ = false;
  } else if (how == "exit" && nested_) {
    nested_ = false;
  } else if (how == "exit" && place_ != Place::outside) {
    left_ = true;
    exit_after_it_ = true;
    in_family_ = false;
    table_ = Table::unicast;
  }
}

core::Result<void> ConfigReader::network(std::string_view rest) {
  if (place_ == Place::outside && !in_family_) return {};  // OSPF and others have them, too
  if (table_ == Table::other) {
    if (place_ != Place::inside) return {};
    if (const auto prefix = take_network_prefix(rest)) {
      config_.instances[instance_].other_tables[*prefix].insert(other_table_);
    }
    return {};
  }
  if (place_ == Place::outside || (left_ && !in_family_)) {
    return unreadable("a network statement stands outside of every BGP instance",
                      "with several instances Quagga's vtysh mixes them up; use the socket or "
                      "telnet transport");
  }
  if (in_family_ && instance_without_exit_) family_networks_after_it_ = true;
  if (place_ == Place::unnamed) return {};

  const auto statement = rest;
  const auto prefix = take_network_prefix(rest);
  if (!prefix) {
    return unreadable(fmt::format("\"network{}\" has no prefix", core::printable(statement, 80)));
  }
  // bgpd prints them in order.
  auto& networks = config_.instances[instance_].networks;
  networks.insert_or_assign(networks.end(), *prefix, parse_options(rest));
  return {};
}

// "10.53.0.2 remote-as 65002", "eth0 interface remote-as external", "10.53.0.2 peer-group
// UPSTREAM", "10.53.0.2 default-originate route-map TAG".
void ConfigReader::neighbor(std::string_view rest) {
  auto& instance = config_.instances[instance_];
  const auto name = next_word(rest);
  auto what = next_word(rest);
  if (what == "default-originate") {
    instance.default_originates[family_].insert(core::printable(name, 64));
    return;
  }
  // Not `graceful-restart-helper`, which keeps theirs, nor `graceful-restart-disable`.
  if (what == "graceful-restart") promise_.on = true;
  while (what == "interface" || what == "v6only") what = next_word(rest);
  if (what != "remote-as" && what != "peer-group") return;
  const auto value = next_word(rest);
  if (what == "peer-group" && !value.empty()) {
    groups_.emplace(std::pair(instance_, core::printable(name, 64)), core::printable(value, 64));
  } else if (value == "internal") {
    instance.neighbors.emplace(core::printable(name, 64), instance.asn.number());
  } else if (const auto asn = parse_asn(value)) {
    instance.neighbors.emplace(core::printable(name, 64), asn->number());
  }
}

void ConfigReader::resolve_peer_groups() {
  for (const auto& [member, group] : groups_) {
    auto& neighbors = config_.instances[member.first].neighbors;
    if (const auto it = neighbors.find(group); it != neighbors.end()) {
      neighbors.emplace(member.second, it->second);
    }
  }
}

core::Result<void> ConfigReader::check_complete(std::string_view text) const {
  if (!any_separator_) {
    return unreadable(text.empty()
                          ? "bgpd answered nothing"
                          : fmt::format("this is none: \"{}\"", core::printable(text, 120)));
  }
  const bool whole = headed_ ? ended_ && last_line_ == "end"
                             : text.ends_with('\n') &&
                                   (place_ == Place::outside || left_ || last_line_.front() == '!');
  if (!whole) return unreadable("it is cut off");
  // Quagga's vtysh collects the `address-family ipv6` sections of all instances, exits and all,
  // behind the last instance. (FRR before 8.1 prints no `exit` at all.)
  if (instance_without_exit_ && exit_after_it_ && family_networks_after_it_) {
    return unreadable("it does not tell which instance an IPv6 network statement belongs to",
                      "with several instances Quagga's vtysh mixes them up; use the socket or "
                      "telnet transport");
  }
  return {};
}

core::Result<core::RunningConfig> ConfigReader::read(std::string_view text) {
  for (auto left = text; !left.empty();) {
    const auto end = left.find('\n');
    auto one = left.substr(0, end);
    left.remove_prefix(end == left.npos ? left.size() : end + 1);
    while (!one.empty() && (one.back() == '\r' || one.back() == ' ')) one.remove_suffix(1);
    while (!one.empty() && one.front() == '\r') one.remove_prefix(1);
    if (auto read = line(one); !read) return std::unexpected(std::move(read.error()));
  }
  if (auto complete = check_complete(text); !complete) {
    return std::unexpected(std::move(complete.error()));
  }
  count_graceful_restart();
  resolve_peer_groups();
  return std::move(config_);
}

}  // namespace

std::optional<core::Prefix> take_network_prefix(std::string_view& rest) {
  const auto word = next_word(rest);
  return parse_prefix(word, rest);
}

core::Result<core::RunningConfig> read_running_config(std::string_view text) {
  return ConfigReader().read(text);
}

}  // namespace withdrawd::vty
