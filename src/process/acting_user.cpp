#include "process/acting_user.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "process/proc_entry.hpp"

namespace withdrawd::process {
namespace {

// The system calls themselves: they act on the calling thread. glibc's functions have every thread
// do the same, and wait for each; one that a hung disk holds would never come to it.
#ifdef SYS_setgroups32  // where the older ones take 16 bits
constexpr long set_groups_call = SYS_setgroups32;
constexpr long set_gids_call = SYS_setresgid32;
constexpr long set_uids_call = SYS_setresuid32;
#else
constexpr long set_groups_call = SYS_setgroups;
constexpr long set_gids_call = SYS_setresgid;
constexpr long set_uids_call = SYS_setresuid;
#endif

bool set_groups(const std::vector<gid_t>& groups) {
  return ::syscall(set_groups_call, groups.size(), groups.data()) == 0;
}
/// Only what it acts as; -1 leaves the others as they are.
bool set_user(uid_t user) {
  return ::syscall(set_uids_call, -1, user, -1) == 0;
}
bool set_group(gid_t group) {
  return ::syscall(set_gids_call, -1, group, -1) == 0;
}

/// Half of another user's rights is nobody's.
void must(bool done) {
  if (!done) std::abort();
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
  const auto words_of = [&status](std::string_view key) {
    return std::istringstream(std::string(status_value(*status, key)));
  };
  uid_t real = 0;  // comes first; then the effective one
  words_of("Uid") >> real >> user.uid;
  words_of("Gid") >> real >> user.gid;
  auto groups = words_of("Groups");
  for (gid_t group = 0; groups >> group;) user.groups.push_back(group);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const passwd* entry = ::getpwuid(user.uid);
  user.name = entry ? entry->pw_name : std::to_string(user.uid);
  return user;
}

ActingUser::ActingUser(const UserIdentity& user) : own_gid_(::getegid()) {
  own_groups_.resize(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(own_groups_.size()), own_groups_.data());
  own_groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  if (!set_groups(user.groups)) return;
  acts_ = set_group(user.gid) && set_user(user.uid);
  if (!acts_) take_back();
}

ActingUser::~ActingUser() {
  if (acts_) take_back();
}

void ActingUser::take_back() {
  must(set_user(0));
  must(set_group(own_gid_));
  must(set_groups(own_groups_));
}

}  // namespace withdrawd::process
