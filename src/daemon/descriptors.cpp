#include "daemon/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace withdrawd::daemon {
namespace {

/// Some thousand checks, each with a few tries under way.
constexpr rlim_t ample = 16384;
constexpr rlim_t most_reserved = 256;

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, ample);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  // Refused, it goes on with what it has.
  [[maybe_unused]] const int raised = ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_reserved(int descriptor) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const rlim_t reserved = std::min(limit.rlim_cur / 4, most_reserved);
  return static_cast<rlim_t>(descriptor) >= limit.rlim_cur - reserved;
}

}  // namespace withdrawd::daemon
