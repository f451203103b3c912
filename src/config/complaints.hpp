#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace withdrawd::config {

/// A place in the file, both from 1; line 0: the file as a whole.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
  auto operator<=>(const Position&) const = default;
};

/// What is wrong with one file, gathered while reading goes on.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}

  void error(Position at, std::string message) {
    add(Complaint::Grade::error, at, std::move(message));
  }
  void warning(Position at, std::string message) {
    add(Complaint::Grade::warning, at, std::move(message));
  }

  bool any_error() const;
  /// In the order of the file.
  std::vector<Complaint> take() && { return std::move(gathered_); }

 private:
  void add(Complaint::Grade grade, Position at, std::string message);

  std::string file_;
  std::vector<Complaint> gathered_;
};

/// The end of a message: "; did you mean \"prefixes\"?", or nothing without a suggestion.
std::string did_you_mean(const std::string& suggestion);

}  // namespace withdrawd::config
