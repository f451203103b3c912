#include "process/accounts.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace withdrawd::process {

Accounts::Accounts(const std::vector<std::filesystem::path>& files) {
  std::ifstream passwd("/etc/passwd");
  for (std::string line; std::getline(passwd, line);) {
    std::istringstream fields(line);
    std::string name, password;
    uid_t user = 0;
    std::getline(fields, name, ':');
    std::getline(fields, password, ':');
    if (!(fields >> user)) continue;
    names_.emplace(user, name);
    if (name == "frr" || name == "quagga") users_.insert(user);
  }
  for (const auto& file : files) {
    struct stat status{};
    if (::stat(file.c_str(), &status) == 0 && status.st_uid != 0) users_.insert(status.st_uid);
  }
}

bool Accounts::knows(uid_t user) const {
  return user == 0 || user == ::geteuid() || users_.contains(user);
}

std::string Accounts::text(uid_t user) const {
  const auto found = names_.find(user);
  return found != names_.end() ? fmt::format("user {}", found->second)
                               : fmt::format("uid {}", user);
}

}  // namespace withdrawd::process
