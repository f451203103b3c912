#include "vty/survey.hpp"

#include <algorithm>

#include "core/outcome.hpp"
#include "vty/running_config.hpp"

namespace withdrawd::vty {
namespace {

std::string_view trimmed(std::string_view line) {
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  const auto end = line.find_last_not_of(" \t\r");
  return end == line.npos ? std::string_view() : line.substr(begin, end + 1 - begin);
}

std::string_view next_word(std::string_view& line) {
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  const auto word = line.substr(0, end);
  line = trimmed(line.substr(end));
  return word;
}

class SurveyReader {
 public:
  Survey read(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      line(trimmed(text.substr(0, end)));
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return std::move(survey_);
  }

 private:
  void line(std::string_view whole) {
    auto rest = whole;
    const auto word = next_word(rest);
    if (word.empty() || word.front() == '!' || word.front() == '#') return;
    if (word == "router") return router(rest);
    if (whole == "bgp config-type cisco") survey_.cisco_style = true;
    if (ends_an_instance(word)) inside_ = false;
    if (!inside_) return;
    auto& instance = survey_.instances.back();
    if (word == "address-family") {
      family_of(rest);
    } else if (word == "exit-address-family") {
      family_ = core::Family::ipv4;
    } else if (whole == "bgp network import-check" || whole == "bgp network import-check exact") {
      instance.import_check = true;
    } else if (whole == "no bgp network import-check") {
      instance.import_check = false;
    } else if (family_) {
      statement(instance, word, rest, whole);
    }
  }

  /// A block of another kind; FRR's `exit` may stand behind either an instance or a part of it.
  static bool ends_an_instance(std::string_view word) {
    return word == "route-map" || word == "line" || word == "interface" || word == "vrf" ||
           word == "rpki" || word == "end";
  }

  void router(std::string_view rest) {
    inside_ = false;
    if (next_word(rest) != "bgp") return;
    SurveyedInstance instance;
    instance.number = core::printable(next_word(rest), 40);
    const auto kind = next_word(rest);
    if (kind == "view" || kind == "vrf") {
      const auto name = core::VtyName::parse(next_word(rest));
      if (!name) return;
      using Kind = core::InstanceKey::Kind;
      instance.key = {kind == "view" ? Kind::view : Kind::vrf, *name};
    }
    survey_.instances.push_back(std::move(instance));
    inside_ = true;
    family_ = core::Family::ipv4;  // Quagga's IPv4 statements stand in the instance itself
  }

  void family_of(std::string_view rest) {
    const auto family = next_word(rest);
    const auto table = next_word(rest);
    family_.reset();
    if (!table.empty() && table != "unicast") return;
    if (family == "ipv4") family_ = core::Family::ipv4;
    if (family == "ipv6") family_ = core::Family::ipv6;
  }

  void statement(SurveyedInstance& instance, std::string_view word, std::string_view rest,
                 std::string_view whole) {
    if (word == "network") {
      if (const auto prefix = take_network_prefix(rest)) {
        const auto options = trimmed(rest);
        instance.networks.insert_or_assign(
            *prefix, options.empty() ? "" : " " + core::printable(options, 160));
      }
    } else if (word == "redistribute") {
      instance.others[*family_].redistribute.push_back(core::printable(whole, 160));
    } else if (word == "aggregate-address") {
      if (const auto prefix = core::Prefix::parse(next_word(rest))) {
        instance.others[*family_].aggregates.push_back({*prefix, core::printable(whole, 160)});
      }
    }
  }

  Survey survey_;
  bool inside_ = false;
  std::optional<core::Family> family_;
};

}  // namespace

const SurveyedInstance* Survey::find(const core::InstanceKey& key) const {
  const auto found = std::ranges::find(instances, key, &SurveyedInstance::key);
  return found == instances.end() ? nullptr : &*found;
}

Survey read_survey(std::string_view text) {
  return SurveyReader().read(text);
}

}  // namespace withdrawd::vty
