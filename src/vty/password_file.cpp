#include "vty/password_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "core/outcome.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::vty {

core::Result<std::string> read_password_file(const std::filesystem::path& file) {
  const auto name = core::printable(file.string());
  using Code = core::Error::Code;
  const auto refused = [&name](std::string happened, std::string advice = "",
                               Code code = Code::private_file) {
    return std::unexpected(core::Error{"read the password file " + name, std::move(happened),
                                       std::move(advice), code});
  };

  const auto opened = files::open_to_read(file);
  if (!opened) return refused(opened.error().happened, opened.error().advice);
  const auto& descriptor = *opened;
  struct stat status{};
  if (::fstat(descriptor.number(), &status) != 0) return refused(core::errno_text(errno));
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return refused("it belongs to another user, who could change it",
                   "chown it to withdrawd's user");
  }
  if ((status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
    return refused("other users can read or write it", "chmod 600 " + name, Code::mode_too_open);
  }

  std::array<char, 1024> buffer{};
  const auto got = ::read(descriptor.number(), buffer.data(), buffer.size());
  if (got < 0) return refused(core::errno_text(errno));
  std::string password(buffer.data(), static_cast<std::size_t>(got));
  std::ranges::fill(buffer, '\0');
  password.resize(std::min(password.find('\n'), password.size()));

  if (password.empty()) return refused("its first line is empty", "write the password into it");
  if (password.size() == buffer.size()) return refused("its first line is too long");
  if (password.ends_with('\r')) {
    return refused("its first line ends with a carriage return", "end its lines with LF alone");
  }
  const auto cannot_be_typed = [](char c) { return c < 0x20 || c > 0x7e; };
  if (std::ranges::any_of(password, cannot_be_typed)) {
    return refused("its first line holds a byte that bgpd's vty does not take",
                   "use printable ASCII alone");
  }
  return password;
}

}  // namespace withdrawd::vty
