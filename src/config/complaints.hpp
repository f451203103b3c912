#pragma once

#include <toml++/toml.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.hpp"

namespace withdrawd::config {

/// A place in one of the files; line 0: that file as a whole.
struct Position {
  unsigned file = 0;  ///< in the order of reading; 0 is the one that includes the others
  unsigned line = 0;  ///< from 1, as is the column
  unsigned column = 0;
  auto operator<=>(const Position&) const = default;
};

/// What is wrong with a file and those it includes, gathered while reading goes on.
class Complaints {
 public:
  explicit Complaints(std::string file) { add_file(std::move(file)); }

  /// Another file, and its number. It is not there yet.
  unsigned add_file(std::string file);
  /// Of a node that was parsed with its file's name as the source.
  Position position_of(const toml::source_region& source) const;
  /// "line 5", or "/etc/withdrawd/conf.d/a.toml:5" where that is not the file of `beside`.
  std::string place(Position at, Position beside) const;

  /// What was said before is not said twice.
  void error(Position at, std::string message) {
    add(Complaint::Grade::error, at, std::move(message));
  }
  void warning(Position at, std::string message) {
    add(Complaint::Grade::warning, at, std::move(message));
  }

  bool any_error() const;
  /// In the order of the files.
  std::vector<Complaint> take() &&;

 private:
  struct Placed {
    Position at;
    Complaint complaint;
  };

  void add(Complaint::Grade grade, Position at, std::string message);

  std::vector<std::string> files_;
  std::unordered_map<std::string, unsigned> numbers_;  ///< of `files_`; every key asks for one
  std::vector<Placed> gathered_;
};

/// The end of a message: "; did you mean \"prefixes\"?", or nothing without a suggestion.
std::string did_you_mean(const std::string& suggestion);

}  // namespace withdrawd::config
