#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/http.hpp"
#include "core/severity.hpp"
#include "core/time.hpp"
#include "daemon/http.hpp"

namespace withdrawd::daemon {

/// What one who asks can take of this process.
struct HttpLimits {
  std::size_t connections = 64;  ///< at once; the one that has been there longest makes room
  std::size_t listeners = 16;    ///< to events, of these
  std::size_t header = 8192;     ///< bytes
  core::Duration to_ask = std::chrono::seconds(5);
  core::Duration to_take = std::chrono::seconds(30);          ///< the answer, or one event
  core::Duration between_events = std::chrono::seconds(15);   ///< then a sign of life
  core::Duration to_listen_again = std::chrono::seconds(10);  ///< after an address could not be had
};

/// Answers HTTP on the addresses of [http]: GET and HEAD, one request a connection. Nobody who asks
/// can hold up the event loop that it shares with the checks: every wait has an end, and everything
/// that is kept has a bound.
class HttpServer {
 public:
  using TellFunction = std::function<void(core::Severity, const std::string&)>;

  /// `routes` must outlive it. Listens nowhere yet.
  HttpServer(boost::asio::any_io_executor executor, HttpRoutes& routes, TellFunction tell,
             HttpLimits limits = {});
  /// Nobody is answered any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens there from now on: an address that stays is not let go in between. One that cannot be
  /// had is told, once, and tried again now and then.
  void use(const config::HttpSettings& settings);

  /// Unix sockets are this group's to use, from now on.
  void give_to(gid_t group);

  /// To all who listen at /events: a `name` and one line of data. Who is slow gets the last one
  /// only. Whoever comes later gets the last one first.
  void publish(const std::string& name, const std::string& data);
  /// How many listen to events.
  std::size_t listeners() const;

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace withdrawd::daemon
