#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "core/time.hpp"

namespace withdrawd::core {

enum class TransportKind : std::uint8_t { socket, vtysh, telnet };

/// "socket", "vtysh", "telnet".
std::string_view name(TransportKind kind);

/// The ways into bgpd, and how patient to be with each.
struct BgpdAccess {
  /// Tried in this order; at least one.
  std::vector<TransportKind> transports{TransportKind::socket, TransportKind::vtysh,
                                        TransportKind::telnet};

  /// vtysh's own socket. Empty: the first `bgpd.vty` under /run/frr, /var/run/frr, /run/quagga,
  /// /var/run/quagga that exists.
  std::filesystem::path socket;
  Duration socket_timeout = std::chrono::seconds(1);  ///< for one answer

  /// The vtysh program; a name without a slash is looked up in PATH and /usr/bin:/usr/local/bin.
  std::filesystem::path vtysh = "vtysh";
  /// Given to vtysh as `--vty_socket DIR` (FRR only). Empty: vtysh's own default.
  std::filesystem::path vtysh_socket_dir;
  Duration vtysh_timeout = std::chrono::seconds(2);  ///< for one run

  std::optional<Endpoint> telnet;              ///< none: 127.0.0.1:2605
  std::filesystem::path password_file;         ///< the vty password; readable by its owner alone
  std::filesystem::path enable_password_file;  ///< the enable password; none if bgpd has none
  Duration telnet_timeout = std::chrono::seconds(1);  ///< for the log-in, and for one answer

  /// A transport that failed is passed over for this long, unless all have failed.
  Duration retry_after = std::chrono::seconds(5);
};

/// bgpd as a process: the hard path.
struct BgpdProcess {
  std::filesystem::path pid_file;    ///< empty: found by name
  std::string name = "bgpd";         ///< the process name (comm), at most 15 bytes
  std::vector<std::string> restart;  ///< program and arguments; no shell
  Duration restart_timeout = std::chrono::seconds(30);
  Duration settle = std::chrono::seconds(2);  ///< after a restart: leave bgpd alone for so long
};

}  // namespace withdrawd::core
