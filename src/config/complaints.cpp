#include "config/complaints.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/visible.hpp"

namespace withdrawd::config {

std::string Complaint::text() const {
  const auto place = line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
  // A pattern of `include` finds files of whatever name.
  return core::visible(
      fmt::format("{}: {}: {}", place, grade == Grade::error ? "error" : "warning", message));
}

unsigned Complaints::add_file(std::string file) {
  const auto number = static_cast<unsigned>(files_.size());
  numbers_.try_emplace(file, number);
  files_.push_back(std::move(file));
  return number;
}

Position Complaints::position_of(const toml::source_region& source) const {
  const auto found = source.path ? numbers_.find(*source.path) : numbers_.end();
  const auto file = found == numbers_.end() ? 0 : found->second;
  return {file, source.begin.line, source.begin.column};
}

std::string Complaints::place(Position at, Position beside) const {
  return at.file == beside.file ? fmt::format("line {}", at.line)
                                : fmt::format("{}:{}", files_.at(at.file), at.line);
}

void Complaints::add(Complaint::Grade grade, Position at, std::string message) {
  // Behind those of the same place: what was seen first is said first.
  const auto [first, behind] = std::ranges::equal_range(gathered_, at, {}, &Placed::at);
  const bool said = std::any_of(
      first, behind, [&](const auto& placed) { return placed.complaint.message == message; });
  if (said) return;
  gathered_.insert(behind,
                   {at, {grade, files_.at(at.file), at.line, at.column, std::move(message)}});
}

bool Complaints::any_error() const {
  return std::ranges::any_of(gathered_, [](const auto& placed) {
    return placed.complaint.grade == Complaint::Grade::error;
  });
}

std::vector<Complaint> Complaints::take() && {
  std::vector<Complaint> complaints;
  for (auto& placed : gathered_) complaints.push_back(std::move(placed.complaint));
  return complaints;
}

std::string did_you_mean(const std::string& suggestion) {
  return suggestion.empty() ? "" : fmt::format("; did you mean \"{}\"?", suggestion);
}

}  // namespace withdrawd::config
