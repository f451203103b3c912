#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/fleet.hpp"

namespace withdrawd::fleet {

/// What a site's record of one prefix says.
struct PlaceRecord {
  core::Place place;
  std::int64_t since = 0;  ///< seconds of the wall clock: since when it says so
  std::string run{};  ///< which process has written it, "HOST/9f3c21aa"; empty: it does not say
  bool operator==(const PlaceRecord&) const = default;
};

std::string place_text(const PlaceRecord& record);
/// None: it is not one. What another version says besides is passed over.
std::optional<PlaceRecord> parse_place(std::string_view text);

/// Where the fleet's records are. `place` is the name of a prefix among the sites, `site` a name
/// without a slash.
class Keys {
 public:
  explicit Keys(const std::string& group) : root_("/withdrawd/1/" + group + "/") {}
  const std::string& root() const { return root_; }
  std::string places() const { return root_ + "place/"; }
  std::string of_place(std::string_view place) const { return places() + std::string(place) + "/"; }
  std::string of_place(std::string_view place, std::string_view site) const {
    return of_place(place) + std::string(site);
  }
  /// Without a lease: a site that has once been here.
  std::string members() const { return root_ + "site/"; }

  /// The two names in a key of a place; none: it is not one.
  struct Names {
    std::string place, site;
  };
  std::optional<Names> parse(std::string_view key) const;

 private:
  std::string root_;
};

}  // namespace withdrawd::fleet
