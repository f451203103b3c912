#include "config/complaints.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::config {

std::string Complaint::text() const {
  const auto place = line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
  return fmt::format("{}: {}: {}", place, grade == Grade::error ? "error" : "warning", message);
}

void Complaints::error(Position at, std::string message) {
  gathered_.push_back({Complaint::Grade::error, file_, at.line, at.column, std::move(message)});
}

void Complaints::warning(Position at, std::string message) {
  gathered_.push_back({Complaint::Grade::warning, file_, at.line, at.column, std::move(message)});
}

bool Complaints::any_error() const {
  return std::ranges::any_of(gathered_,
                             [](const auto& c) { return c.grade == Complaint::Grade::error; });
}

std::vector<Complaint> Complaints::sorted() && {
  std::ranges::stable_sort(gathered_, {},
                           [](const Complaint& c) { return Position{c.line, c.column}; });
  return std::move(gathered_);
}

std::string did_you_mean(const std::string& suggestion) {
  return suggestion.empty() ? "" : fmt::format("; did you mean \"{}\"?", suggestion);
}

}  // namespace withdrawd::config
