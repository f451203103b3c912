#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/address.hpp"

namespace withdrawd::config {

/// Where HTTP is listened for: an address with a port, or a unix socket.
struct HttpAddress {
  core::Endpoint endpoint{core::Address(core::Family::ipv4, {}), 0};
  std::filesystem::path socket;  ///< empty: the endpoint

  /// "127.0.0.1:9853", "[::1]:9853", or "unix:/run/withdrawd/http.sock".
  static core::Result<HttpAddress> parse(std::string_view text);
  std::string text() const;
  /// Can nobody but this host reach it?
  bool is_local() const;
  auto operator<=>(const HttpAddress&) const = default;
};

/// [http]
struct HttpSettings {
  std::vector<HttpAddress> listen;  ///< empty: there is no HTTP
  bool allow_remote = false;
  std::vector<std::string> hosts;  ///< names by which a browser may ask, in lower case
  bool operator==(const HttpSettings&) const = default;
};

/// A host name, in lower case and without a dot at its end.
core::Result<std::string> parse_host_name(std::string_view text);

}  // namespace withdrawd::config
