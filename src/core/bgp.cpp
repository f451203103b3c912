#include "core/bgp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/outcome.hpp"

namespace withdrawd::core {
namespace {

constexpr std::int64_t last_asn = 4294967294;

std::unexpected<Error> not_an_asn(std::string_view text) {
  return std::unexpected(Error{fmt::format("read AS number \"{}\"", printable(text)),
                               "it is not an AS number", "1 to 4294967294"});
}

bool is_vty_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.:@+/=~").find(c) != std::string_view::npos;
}

bool fits(const Instance& instance, const InstanceChoice& choice) {
  return (!choice.asn || instance.asn == *choice.asn) &&
         (!choice.key || instance.key == *choice.key);
}

/// "find vrf RED of AS 65001 in bgpd's running configuration"
std::string wanted(const InstanceChoice& choice) {
  std::string text = "find ";
  text += choice.key ? choice.key->text() : "the BGP instance";
  if (choice.asn) text += fmt::format(" of AS {}", choice.asn->number());
  return text + " in bgpd's running configuration";
}

/// "\"router bgp 65001\", \"router bgp 65001 vrf RED\""
std::string list(const std::vector<const Instance*>& instances) {
  std::string text;
  for (const auto* instance : instances) {
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", instance->text());
  }
  return text;
}

}  // namespace

Result<Asn> Asn::parse(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = failed == std::errc() && end == digits.data() + digits.size();
    const bool plain = digits.find_first_not_of("0123456789") == digits.npos &&
                       (digits.size() == 1 || !digits.starts_with('0'));
    return whole && plain ? std::optional(value) : std::nullopt;
  };
  const auto dot = text.find('.');
  const auto high = dot == text.npos ? std::optional<std::int64_t>(0) : number(text.substr(0, dot));
  const auto low = number(dot == text.npos ? text : text.substr(dot + 1));
  constexpr std::int64_t half = 0x10000;
  if (!high || !low || (dot != text.npos && (*high >= half || *low >= half))) {
    return not_an_asn(text);
  }
  return from(*high * half + *low);
}

Result<Asn> Asn::from(std::int64_t number) {
  if (number < 1 || number > last_asn) return not_an_asn(std::to_string(number));
  return Asn(static_cast<std::uint32_t>(number));
}

Result<VtyName> VtyName::parse(std::string_view text) {
  auto refused = [&](std::string happened) {
    return std::unexpected(Error{fmt::format("read name \"{}\"", printable(text)),
                                 std::move(happened), "1 to 127 letters, digits and -_.:@+/=~"});
  };
  if (text.empty()) return refused("it is empty");
  if (text.size() > 127) return refused(fmt::format("it has {} bytes", text.size()));
  const auto bad = std::ranges::find_if_not(text, is_vty_byte);
  if (bad != text.end()) {
    return refused(fmt::format("byte {} is '{}'", bad - text.begin() + 1, printable({bad, 1})));
  }
  return VtyName(std::string(text));
}

std::string InstanceKey::text() const {
  switch (kind) {
    case Kind::view:
      return "view " + (name ? name->text() : "");
    case Kind::vrf:
      return "vrf " + (name ? name->text() : "");
    case Kind::standard:
      break;
  }
  return "the default instance";
}

std::string NetworkOptions::text() const {
  std::string text;
  if (label_index) text += fmt::format(" label-index {}", *label_index);
  if (route_map) text += " route-map " + route_map->text();
  if (backdoor) text += " backdoor";
  return text;
}

std::string Instance::text() const {
  auto text = fmt::format("router bgp {}", asn.number());
  if (key.kind != InstanceKey::Kind::standard) text += " " + key.text();
  return text;
}

Result<const Instance*> choose_instance(const RunningConfig& config, const InstanceChoice& choice) {
  std::vector<const Instance*> all, fitting;
  for (const auto& instance : config.instances) {
    all.push_back(&instance);
    if (fits(instance, choice)) fitting.push_back(&instance);
  }
  if (fitting.size() == 1) return fitting.front();
  if (all.empty()) return std::unexpected(Error{wanted(choice), "there is no \"router bgp\"", ""});
  if (fitting.empty()) {
    return std::unexpected(
        Error{wanted(choice), "there is only " + list(all), "correct \"vrf\", \"view\" or \"as\""});
  }
  return std::unexpected(
      Error{wanted(choice), "there are " + list(fitting),
            "name one with \"vrf\", \"view\" or \"as\"; vrf = \"default\" is the one without a "
            "name"});
}

}  // namespace withdrawd::core
