#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace withdrawd::vty {

/// The answers on vtysh's own socket: text, three NULs and a status byte each (Quagga and FRR,
/// lib/vty.c: vtysh_read). No I/O: bytes go in as they come, answers come out.
class SocketReader {
 public:
  struct Answer {
    std::string text;
    int status = 0;
  };

  /// `longest` bounds one answer's text.
  explicit SocketReader(std::size_t longest = std::size_t{64} * 1024 * 1024) : longest_(longest) {}

  void feed(std::string_view bytes) { pending_.append(bytes); }

  /// The next complete answer, if there is one. An error (too long, or not framed like this) is
  /// final: whatever follows could not be told apart.
  core::Result<std::optional<Answer>> next();

  /// What has come of the text of an answer that is not complete yet, or not given out: taken off
  /// it, so that it need not be kept.
  std::string take_part();

 private:
  std::size_t longest_;
  std::string pending_;
  std::size_t taken_ = 0;    ///< answers already given out end here
  std::size_t parts_ = 0;    ///< bytes of this answer that were taken off it
  std::size_t scanned_ = 0;  ///< no NUL between `taken_` and here
};

}  // namespace withdrawd::vty
