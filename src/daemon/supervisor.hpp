#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/controller.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// Whoever started us and wants to hear how we are: systemd, by the protocol of sd_notify(3), which
/// is a datagram to the socket named in NOTIFY_SOCKET. Without that variable nobody listens, and
/// nothing here does anything. Nothing blocks, and nothing that goes wrong with it matters to us.
class Supervisor {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment:
  /// what we run must not speak for us.
  static Supervisor from_environment();

  /// `socket`: a path, or "@NAME" in Linux's abstract namespace; empty: nobody listens.
  explicit Supervisor(std::string socket = "", std::optional<core::Duration> patience = {});

  bool listens() const { return !socket_.empty(); }
  /// None: no watchdog. Else we are killed when it has not heard that we are alive for so long.
  std::optional<core::Duration> patience() const { return patience_; }

  void ready() { say("READY=1"); }
  /// Until ready() is said again.
  void reloading();
  void stopping() { say("STOPPING=1"); }
  void alive() { say("WATCHDOG=1"); }
  /// One line for people.
  void status(std::string_view text);

 private:
  void say(const std::string& text) const;
  std::string socket_;
  std::optional<core::Duration> patience_;
};

/// Lets a Supervisor know that the loop turns and does its work, four times within its patience.
/// It lives on the loop, so one that is stuck says nothing; and it asks `next_wake`: a loop that
/// turns but has not done for half the patience what was due is stuck as well.
class Heartbeat {
 public:
  Heartbeat(boost::asio::any_io_executor executor, Supervisor& supervisor,
            std::function<std::optional<core::Time>()> next_wake);
  /// Once the work has begun.
  void start();

 private:
  void beat();
  boost::asio::steady_timer timer_;
  Supervisor& supervisor_;
  std::function<std::optional<core::Time>()> next_wake_;
};

/// What is under way was due at `next_wake` (none: nothing is).
bool works(std::optional<core::Time> next_wake, core::Time now, core::Duration patience);

/// "3 prefixes: 2 announced, 1 withdrawn (192.0.2.0/24)", for `systemctl status`.
std::string status_line(const core::Report& report);

}  // namespace withdrawd::daemon
