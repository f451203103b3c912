#include "daemon/control_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <exception>
#include <list>
#include <map>
#include <system_error>
#include <utility>

#include "daemon/descriptors.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::daemon {
namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
namespace {

constexpr std::size_t longest_request = 4096;
constexpr std::size_t longest_answer = std::size_t{64} * 1024 * 1024;

struct LaterAnswer {
  ControlServer::Later answer;
  std::string late;  ///< said if it does not come in time
};
using LaterAnswers = std::map<std::string, LaterAnswer, std::less<>>;

struct Client {
  explicit Client(Local::socket accepted)
      : socket(std::move(accepted)), deadline(socket.get_executor()) {}

  Local::socket socket;
  asio::steady_timer deadline;  ///< then it is closed
  bool has_asked = false;

  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
    deadline.cancel();
  }
};

void close_after(const std::shared_ptr<Client>& client, core::Duration time) {
  client->deadline.expires_after(time);
  client->deadline.async_wait([weak = std::weak_ptr(client)](boost::system::error_code error) {
    const auto alive = weak.lock();
    if (!error && alive) alive->close();
  });
}

/// Waits for an answer that takes its time.
asio::awaitable<std::string> wait_for(asio::any_io_executor executor, const LaterAnswer& later) {
  auto done = std::make_shared<asio::steady_timer>(executor, ControlServer::patience);
  auto text = std::make_shared<std::string>(later.late);
  later.answer([done, text](std::string said) {
    *text = std::move(said);
    done->expires_after({});  // also where nobody waits yet
  });
  boost::system::error_code ignored;
  co_await done->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return std::move(*text);
}

/// Who connected. The overflow uid, nobody's, where the kernel does not say.
uid_t peer_of(Local::socket& socket) {
  constexpr uid_t nobody = 65534;
  ucred peer{.pid = 0, .uid = nobody, .gid = nobody};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return nobody;
  return peer.uid;
}

}  // namespace

/// What handlers that are under way keep alive: a completion may be queued already when the server
/// ends.
struct ControlServer::Inner : std::enable_shared_from_this<Inner> {
  Inner(Local::acceptor on, Answer with, ControlLimits within)
      : acceptor(std::move(on)),
        answer(std::move(with)),
        limits(within),
        pause(acceptor.get_executor()) {}

  Local::acceptor acceptor;
  Answer answer;
  ControlLimits limits;
  LaterAnswers later;
  asio::steady_timer pause;                    ///< after a failed accept
  std::list<std::shared_ptr<Client>> clients;  ///< the oldest first
  bool over = false;

  void accept();
  void admit(Local::socket socket);
  asio::awaitable<void> serve(std::shared_ptr<Client> client);
};

void ControlServer::Inner::accept() {
  acceptor.async_accept(
      [weak = weak_from_this()](boost::system::error_code error, Local::socket socket) {
        const auto inner = weak.lock();
        if (!inner || inner->over || error == asio::error::operation_aborted) return;
        if (!error) {
          inner->admit(std::move(socket));
          inner->accept();
          return;
        }
        inner->pause.expires_after(inner->limits.to_accept_again);
        inner->pause.async_wait([weak](boost::system::error_code cancelled) {
          const auto still = weak.lock();
          if (!cancelled && still && !still->over) still->accept();
        });
      });
}

void ControlServer::Inner::admit(Local::socket socket) {
  if (clients.size() >= limits.clients || is_reserved(socket.native_handle())) {
    // Who asks in earnest has done so within milliseconds, so the oldest is one that dawdles.
    auto oldest = std::ranges::find_if(clients, [](const auto& one) { return !one->has_asked; });
    if (oldest == clients.end()) oldest = clients.begin();
    if (oldest == clients.end()) return;  // others have them all; this one is closed
    (*oldest)->close();
    clients.erase(oldest);
  }
  const auto client = std::make_shared<Client>(std::move(socket));
  clients.push_back(client);
  asio::co_spawn(acceptor.get_executor(), serve(client),
                 [inner = shared_from_this(), client](const std::exception_ptr& thrown) {
                   client->close();
                   inner->clients.remove(client);
                   // An order that was carried out by half must not pass for done.
                   if (thrown) std::rethrow_exception(thrown);
                 });
}

asio::awaitable<void> ControlServer::Inner::serve(std::shared_ptr<Client> client) {
  const auto self = shared_from_this();
  boost::system::error_code error;
  std::string line;
  close_after(client, limits.to_ask);
  const std::size_t length =
      co_await asio::async_read_until(client->socket, asio::dynamic_buffer(line, longest_request),
                                      '\n', asio::redirect_error(asio::use_awaitable, error));
  if (over || error || length == 0) co_return;
  client->has_asked = true;
  const std::string_view request = std::string_view(line).substr(0, length - 1);
  const auto slow = later.find(request);
  std::string reply;
  if (slow == later.end()) {
    reply = answer(request, peer_of(client->socket));
  } else {
    client->deadline.cancel();
    reply = co_await wait_for(client->socket.get_executor(), slow->second);
    if (over) co_return;
  }
  close_after(client, limits.to_take);
  co_await asio::async_write(client->socket, asio::buffer(reply),
                             asio::redirect_error(asio::use_awaitable, error));
}

core::Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::any_io_executor executor,
                                                                 const std::filesystem::path& path,
                                                                 Answer answer,
                                                                 ControlLimits limits) {
  const auto failed = [&path](const std::string& why) {
    return std::unexpected(core::Error{"open the control socket " + path.string(), why,
                                       "set control_socket; until then `status` asks bgpd itself"});
  };
  std::error_code ignored;
  files::make_folders(path.parent_path());
  // Whoever gets here holds the lock: a socket file in its place is a dead run's.
  if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
  boost::system::error_code error;
  Local::endpoint endpoint;
  if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) return failed("the path is too long");
  endpoint.path(path.string());
  Local::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (error) return failed(error.message());
  acceptor.bind(endpoint, error);
  if (error) return failed(error.message());
  // Nobody can connect before it listens. Not by umask: that is also other threads'. Through no
  // link: the folder may be the service's and we root.
  if (::fchmodat(AT_FDCWD, path.c_str(), 0660, AT_SYMLINK_NOFOLLOW) != 0)
    return failed(core::errno_text(errno));
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed(error.message());
  auto server = std::unique_ptr<ControlServer>(new ControlServer(
      std::make_shared<Inner>(std::move(acceptor), std::move(answer), limits), path));
  server->inner_->accept();
  return server;
}

ControlServer::ControlServer(std::shared_ptr<Inner> inner, std::filesystem::path path)
    : inner_(std::move(inner)), path_(std::move(path)) {}

void ControlServer::answer_later(std::string word, Later answer, std::string late) {
  inner_->later.insert_or_assign(std::move(word), LaterAnswer{std::move(answer), std::move(late)});
}

ControlServer::~ControlServer() {
  inner_->over = true;
  inner_->pause.cancel();
  boost::system::error_code error;
  inner_->acceptor.close(error);
  for (const auto& client : inner_->clients) {
    if (!client->has_asked) client->close();  // whoever has gets the answer
  }
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

core::Result<void> ControlServer::give_to(gid_t group) const {
  if (::lchown(path_.c_str(), static_cast<uid_t>(-1), group) == 0) return {};
  return std::unexpected(core::Error{"give the control socket " + path_.string() + " to its group",
                                     core::errno_text(errno),
                                     "withdrawd must be a member of that group, or root"});
}

core::Result<std::string> ask_control(const std::filesystem::path& path, std::string_view request,
                                      core::Duration limit) {
  const auto unanswered = [&path](std::string why) {
    return std::unexpected(core::Error{"ask the running withdrawd at " + path.string(),
                                       std::move(why), "", core::Error::Code::nobody_answers});
  };
  asio::io_context io;
  Local::socket socket(io);
  boost::system::error_code error;
  if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
    return unanswered("the path is too long");
  }
  socket.connect(Local::endpoint(path.string()), error);
  if (error) return unanswered(error.message());
  std::string answer;
  bool answered = false;
  const std::string line = std::string(request) + "\n";
  asio::async_write(socket, asio::buffer(line),
                    [&](boost::system::error_code failure, std::size_t) {
                      if (failure) return;
                      asio::async_read(socket, asio::dynamic_buffer(answer, longest_answer),
                                       [&](boost::system::error_code end, std::size_t) {
                                         answered = end == asio::error::eof && !answer.empty();
                                       });
                    });
  io.run_for(limit);
  if (!answered) return unanswered("no answer");
  return answer;
}

}  // namespace withdrawd::daemon
