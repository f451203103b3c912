#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bgp.hpp"
#include "core/bgpd_settings.hpp"
#include "core/events.hpp"
#include "core/failure.hpp"
#include "core/plan.hpp"

namespace withdrawd::vty {

class Transport;
struct Reply;

using core::Failure;
using core::Trouble;

/// What reading bgpd gave.
struct ReadReport {
  std::expected<core::Observed, Failure> observed;
  /// "socket /run/frr/bgpd.vty", "vtysh", "telnet 127.0.0.1:2605"; and which failed before it in
  /// the same call: "vtysh (socket /run/frr/bgpd.vty: permission denied)". Empty: all failed.
  std::string via;
  std::vector<core::Attempt> attempts{};  ///< of the transports, in their order
};

/// What applying a plan gave.
struct ApplyReport {
  /// bgpd as it was right after the statements (its configuration read back, and the look-ups):
  /// the statements of the plan are in effect there. Else why not.
  std::expected<core::Observed, Failure> observed;
  std::string via;                        ///< the transport that did it, as in ReadReport
  std::vector<std::string> answered;      ///< what bgpd said that was not mere success, for the log
  std::vector<core::Attempt> attempts{};  ///< of the transports, in their order
};

/// The local bgpd, reached through the transports in their configured order.
///
/// A transport that fails (also one that claims success while the statement is still there when
/// bgpd is read back, as vtysh does when it reaches another daemon only) is passed over for
/// `retry_after` and the next one is tried within the same call. When all others have failed, those
/// passed over are tried again after all. A way has a limit for the whole of an operation as well,
/// so that one that drips does not keep the others from their turn. The configuration lock is
/// bgpd's state, not a transport's failure: it is reported at once, no other transport is tried.
///
/// One operation at a time: the caller waits for one to end before it starts the next.
class Bgpd {
 public:
  /// `connection_lost` is called when a connection that was kept open ends on bgpd's side (the
  /// earliest sign that bgpd has died), between operations as well as inside one.
  Bgpd(boost::asio::any_io_executor executor, core::BgpdAccess access,
       std::function<void()> connection_lost);
  /// With transports made elsewhere, tried in this order; at least one.
  Bgpd(std::vector<std::unique_ptr<Transport>> transports, core::Duration retry_after);
  ~Bgpd();
  Bgpd(const Bgpd&) = delete;
  Bgpd& operator=(const Bgpd&) = delete;

  /// Each operation is to have had its turn on every way within this time (the time after which a
  /// fallback would kill bgpd): it is shared out among the ways, in proportion to the patience that
  /// is configured for one answer of each, and none gets more than three times that. What is really
  /// answered earns more (TimeLimit).
  void finish_within(core::Duration all_ways);

  /// The running configuration, and for each look-up whether it is in the table; `who`: and who is
  /// on bgpd's vty, as far as that is told.
  boost::asio::awaitable<ReadReport> read(std::vector<core::Lookup> lookups, bool who = false);

  /// Runs show commands by the first transport that can; one reply each, in order.
  boost::asio::awaitable<std::expected<std::vector<Reply>, Failure>> show(
      std::vector<std::string> commands);

  /// Sends the plan, reads the configuration back and does the look-ups.
  boost::asio::awaitable<ApplyReport> apply(core::Plan plan, std::vector<core::Lookup> lookups);

  /// Closes every connection (for instance after bgpd was killed); the next operation connects
  /// again, and no transport is passed over any longer.
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace withdrawd::vty
