#include "config/http.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>

#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

constexpr std::string_view unix_scheme = "unix:";

std::unexpected<core::Error> wrong(std::string_view text, std::string what, std::string advice) {
  return std::unexpected(core::Error{fmt::format("read address \"{}\"", core::printable(text)),
                                     std::move(what), std::move(advice)});
}

core::Result<HttpAddress> parse_socket(std::string_view text) {
  const auto path = text.substr(unix_scheme.size());
  constexpr auto longest = sizeof(sockaddr_un::sun_path) - 1;  // and a NUL
  if (!path.starts_with('/')) {
    return wrong(text, "the path of the socket is not absolute",
                 "as in unix:/run/withdrawd/http.sock");
  }
  if (core::printable(path, path.size()) != path) {
    return wrong(text, "the path of the socket is not plain text", "");
  }
  if (path.size() > longest) {
    return wrong(text, fmt::format("the path of a socket has {} bytes at most", longest), "");
  }
  HttpAddress address;
  address.socket = std::filesystem::path(path);
  return address;
}

}  // namespace

core::Result<HttpAddress> HttpAddress::parse(std::string_view text) {
  if (text.starts_with(unix_scheme)) return parse_socket(text);
  const auto endpoint = core::Endpoint::parse(text, 0);
  if (!endpoint) return std::unexpected(endpoint.error());
  if (endpoint->port == 0) return wrong(text, "it has no port", "as in 127.0.0.1:9853");
  HttpAddress address;
  address.endpoint = *endpoint;
  return address;
}

std::string HttpAddress::text() const {
  return socket.empty() ? endpoint.text() : std::string(unix_scheme) + socket.string();
}

bool HttpAddress::is_local() const {
  if (!socket.empty()) return true;
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.family() == core::Family::ipv4) return bytes[0] == 127;
  return bytes.back() == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

core::Result<std::string> parse_host_name(std::string_view text) {
  std::string name(text);
  if (name.ends_with('.')) name.pop_back();
  const bool fine = !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!fine) {
    return std::unexpected(core::Error{
        fmt::format("read host name \"{}\"", core::printable(text)),
        "it is not the name of a host: letters, digits, \"-\", \"_\" and \".\", without a port",
        "as in noc.example.net"});
  }
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

}  // namespace withdrawd::config
