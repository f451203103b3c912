#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>

#include "core/controller.hpp"
#include "core/time.hpp"
#include "daemon/http_server.hpp"

namespace withdrawd::daemon {

/// A number for what a report says, but for what passes by itself: times, latencies, penalties.
std::size_t fingerprint(const core::Report& report);

/// Tells whoever listens at /events that the report is another one: `event: change`, and as data
/// `{"revision":12}`, which only grows. What has changed they fetch, once for all of them.
class ChangeFeed {
 public:
  using ReportFunction = std::function<core::Report()>;

  /// `server` must outlive it. At most one event each `pause`.
  ChangeFeed(const boost::asio::any_io_executor& executor, HttpServer& server,
             ReportFunction report, core::Duration pause = std::chrono::milliseconds(500));

  /// Something has happened; cheap, and free while nobody listens.
  void stepped();

 private:
  void look();

  HttpServer& server_;
  ReportFunction report_;
  core::Duration pause_;
  boost::asio::steady_timer timer_;
  bool waiting_ = false;
  core::Time last_look_{};
  std::size_t seen_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace withdrawd::daemon
