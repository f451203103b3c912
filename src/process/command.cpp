#include "process/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "as_result.hpp"
#include "core/outcome.hpp"
#include "files/beside.hpp"
#include "files/file_descriptor.hpp"
#include "process/pidfd.hpp"

extern char** environ;

namespace withdrawd::process {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using boost::system::error_code;

/// How long a process may take to go after SIGKILL. Longer means that the kernel holds it (a dead
/// network file system, a broken disk); nobody can wait for that.
constexpr auto death_throes = std::chrono::seconds(1);

struct Pipe {
  files::FileDescriptor read_end;
  files::FileDescriptor write_end;
};

/// Both ends close on exec and lie above 2, so that setting up the child's 0, 1 and 2 cannot
/// overwrite one of them, also when we were started with some of these closed.
std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  std::array<files::FileDescriptor, 2> low{files::FileDescriptor(ends[0]),
                                           files::FileDescriptor(ends[1])};
  for (auto& end : low) {
    if (end.number() > STDERR_FILENO) continue;
    files::FileDescriptor high(::fcntl(end.number(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!high) return std::nullopt;
    end = std::move(high);
  }
  return Pipe{std::move(low[0]), std::move(low[1])};
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class SpawnAttributes {
 public:
  SpawnAttributes() { ::posix_spawnattr_init(&attributes_); }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

/// With the null pointer behind them.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Our environment, but for what `own` says.
std::vector<std::string> environment_with(const std::vector<std::string>& own) {
  std::vector<std::string> whole = own;
  for (char** variable = environ; variable && *variable; ++variable) {
    const std::string_view text(*variable);
    const auto name = text.substr(0, text.find('=') + 1);
    const bool replaced =
        std::ranges::any_of(own, [name](const auto& one) { return one.starts_with(name); });
    if (!replaced) whole.emplace_back(text);
  }
  return whole;
}

/// Where this process is spared when memory ends (systemd's OOMScoreAdjust), what it starts is not:
/// else the one plugin that takes all of it would be the last to go, and a bgpd started from here
/// would be spared as well. Anybody may make himself more likely to be killed, within what is his.
void expose_to_memory_shortage(pid_t pid) {
  static const bool is_spared = [] {
    const files::FileDescriptor own(::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
    char sign = '0';
    return own.number() >= 0 && ::read(own.number(), &sign, 1) == 1 && sign == '-';
  }();
  if (!is_spared) return;
  const auto path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
  const files::FileDescriptor its(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // Gone already, or not allowed to: then it stays as it is.
  if (its.number() >= 0 && ::write(its.number(), "0", 1) < 0) return;
}

/// Gives an errno.
int spawn(const Command& command, const Pipe& out, const Pipe& err, pid_t& pid) {
  SpawnActions actions;
  ::posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out.write_end.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(actions.get(), err.write_end.number(), STDERR_FILENO);
  // Boost.Asio's sockets do not close on exec.
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), STDERR_FILENO + 1);

  SpawnAttributes attributes;
  sigset_t all;
  sigset_t none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(attributes.get(), &all);
  ::posix_spawnattr_setsigmask(attributes.get(), &none);
  ::posix_spawnattr_setpgroup(attributes.get(), 0);
  ::posix_spawnattr_setflags(
      attributes.get(), POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  auto words = command.argv;
  auto variables = environment_with(command.environment);
  const auto words_as_c = pointers_to(words);
  const auto variables_as_c = pointers_to(variables);
  return ::posix_spawnp(&pid, words_as_c.front(), actions.get(), attributes.get(),
                        words_as_c.data(), variables_as_c.data());
}

/// A program that runs, or why it does not. Whoever does not take its pid kills it.
struct Spawned {
  int error = 0;  ///< an errno
  pid_t pid = 0;
  std::optional<Pipe> out = make_pipe();
  std::optional<Pipe> err = make_pipe();

  explicit Spawned(const Command& command) {
    if (!out || !err) {
      error = errno;
    } else {
      error = spawn(command, *out, *err, pid);
      if (error != 0) pid = 0;
    }
  }
  Spawned(Spawned&& other) noexcept
      : error(other.error),
        pid(std::exchange(other.pid, 0)),
        out(std::move(other.out)),
        err(std::move(other.err)) {}
  Spawned& operator=(Spawned&&) = delete;
  ~Spawned() {
    if (pid == 0) return;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

core::Error could_not_start(const Command& command, int error) {
  core::Error failure{"run " + command.text(), core::errno_text(error), ""};
  if (error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN) {
    failure.code = core::Error::Code::no_resources;
  }
  const auto& program = command.argv.front();
  const bool has_path = program.find('/') != std::string::npos;
  switch (error) {
    case ENOENT:
      if (has_path && ::access(program.c_str(), F_OK) == 0) {
        failure.happened = "the interpreter that its first line names does not exist";
      } else if (has_path) {
        failure.happened = "there is no such program";
      } else {
        failure.happened = "there is no such program in PATH";
        failure.advice = "name it with its full path";
      }
      break;
    case EACCES:
      // Without a slash, a directory of PATH that may not be entered gives this as well.
      failure.happened =
          has_path ? "it may not be executed" : "nothing in PATH by that name may be executed";
      failure.advice = has_path ? "check its mode, and that of every directory above it"
                                : "name it with its full path";
      break;
    case ENOEXEC:
      failure.happened = "it is neither a program nor a script";
      failure.advice = "let a script begin with a line like #!/bin/sh";
      break;
    case ETXTBSY:
      failure.happened = "somebody is writing to the program's file";
      break;
    case EMFILE:
    case ENFILE:
      failure.advice = "raise the limit of open files";
      break;
    default:
      break;
  }
  return failure;
}

/// One of the program's outputs: takes up all that comes, keeps as much as is wanted.
class Output {
 public:
  Output(const asio::any_io_executor& executor, std::size_t longest)
      : descriptor_(executor), longest_(longest) {}

  error_code open(files::FileDescriptor read_end) {
    error_code failed;
    descriptor_.assign(read_end.number(), failed);
    if (failed) return failed;
    read_end.release();
    descriptor_.native_non_blocking(true, failed);
    return failed;
  }

  /// Reads whenever there is something to read, until the end or close(). `owner` keeps this object
  /// alive meanwhile.
  void keep_reading(std::shared_ptr<void> owner) {
    auto& descriptor = descriptor_;
    descriptor.async_wait(stream_descriptor::wait_read,
                          [this, owner = std::move(owner)](error_code failed) mutable {
                            if (failed || !descriptor_.is_open()) return;
                            if (read_once() != Got::end) keep_reading(std::move(owner));
                          });
  }

  /// Reads what the program left in the pipe when it ended; never waits for more, and, because a
  /// daemon that it started may be writing all the time, never reads more than a pipe can hold.
  void finish() {
    if (!descriptor_.is_open()) return;
    int left = ::fcntl(descriptor_.native_handle(), F_GETPIPE_SZ);
    while (left > 0 && read_once() == Got::bytes) left -= static_cast<int>(last_read_);
    close();
  }

  void close() {
    error_code ignored;
    descriptor_.close(ignored);
  }

  std::string& text() { return text_; }

 private:
  enum class Got { bytes, nothing_yet, end };

  Got read_once() {
    std::array<char, 65536> buffer;  // NOLINT: filled by read
    const auto got = ::read(descriptor_.native_handle(), buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Got::nothing_yet : Got::end;
    if (got == 0) return Got::end;
    last_read_ = static_cast<std::size_t>(got);
    text_.append(buffer.data(), std::min(last_read_, longest_ - text_.size()));
    return Got::bytes;
  }

  stream_descriptor descriptor_;
  std::size_t longest_;
  std::size_t last_read_ = 0;
  std::string text_;
};

/// A child process that has not been reaped: so its pid, and with it its group, can be nobody
/// else's.
class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(const asio::any_io_executor& executor, std::size_t longest)
      : out(executor, longest), err(executor, longest), deadline(executor), pidfd_(executor) {}

  /// Only when the event loop itself is being torn down is the child still there: nobody will wait
  /// for it any more.
  ~Child() {
    if (pid_ == 0) return;
    kill_group();
    if (pidfd_.is_open()) {
      pollfd ended{pidfd_.native_handle(), POLLIN, 0};
      ::poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(death_throes).count()));
      reap();
    } else {
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  core::Result<void> take(const Command& command, Spawned spawned) {
    if (spawned.error != 0) return std::unexpected(could_not_start(command, spawned.error));
    auto out_pipe = std::move(spawned.out);
    auto err_pipe = std::move(spawned.err);
    pid_ = std::exchange(spawned.pid, 0);
    expose_to_memory_shortage(pid_);
    auto pidfd = open_pidfd(pid_);
    if (!pidfd) return std::unexpected(could_not_start(command, errno));
    error_code failed;
    pidfd_.assign(pidfd.number(), failed);
    if (!failed) {
      pidfd.release();
      failed = out.open(std::move(out_pipe->read_end));
    }
    if (!failed) failed = err.open(std::move(err_pipe->read_end));
    if (failed) return std::unexpected(could_not_start(command, failed.value()));
    out.keep_reading(shared_from_this());
    err.keep_reading(shared_from_this());
    return {};
  }

  /// After `limit` the group is killed; after another second we stop waiting for the funeral.
  void set_limit(core::Duration limit) {
    deadline.expires_after(limit);
    deadline.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && self->pid_ != 0 && !self->has_ended()) self->kill_in_time();
    });
  }

  /// Also where the event loop has not heard of it yet.
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

  void kill_in_time() {
    over_limit = true;
    kill_group();
    deadline.expires_after(death_throes);
    deadline.async_wait([self = shared_from_this()](error_code cancelled) {
      if (cancelled || self->pid_ == 0) return;
      self->unkillable = true;
      error_code ignored;
      self->pidfd_.cancel(ignored);
    });
  }

  template <class Token>
  auto async_wait_for_end(Token&& token) {
    return pidfd_.async_wait(stream_descriptor::wait_read, std::forward<Token>(token));
  }

  /// Reaps it whenever the kernel lets it go.
  void leave_behind() {
    out.close();
    err.close();
    async_wait_for_end([self = shared_from_this()](error_code) { self->reap(); });
  }

  void kill_group() {
    if (pid_ != 0) ::kill(-pid_, SIGKILL);
  }

  /// The exit status, if it has ended.
  std::optional<int> reap() {
    siginfo_t info{};
    const int failed = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
    if (failed == 0 && info.si_pid == 0) return std::nullopt;
    pid_ = 0;
    if (failed != 0) return 255;  // reaped by somebody else: nobody knows how it ended
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }

  Output out;
  Output err;
  asio::steady_timer deadline;
  bool over_limit = false;
  bool unkillable = false;

 private:
  stream_descriptor pidfd_;
  pid_t pid_ = 0;
};

std::string_view last_line(std::string_view text) {
  const auto end = text.find_last_not_of("\r\n\t ");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const auto line_feed = text.rfind('\n');
  return line_feed == std::string_view::npos ? text : text.substr(line_feed + 1);
}

core::Error took_too_long(const Command& command, Child& child) {
  core::Error error{"run " + command.text(), "", ""};
  error.happened = "not finished after " + core::describe(command.limit) + ", killed";
  if (child.unkillable) error.happened += ", but the kernel does not let it go";
  auto line = last_line(child.err.text());
  if (line.empty()) line = last_line(child.out.text());
  if (!line.empty()) error.happened += "; its last words: " + core::printable(line, 200);
  return error;
}

/// A parent that ignored SIGCHLD leaves that to us through exec, and then the kernel reaps our
/// children before we can ask how they ended.
void keep_children_for_reaping() {
  struct sigaction now{};
  if (::sigaction(SIGCHLD, nullptr, &now) != 0) return;
  const bool reaped_by_kernel =
      now.sa_handler == SIG_IGN || (now.sa_flags & SA_NOCLDWAIT) != 0;  // NOLINT: a C union
  if (reaped_by_kernel) static_cast<void>(::signal(SIGCHLD, SIG_DFL));
}

}  // namespace

std::string Command::text() const {
  std::string words;
  for (const auto& word : argv) {
    if (!words.empty()) words += ' ';
    words += word;
  }
  return core::printable(words, 160);
}

asio::awaitable<core::Result<Finished>> run(Command command) {
  if (command.argv.empty() || command.argv.front().empty()) {
    co_return std::unexpected(core::Error{"run a command", "it has no name", ""});
  }
  keep_children_for_reaping();

  const auto executor = co_await asio::this_coro::executor;
  const auto begun = std::chrono::steady_clock::now();
  // When we are cancelled we still have to kill and to reap: no exception then, but another wait.
  const bool threw = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  // Whoever starts a program waits until the kernel has opened it, and its disk may hang.
  auto spawning =
      files::beside(command.limit, [command] { return Spawned(command); }, command.argv.front());
  auto spawned = co_await std::move(spawning);
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  bool cancelled = cancellation.cancelled() != asio::cancellation_type::none;
  if (!spawned && !cancelled) {
    co_return std::unexpected(core::Error{"run " + command.text(),
                                          "not started after " + core::describe(command.limit),
                                          "its disk hangs, or this host is far too busy"});
  }
  const auto was_cancelled = [&command] {
    return std::unexpected(core::Error{"run " + command.text(), "cancelled, and so killed", ""});
  };
  if (!spawned) co_return was_cancelled();
  auto child = std::make_shared<Child>(executor, command.longest_output);
  if (auto started = child->take(command, *std::move(spawned)); !started) {
    co_return std::unexpected(started.error());
  }
  child->set_limit(command.limit - (std::chrono::steady_clock::now() - begun));

  if (cancelled) child->kill_in_time();
  std::optional<int> status;
  while (!status && !child->unkillable) {
    const auto [failed] = co_await child->async_wait_for_end(as_result);
    status = child->reap();
    if (failed && !status && !child->over_limit) {
      cancelled = true;
      child->kill_in_time();
    }
  }
  co_await asio::this_coro::throw_if_cancelled(threw);

  child->deadline.cancel();
  if (!status) {
    child->leave_behind();
    co_return std::unexpected(took_too_long(command, *child));
  }
  child->out.finish();
  child->err.finish();
  if (cancelled) co_return was_cancelled();
  if (child->over_limit) co_return std::unexpected(took_too_long(command, *child));
  co_return Finished{*status, std::move(child->out.text()), std::move(child->err.text())};
}

}  // namespace withdrawd::process
