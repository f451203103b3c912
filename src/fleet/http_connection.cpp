#include "fleet/http_connection.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <optional>
#include <vector>

#include "as_result.hpp"
#include "core/outcome.hpp"
#include "files/regular_file.hpp"
#include "fleet/name_lookup.hpp"

namespace withdrawd::fleet {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
namespace {

constexpr std::size_t largest_header = std::size_t{16} * 1024;
/// A thousand sites that write at once are told of in one line, of some hundred bytes for each.
constexpr std::size_t longest_line = std::size_t{2} * 1024 * 1024;
constexpr auto until_told = std::chrono::hours(24);

using Tcp = beast::tcp_stream;
using Secure = asio::ssl::stream<Tcp>;

/// OpenSSL's own word for it says more than Asio's.
std::string why(const boost::system::error_code& error) {
  if (error == beast::error::timeout) return "no answer in time";
  if (error == http::error::body_limit || error == http::error::header_limit) {
    return "its answer is too large";
  }
  return core::printable(error.message(), 200);
}

}  // namespace

struct Tls::Body {
  asio::ssl::context context{asio::ssl::context::tls_client};
  std::filesystem::path cert;  ///< of this client; empty: none
  std::optional<Validity> validity;

  /// What is wrong with this client's own certificate, which the other end may not say.
  std::string own_trouble() const {
    const std::string what = validity ? validity->trouble(std::time(nullptr)) : "";
    return what.empty() ? "" : core::printable(cert.string(), 200) + " " + what;
  }
};

core::Result<std::shared_ptr<const Tls>> Tls::make(const core::FleetAccess& access) {
  auto body = std::make_shared<Body>();
  boost::system::error_code error;
  const auto failed = [&](std::string_view what, const std::filesystem::path& file,
                          const std::string& why) {
    return std::unexpected(core::Error{
        "read the " + std::string(what) + " of the fleet, " + core::printable(file.string()),
        core::printable(why, 200), "expected a readable PEM file",
        core::Error::Code::private_file});
  };
  // OpenSSL would open whatever has that name, and wait for it.
  const auto take = [&](std::string_view what, const std::filesystem::path& file,
                        auto use) -> core::Result<void> {
    const auto text = files::read(file, longest_pem);
    if (!text) return failed(what, file, text.error().happened);
    use(asio::buffer(*text));
    if (error) return failed(what, file, error.message());
    return {};
  };
  auto& context = body->context;
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1,
                      error);
  context.set_verify_mode(asio::ssl::verify_peer, error);
  if (access.ca.empty()) {
    context.set_default_verify_paths(error);
  } else if (auto taken =
                 take("certificate authority", access.ca,
                      [&](const auto& pem) { context.add_certificate_authority(pem, error); });
             !taken) {
    return std::unexpected(taken.error());
  }
  if (!access.cert.empty()) {
    auto taken = take("certificate", access.cert,
                      [&](const auto& pem) { context.use_certificate_chain(pem, error); });
    if (taken) {
      taken = take("private key", access.key, [&](const auto& pem) {
        context.use_private_key(pem, asio::ssl::context::pem, error);
      });
    }
    if (!taken) return std::unexpected(taken.error());
    body->cert = access.cert;
    if (const auto validity = read_validity(access.cert)) body->validity = *validity;
  }
  return std::make_shared<const Tls>(std::move(body));
}

struct HttpConnection::Wire {
  core::FleetAccess::Endpoint endpoint;
  std::shared_ptr<const Tls> tls;
  asio::any_io_executor executor;
  std::optional<NameLookup> lookup;
  std::optional<Tcp> plain;
  std::optional<Secure> secure;
  beast::flat_buffer buffer;
  std::optional<http::response_parser<http::buffer_body>> lines;
  std::string unread;
  std::size_t searched = 0;  ///< no end of a line up to here
  std::string rejected;      ///< what is wrong with the certificate that the other end shows
  bool proven = false;       ///< by an answer: the other end has accepted this one's certificate
  bool closed = false;

  Wire(const asio::any_io_executor& on, core::FleetAccess::Endpoint to,
       std::shared_ptr<const Tls> with)
      : endpoint(std::move(to)), tls(std::move(with)), executor(on) {}

  Tcp& stream() { return secure ? secure->next_layer() : *plain; }

  std::unexpected<core::Error> failed(std::string_view what, std::string happened) const {
    return std::unexpected(core::Error{
        fmt_tried(what), closed ? std::string("it was given up") : std::move(happened), ""});
  }
  /// With TLS 1.3 a client's certificate is refused after the handshake: as an alert where an
  /// answer is expected, or by hanging up on what was asked.
  std::unexpected<core::Error> refused(std::string_view what,
                                       const boost::system::error_code& error) const {
    const bool may_be_ours = secure && !proven && error != beast::error::timeout;
    const std::string own = may_be_ours ? tls->body().own_trouble() : "";
    return failed(what, own.empty()
                            ? why(error)
                            : fmt::format("this site's certificate {} ({})", own, why(error)));
  }

  /// Remembers why, when OpenSSL has looked at a certificate.
  void look_at(bool good, X509_STORE_CTX* context) {
    if (good || !rejected.empty()) return;
    const int error = X509_STORE_CTX_get_error(context);
    const int depth = X509_STORE_CTX_get_error_depth(context);
    rejected = depth == 0 ? "its certificate: " : "the certificate of its authority: ";
    rejected += X509_verify_cert_error_string(error);
    if (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID) return;
    const auto validity = validity_of(X509_STORE_CTX_get_current_cert(context));
    const std::string when = validity ? validity->trouble(std::time(nullptr)) : "";
    if (!when.empty()) rejected += fmt::format(" (it {})", when);
  }

  std::string fmt_tried(std::string_view what) const {
    return std::string(what) + " " + endpoint.text();
  }

  http::request<http::string_body> request(std::string path, std::string body,
                                           const std::string& token) const {
    http::request<http::string_body> request(http::verb::post, path, 11);
    const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
    request.set(http::field::host, (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
                                       std::to_string(endpoint.port));
    request.set(http::field::content_type, "application/json");
    if (!token.empty()) request.set(http::field::authorization, token);
    request.body() = std::move(body);
    request.prepare_payload();
    return request;
  }

  /// `operation` on whichever stream it is.
  template <class Operation>
  asio::awaitable<boost::system::error_code> on_stream(Operation operation) {
    const auto [error, size] = secure ? co_await operation(*secure) : co_await operation(*plain);
    co_return error;
  }

  asio::awaitable<boost::system::error_code> send(http::request<http::string_body> request) {
    co_return co_await on_stream(
        [&request](auto& stream) { return http::async_write(stream, request, as_result); });
  }

  template <class Parser>
  asio::awaitable<boost::system::error_code> read_all(Parser& parser) {
    return on_stream([this, &parser](auto& stream) {
      return http::async_read(stream, buffer, parser, as_result);
    });
  }

  template <class Parser>
  asio::awaitable<boost::system::error_code> read_header(Parser& parser) {
    return on_stream([this, &parser](auto& stream) {
      return http::async_read_header(stream, buffer, parser, as_result);
    });
  }

  template <class Parser>
  asio::awaitable<boost::system::error_code> read_some(Parser& parser) {
    return on_stream([this, &parser](auto& stream) {
      return http::async_read_some(stream, buffer, parser, as_result);
    });
  }
};

HttpConnection::HttpConnection(asio::any_io_executor executor, core::FleetAccess::Endpoint endpoint,
                               std::shared_ptr<const Tls> tls)
    : wire_(std::make_unique<Wire>(executor, std::move(endpoint), std::move(tls))) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::close() {
  wire_->closed = true;
  if (wire_->lookup) wire_->lookup->cancel();
  if (!wire_->plain && !wire_->secure) return;
  wire_->stream().cancel();
  boost::system::error_code ignored;
  wire_->stream().socket().close(ignored);
}

asio::awaitable<core::Result<void>> HttpConnection::connect(core::Time deadline) {
  Wire& wire = *wire_;
  constexpr std::string_view doing = "connect to";
  std::vector<tcp::endpoint> places;
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(wire.endpoint.host, not_numeric);
  if (!not_numeric) {
    places.emplace_back(address, wire.endpoint.port);
  } else {
    auto& lookup = wire.lookup.emplace(wire.executor);
    auto looking = lookup.look_up(wire.endpoint.host, deadline);
    const auto found = co_await std::move(looking);
    if (!found) co_return wire.failed(doing, "its name: " + found.error());
    for (const auto& one : *found) places.emplace_back(one, wire.endpoint.port);
  }
  if (wire.endpoint.tls) {
    if (!wire.tls) co_return wire.failed(doing, "there is nothing to prove its identity by");
    wire.secure.emplace(wire.executor, wire.tls->body().context);
  } else {
    wire.plain.emplace(wire.executor);
  }
  wire.stream().expires_at(deadline);
  const auto [error, reached] = co_await wire.stream().async_connect(places, as_result);
  if (error) co_return wire.failed(doing, why(error));
  boost::system::error_code ignored;
  wire.stream().socket().set_option(tcp::no_delay(true), ignored);
  if (!wire.secure) co_return core::Result<void>{};

  // An address is no server name (RFC 6066, section 3).
  if (not_numeric)
    SSL_ctrl(wire.secure->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             wire.endpoint.host.data());
  wire.secure->set_verify_callback(
      [&wire, named = asio::ssl::host_name_verification(wire.endpoint.host)](
          bool good, asio::ssl::verify_context& context) {
        wire.look_at(good, context.native_handle());
        return named(good, context);
      },
      ignored);
  const auto [refused] =
      co_await wire.secure->async_handshake(asio::ssl::stream_base::client, as_result);
  if (!refused) co_return core::Result<void>{};
  if (!wire.rejected.empty()) co_return wire.failed(doing, wire.rejected);
  const long verified = SSL_get_verify_result(wire.secure->native_handle());
  if (verified != X509_V_OK) {
    co_return wire.failed(
        doing, std::string("its certificate: ") + X509_verify_cert_error_string(verified));
  }
  co_return wire.refused(doing, refused);
}

std::optional<Validity> HttpConnection::peer_validity() const {
  if (!wire_->secure) return std::nullopt;
  return validity_of(SSL_get0_peer_certificate(wire_->secure->native_handle()));
}

asio::awaitable<core::Result<HttpAnswer>> HttpConnection::post(std::string path, std::string body,
                                                               std::string token,
                                                               std::size_t longest,
                                                               core::Time deadline) {
  Wire& wire = *wire_;
  wire.stream().expires_at(deadline);
  if (const auto error =
          co_await wire.send(wire.request(std::move(path), std::move(body), token))) {
    co_return wire.refused("ask", error);
  }
  http::response_parser<http::string_body> parser;
  parser.header_limit(largest_header);
  parser.body_limit(longest);
  if (const auto error = co_await wire.read_all(parser)) co_return wire.refused("ask", error);
  wire.proven = true;
  // While nothing is asked it may rest for as long as it likes.
  wire.stream().expires_after(until_told);
  http::response<http::string_body> answer = parser.release();
  co_return HttpAnswer{answer.result_int(), std::move(answer.body())};
}

asio::awaitable<core::Result<void>> HttpConnection::open_lines(std::string path, std::string body,
                                                               std::string token,
                                                               core::Time deadline) {
  Wire& wire = *wire_;
  wire.stream().expires_at(deadline);
  if (const auto error =
          co_await wire.send(wire.request(std::move(path), std::move(body), token))) {
    co_return wire.failed("watch", why(error));
  }
  wire.lines.emplace();
  wire.lines->header_limit(largest_header);
  wire.lines->body_limit(boost::none);
  if (const auto error = co_await wire.read_header(*wire.lines)) {
    co_return wire.failed("watch", why(error));
  }
  if (wire.lines->get().result() != http::status::ok) {
    co_return wire.failed("watch", "status " + std::to_string(wire.lines->get().result_int()));
  }
  co_return core::Result<void>{};
}

asio::awaitable<core::Result<std::string>> HttpConnection::next_line(core::Time deadline) {
  Wire& wire = *wire_;
  std::vector<char> chunk(std::size_t{16} * 1024);
  while (true) {
    if (const auto end = wire.unread.find('\n', wire.searched); end != std::string::npos) {
      std::string line = wire.unread.substr(0, end);
      wire.unread.erase(0, end + 1);
      wire.searched = 0;
      co_return line;
    }
    wire.searched = wire.unread.size();
    if (wire.unread.size() > longest_line) co_return wire.failed("watch", "its line is too long");
    if (wire.lines->is_done()) co_return wire.failed("watch", "it has ended the watch");
    auto& into = wire.lines->get().body();
    into.data = chunk.data();
    into.size = chunk.size();
    wire.stream().expires_at(deadline);
    auto error = co_await wire.read_some(*wire.lines);
    if (error == http::error::need_buffer) error = {};
    if (error) co_return wire.failed("watch", why(error));
    wire.unread.append(chunk.data(), chunk.size() - into.size);
  }
}

}  // namespace withdrawd::fleet
