#include "process/acting_user.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

constexpr gid_t keep_group = static_cast<gid_t>(-1);
constexpr uid_t keep_user = static_cast<uid_t>(-1);

/// Half of another user's rights is nobody's.
void must(int result) {
  if (result != 0) std::abort();
}

}  // namespace

std::optional<UserIdentity> find_user(const std::string& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const passwd* entry = ::getpwnam(name.c_str());
  if (!entry) return std::nullopt;
  UserIdentity user{name, entry->pw_uid, entry->pw_gid};
  int count = 64;
  user.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count);
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

std::optional<UserIdentity> user_of(pid_t pid) {
  const auto status = read_small_file("/proc/" + std::to_string(pid) + "/status");
  if (!status) return std::nullopt;
  UserIdentity user;
  std::istringstream lines(*status);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    unsigned real = 0, effective = 0;
    if (key == "Uid:" && words >> real >> effective) user.uid = effective;
    if (key == "Gid:" && words >> real >> effective) user.gid = effective;
    if (key == "Groups:") {
      for (gid_t group = 0; words >> group;) user.groups.push_back(group);
    }
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const passwd* entry = ::getpwuid(user.uid);
  user.name = entry ? entry->pw_name : std::to_string(user.uid);
  return user;
}

ActingUser::ActingUser(const UserIdentity& user) : own_gid_(::getegid()) {
  own_groups_.resize(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(own_groups_.size()), own_groups_.data());
  own_groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  must(::setgroups(user.groups.size(), user.groups.data()));
  must(::setresgid(keep_group, user.gid, keep_group));
  must(::setresuid(keep_user, user.uid, keep_user));
}

ActingUser::~ActingUser() {
  must(::setresuid(keep_user, 0, keep_user));
  must(::setresgid(keep_group, own_gid_, keep_group));
  must(::setgroups(own_groups_.size(), own_groups_.data()));
}

}  // namespace withdrawd::process
