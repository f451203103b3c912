#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/controller.hpp"
#include "core/error.hpp"

namespace withdrawd::daemon {

/// The one small file in which a run leaves its Memory to the next: JSON, versioned, replaced
/// atomically. A missing file is an empty Memory.
class StateFile {
 public:
  using WallTime = std::chrono::system_clock::time_point;
  /// One moment by both clocks: the file has the wall's, the Memory the other's.
  struct Moment {
    WallTime wall;
    core::Time steady;
    static Moment now();
  };

  explicit StateFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// Health counts that are older than this say nothing about now.
  static constexpr std::chrono::minutes counts_last{5};

  struct Loaded {
    core::Memory memory;
    boost::json::object counters;  ///< of metrics, for a run that goes on counting
    std::string
        warning;  ///< the file was damaged or from a later version, and was set aside (or left)
  };
  /// What to do with a file that cannot be used.
  enum class Damaged : std::uint8_t { set_aside, leave };
  /// Never fails: what cannot be read costs its contents, with a warning.
  Loaded load(const Moment& now, Damaged damaged = Damaged::set_aside) const;

  core::Result<void> save(const core::Memory& memory, const Moment& now,
                          const boost::json::object& counters = {}) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The text of a state file, and back; exposed for tests.
std::string state_text(const core::Memory& memory, const StateFile::Moment& now,
                       const boost::json::object& counters = {});
/// The counters in the text; empty: there are none.
boost::json::object parse_counters(std::string_view text);
core::Result<core::Memory> parse_state(std::string_view text, const StateFile::Moment& now);

}  // namespace withdrawd::daemon
