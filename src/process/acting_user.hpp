#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace withdrawd::process {

/// A user as the kernel sees one.
struct UserIdentity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups{};  ///< supplementary
};

/// From the host's user database. None: there is no such user.
std::optional<UserIdentity> find_user(const std::string& name);

/// The user that a process runs as. None: it is gone, or hides.
std::optional<UserIdentity> user_of(pid_t pid);

/// While it lives the thread that has made it, and whatever that starts, may what that user may:
/// root puts its rights aside and takes them up again. Threads that were there before go on as they
/// were.
class ActingUser {
 public:
  explicit ActingUser(const UserIdentity& user);
  ~ActingUser();
  ActingUser(const ActingUser&) = delete;
  ActingUser& operator=(const ActingUser&) = delete;

  /// False: this host does not let us (no CAP_SETGID, a user namespace), and all is as it was.
  bool acts() const { return acts_; }

 private:
  void take_back();

  bool acts_ = false;
  gid_t own_gid_;
  std::vector<gid_t> own_groups_;
};

}  // namespace withdrawd::process
