#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace withdrawd::process {

/// Whose processes may be bgpd: root's, our own, those of the accounts that packages make for it
/// (frr, quagga), and of whoever has its socket or pid file. As /etc/passwd says: a directory
/// service may take long to answer.
class Accounts {
 public:
  /// `files`: whose owners count.
  explicit Accounts(const std::vector<std::filesystem::path>& files = {});

  bool knows(uid_t user) const;
  /// Does nothing tell which account, beside root and ourselves, is bgpd's?
  bool none() const { return users_.empty(); }
  /// "user frr", "uid 4711"
  std::string text(uid_t user) const;

 private:
  std::map<uid_t, std::string> names_;
  std::set<uid_t> users_;
};

}  // namespace withdrawd::process
