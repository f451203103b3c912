#include "core/outcome.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace withdrawd::core {

std::string_view name(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::ok:
      return "ok";
    case OutcomeKind::nxdomain:
      return "nxdomain";
    case OutcomeKind::timeout:
      return "timeout";
    case OutcomeKind::unable:
      return "unable";
    case OutcomeKind::error:
      break;
  }
  return "error";
}

bool is_shortage(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:  // no process can be started; no local port is free
      return true;
    default:
      return false;
  }
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    std::string piece;
    if (c == '\\') {
      piece = "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      piece = c;
    } else {
      piece = fmt::format("\\x{:02x}", byte);
    }
    // An escape is never cut in two.
    if (shown.size() + piece.size() > longest) return shown + "...";
    shown += piece;
  }
  return shown;
}

}  // namespace withdrawd::core
