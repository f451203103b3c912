#include "daemon/control_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace withdrawd::daemon {
namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
namespace {

constexpr std::size_t longest_request = 4096;
constexpr std::size_t longest_answer = std::size_t{64} * 1024 * 1024;
constexpr std::string_view asking = "ask the running withdrawd at ";
constexpr auto patience = std::chrono::seconds(5);  // with a client that says or takes nothing

using LaterAnswers = std::map<std::string, ControlServer::Later, std::less<>>;

/// Waits for an answer that takes its time; none: it has not come.
asio::awaitable<std::string> wait_for(asio::any_io_executor executor,
                                      const ControlServer::Later& answer) {
  auto done = std::make_shared<asio::steady_timer>(executor, patience);
  auto text = std::make_shared<std::string>();
  answer([done, text](std::string said) {
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

asio::awaitable<void> serve(std::shared_ptr<Local::socket> socket,
                            std::shared_ptr<const ControlServer::Answer> answer,
                            std::shared_ptr<const LaterAnswers> later) {
  auto timer = std::make_shared<asio::steady_timer>(socket->get_executor(), patience);
  timer->async_wait([socket](boost::system::error_code error) {
    boost::system::error_code ignored;
    if (!error) socket->close(ignored);
  });
  boost::system::error_code error;
  std::string line;
  const std::size_t length =
      co_await asio::async_read_until(*socket, asio::dynamic_buffer(line, longest_request), '\n',
                                      asio::redirect_error(asio::use_awaitable, error));
  if (!error && length > 0) {
    const std::string_view request = std::string_view(line).substr(0, length - 1);
    const auto slow = later->find(request);
    std::string reply;
    if (slow == later->end()) {
      reply = (*answer)(request, peer_of(*socket));
    } else {
      reply = co_await wait_for(socket->get_executor(), slow->second);
    }
    co_await asio::async_write(*socket, asio::buffer(reply),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  timer->cancel();
}

}  // namespace

core::Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::any_io_executor executor,
                                                                 const std::filesystem::path& path,
                                                                 Answer answer) {
  const auto failed = [&path](const std::string& why) {
    return std::unexpected(core::Error{"open the control socket " + path.string(), why,
                                       "set control_socket; until then `status` asks bgpd itself"});
  };
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  // Whoever gets here holds the lock: a socket file in its place is a dead run's.
  if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
  boost::system::error_code error;
  Local::endpoint endpoint;
  if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) return failed("the path is too long");
  endpoint.path(path.string());
  Local::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (error) return failed(error.message());
  const mode_t before = ::umask(0117);  // 0660 from the first moment
  acceptor.bind(endpoint, error);
  ::umask(before);
  if (error) return failed(error.message());
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed(error.message());
  auto server = std::unique_ptr<ControlServer>(
      new ControlServer(std::move(acceptor), path, std::move(answer)));
  server->accept();
  return server;
}

ControlServer::ControlServer(Local::acceptor acceptor, std::filesystem::path path, Answer answer)
    : acceptor_(std::move(acceptor)),
      path_(std::move(path)),
      answer_(std::make_shared<const Answer>(std::move(answer))),
      pause_(acceptor_.get_executor()) {}

void ControlServer::answer_later(std::string word, Later answer) {
  later_->insert_or_assign(std::move(word), std::move(answer));
}

ControlServer::~ControlServer() {
  boost::system::error_code error;
  acceptor_.close(error);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

core::Result<void> ControlServer::give_to(gid_t group) const {
  if (::chown(path_.c_str(), static_cast<uid_t>(-1), group) == 0) return {};
  return std::unexpected(core::Error{"give the control socket " + path_.string() + " to its group",
                                     std::generic_category().message(errno),
                                     "withdrawd must be a member of that group, or root"});
}

void ControlServer::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, Local::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      pause_.expires_after(std::chrono::seconds(1));
      pause_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    auto executor = socket.get_executor();
    asio::co_spawn(executor,
                   serve(std::make_shared<Local::socket>(std::move(socket)), answer_, later_),
                   // An order that was carried out by half must not pass for done.
                   [](const std::exception_ptr& thrown) {
                     if (thrown) std::rethrow_exception(thrown);
                   });
    accept();
  });
}

core::Result<std::string> ask_control(const std::filesystem::path& path, std::string_view request,
                                      core::Duration limit) {
  const std::string tried = std::string(asking) + path.string();
  asio::io_context io;
  Local::socket socket(io);
  boost::system::error_code error;
  if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
    return std::unexpected(core::Error{tried, "the path is too long", ""});
  }
  socket.connect(Local::endpoint(path.string()), error);
  if (error) return std::unexpected(core::Error{tried, error.message(), ""});
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
  if (!answered) return std::unexpected(core::Error{tried, "no answer", ""});
  return answer;
}

bool nobody_answers(const core::Error& error) {
  return error.tried.starts_with(asking);
}

}  // namespace withdrawd::daemon
