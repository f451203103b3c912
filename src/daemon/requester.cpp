#include "daemon/requester.hpp"

#include <fmt/format.h>
#include <pwd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "core/visible.hpp"

namespace withdrawd::daemon {
namespace {

std::string local_name(uid_t uid) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/etc/passwd", "re"),
                                                             std::fclose);
  std::array<char, 4096> text{};
  passwd entry{};
  passwd* found = nullptr;
  while (file && ::fgetpwent_r(file.get(), &entry, text.data(), text.size(), &found) == 0) {
    if (entry.pw_uid == uid) return core::visible(entry.pw_name);
  }
  return fmt::format("uid {}", uid);
}

}  // namespace

std::string requester(uid_t uid, std::string_view claimed) {
  std::string name = local_name(uid);
  if (claimed.empty() || claimed == name) return name;
  return fmt::format("{} (\"{}\")", name, claimed);
}

}  // namespace withdrawd::daemon
