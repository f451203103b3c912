#include "vty/socket_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace withdrawd::vty {
namespace {

std::unexpected<core::Error> malformed(std::string happened) {
  return std::unexpected(core::Error{"read bgpd's answer", std::move(happened), ""});
}

}  // namespace

core::Result<std::optional<SocketReader::Answer>> SocketReader::next() {
  constexpr std::size_t trailer = 4;
  const auto nul = pending_.find('\0', std::max(scanned_, taken_));
  const auto text_end = nul == pending_.npos ? pending_.size() : nul;
  scanned_ = text_end;
  if (parts_ + text_end - taken_ > longest_) {
    return malformed(fmt::format("it is longer than {} MiB", longest_ >> 20));
  }
  const auto nuls = std::min(trailer - 1, pending_.size() - text_end);
  for (std::size_t i = 0; i < nuls; ++i) {
    if (pending_[text_end + i] != '\0') return malformed("a NUL stands in its text");
  }
  if (pending_.size() - text_end < trailer) {
    // What was given out is dropped only now and then, so that many short answers cost no copying.
    if (taken_ > pending_.size() / 2) {
      pending_.erase(0, taken_);
      scanned_ -= taken_;
      taken_ = 0;
    }
    return std::nullopt;
  }
  Answer answer{pending_.substr(taken_, text_end - taken_),
                static_cast<unsigned char>(pending_[text_end + trailer - 1])};
  taken_ = scanned_ = text_end + trailer;
  parts_ = 0;
  return answer;
}

std::string SocketReader::take_part() {
  const auto start = std::max(scanned_, taken_);
  const auto end = std::min(pending_.find('\0', start), pending_.size());
  std::string part = pending_.substr(taken_, end - taken_);
  pending_.erase(0, end);
  taken_ = scanned_ = 0;
  parts_ += part.size();
  return part;
}

}  // namespace withdrawd::vty
