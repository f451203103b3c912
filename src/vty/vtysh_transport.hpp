#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "core/bgpd_settings.hpp"
#include "vty/transport.hpp"

namespace withdrawd::vty {

/// The vtysh program: as few runs as the length of a command line allows, always of bgpd alone
/// (`-d bgpd`: without it, a vtysh that reaches only other daemons does nothing and exits 0). FRR's
/// stops at the first configuration line that bgpd refuses; the lines behind it get another run.
class VtyshTransport : public Transport {
 public:
  VtyshTransport(boost::asio::any_io_executor executor, const core::BgpdAccess& access);

  std::string text() const override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show(
      std::vector<std::string> commands) override;
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> configure(
      std::vector<std::string> lines) override;
  void close() override {}

 private:
  /// What one run did.
  struct Run {
    std::vector<std::string> answers;  ///< to the first so many commands
    bool stopped;                      ///< at the last of them
  };

  boost::asio::awaitable<std::expected<Run, Failure>> run(std::vector<std::string> commands);
  /// The program's file, or why there is none to run.
  std::expected<std::string, Failure> find_program() const;

  std::filesystem::path program_;
  std::filesystem::path socket_dir_;
  core::Duration timeout_;
};

}  // namespace withdrawd::vty
