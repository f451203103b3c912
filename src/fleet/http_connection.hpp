#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "core/fleet.hpp"
#include "core/time.hpp"
#include "fleet/certificate.hpp"

namespace withdrawd::fleet {

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

/// What both ends of a TLS connection prove to one another: read once from the files that the
/// configuration names.
class Tls {
 public:
  /// An error names the file, and what is wrong with it.
  static core::Result<std::shared_ptr<const Tls>> make(const core::FleetAccess& access);
  struct Body;
  explicit Tls(std::shared_ptr<Body> body) : body_(std::move(body)) {}
  Body& body() const { return *body_; }

 private:
  std::shared_ptr<Body> body_;
};

/// One connection to an endpoint of etcd, plain or by TLS, kept open from one request to the next.
/// Each operation ends by its deadline; after one that failed the connection is of no use any more.
class HttpConnection {
 public:
  /// `tls` may be none where the endpoint is plain.
  HttpConnection(boost::asio::any_io_executor executor, core::FleetAccess::Endpoint endpoint,
                 std::shared_ptr<const Tls> tls);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  boost::asio::awaitable<core::Result<void>> connect(core::Time deadline);
  /// `token`: of a log-in; empty: none. An answer of more than `longest` bytes is an error, and is
  /// not read to its end.
  boost::asio::awaitable<core::Result<HttpAnswer>> post(std::string path, std::string body,
                                                        std::string token, std::size_t longest,
                                                        core::Time deadline);
  /// Begins an answer that comes line by line, and goes on for as long as both like.
  boost::asio::awaitable<core::Result<void>> open_lines(std::string path, std::string body,
                                                        std::string token, core::Time deadline);
  boost::asio::awaitable<core::Result<std::string>> next_line(core::Time deadline);
  /// Of the certificate that the other end has shown.
  std::optional<Validity> peer_validity() const;
  /// What is under way ends with an error.
  void close();

 private:
  struct Wire;
  std::unique_ptr<Wire> wire_;
};

}  // namespace withdrawd::fleet
