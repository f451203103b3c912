#include "fleet/name_lookup.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "as_result.hpp"
#include "core/error.hpp"
#include "core/outcome.hpp"
#include "files/beside.hpp"

namespace withdrawd::fleet {
namespace asio = boost::asio;
using asio::local::stream_protocol;
using namespace asio::experimental::awaitable_operators;
namespace {

/// So many may be under way: with silent name servers each takes its time, and new ones are asked
/// for every second.
constexpr int most_lookups = 8;
constexpr std::size_t most_addresses = 16;

std::atomic<int> under_way = 0;

/// What the thread writes, once.
struct Found {
  int error = 0;  ///< of getaddrinfo
  std::size_t count = 0;
  std::array<sockaddr_in6, most_addresses> addresses{};  ///< also of IPv4: that is shorter
};

void ask_name_servers(const std::string& name, int answer_to) {
  Found found;
  const addrinfo hints{
      .ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* all = nullptr;
  found.error = ::getaddrinfo(name.c_str(), nullptr, &hints, &all);
  for (const addrinfo* one = all; one && found.count < most_addresses; one = one->ai_next) {
    if (one->ai_addrlen > sizeof(sockaddr_in6)) continue;
    std::memcpy(&found.addresses[found.count++], one->ai_addr, one->ai_addrlen);
  }
  if (all) ::freeaddrinfo(all);
  // Into the socket's buffer, which is empty; whoever asked may be gone.
  [[maybe_unused]] const auto sent = ::send(answer_to, &found, sizeof found, MSG_NOSIGNAL);
  ::close(answer_to);
  --under_way;
}

/// What name servers are asked through (NSS) may need more than a thread has here by default.
constexpr std::size_t stack = std::size_t{1024} * 1024;

asio::ip::address address_of(const sockaddr_in6& found) {
  if (found.sin6_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &found, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &found.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes, found.sin6_scope_id);
}

}  // namespace

NameLookup::NameLookup(const asio::any_io_executor& executor) : answers_(executor) {}

void NameLookup::cancel() {
  boost::system::error_code ignored;
  answers_.close(ignored);
}

asio::awaitable<std::expected<NameLookup::Addresses, std::string>> NameLookup::look_up(
    std::string name, core::Time deadline) {
  std::array<int, 2> ends{};
  if (under_way >= most_lookups) co_return std::unexpected("the name servers do not answer");
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    co_return std::unexpected(core::errno_text(errno));
  }
  boost::system::error_code failed;
  answers_.assign(stream_protocol(), ends[0], failed);
  ++under_way;
  const auto work = [name = std::move(name), to = ends[1]] { ask_name_servers(name, to); };
  if (failed || !files::start_thread(work, stack)) {
    --under_way;
    ::close(ends[1]);
    if (failed) ::close(ends[0]);
    co_return std::unexpected("no thread can be started to look it up");
  }
  Found found;
  asio::steady_timer timer(answers_.get_executor(), deadline);
  auto reading = asio::async_read(answers_, asio::buffer(&found, sizeof found), as_result);
  auto time_up = timer.async_wait(as_result);
  const auto first = co_await (std::move(reading) || std::move(time_up));
  cancel();
  if (first.index() == 1) co_return std::unexpected("no answer in time");
  if (std::get<0>(std::get<0>(first))) co_return std::unexpected("it was given up");
  if (found.error != 0) {
    co_return std::unexpected(core::printable(::gai_strerror(found.error), 200));
  }
  Addresses addresses;
  for (std::size_t i = 0; i < std::min(found.count, most_addresses); ++i) {
    addresses.push_back(address_of(found.addresses[i]));
  }
  if (addresses.empty()) co_return std::unexpected("it has no address");
  co_return addresses;
}

}  // namespace withdrawd::fleet
