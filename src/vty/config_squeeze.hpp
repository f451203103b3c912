#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace withdrawd::vty {

/// Takes a running configuration as it comes, in pieces of whatever size, and keeps only the lines
/// that read_running_config looks at: that reads the same from what is kept as from the whole. Of a
/// configuration of 60 MB (prefix lists, neighbors, community lists) some kilobytes are left, and
/// each piece costs as much time as its own bytes. No I/O.
class ConfigSqueeze {
 public:
  /// More than this is not kept: some hundred thousand statements.
  static constexpr std::size_t most = std::size_t{8} * 1024 * 1024;

  void feed(std::string_view bytes);
  /// There was more to be kept than that, so what is kept is no configuration.
  bool is_too_long() const { return kept_.size() > most; }
  /// What is kept, with the beginning of a line that has no end.
  std::string finish();

 private:
  void line(std::string_view text);
  bool matters(std::string_view text, std::string_view word);

  std::string kept_;
  std::string begun_;  ///< a line that is not complete yet
  std::string last_route_map_;
  std::string last_kept_;
  bool dropped_ = false;  ///< the last line; a sign stands for all that follow one another
  bool any_separator_ = false, ends_in_separator_ = false;
};

}  // namespace withdrawd::vty
