#include "config/complaints.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::config {

std::string Complaint::text() const {
  const auto place = line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
  return fmt::format("{}: {}: {}", place, grade == Grade::error ? "error" : "warning", message);
}

void Complaints::add(Complaint::Grade grade, Position at, std::string message) {
  // Behind those of the same place: what was seen first is said first.
  const auto behind = std::ranges::upper_bound(
      gathered_, at, {}, [](const Complaint& c) { return Position{c.line, c.column}; });
  gathered_.insert(behind, {grade, file_, at.line, at.column, std::move(message)});
}

bool Complaints::any_error() const {
  return std::ranges::any_of(gathered_,
                             [](const auto& c) { return c.grade == Complaint::Grade::error; });
}

std::string did_you_mean(const std::string& suggestion) {
  return suggestion.empty() ? "" : fmt::format("; did you mean \"{}\"?", suggestion);
}

}  // namespace withdrawd::config
