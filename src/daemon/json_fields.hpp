#pragma once

#include <boost/json/object.hpp>
#include <string_view>

namespace withdrawd::daemon {

/// The text under a key; empty: there is none, or something else. Lasts as long as the object.
inline std::string_view text_in(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

}  // namespace withdrawd::daemon
