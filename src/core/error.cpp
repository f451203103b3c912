#include "core/error.hpp"

#include <fmt/format.h>

namespace withdrawd::core {

std::string Error::text() const {
  std::string text = tried.empty() ? happened : fmt::format("{}: {}", tried, happened);
  if (!advice.empty()) text += fmt::format(" ({})", advice);
  return text;
}

std::string errno_text(int number) {
  return std::generic_category().message(number);
}

}  // namespace withdrawd::core
