#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/time.hpp"

namespace withdrawd::daemon {

/// What one who asks can take of this process.
struct ControlLimits {
  core::Duration to_ask = std::chrono::seconds(5);
  core::Duration to_take = std::chrono::seconds(30);  ///< the answer
  std::size_t clients = 64;  ///< at once; the one that has been there longest makes room
  /// After a failed accept: there may be no descriptors left.
  core::Duration to_accept_again = std::chrono::seconds(1);
};

/// The door for other commands of withdrawd: a unix socket of mode 0660. A request is one line, the
/// answer is one JSON value and the end of the connection. Nobody who asks can hold up the event
/// loop or take the descriptors that checks need: their number and the time of each have a bound.
class ControlServer {
 public:
  /// `peer`: the user at the other end, by the kernel's word (SO_PEERCRED).
  using Answer = std::function<std::string(std::string_view request, uid_t peer)>;
  /// Takes the answer, once.
  using Reply = std::function<void(std::string answer)>;
  using Later = std::function<void(Reply reply)>;

  /// Takes the place of a socket file that nobody listens on any more. An error: the socket cannot
  /// be made; the caller may go on without.
  static core::Result<std::unique_ptr<ControlServer>> open(boost::asio::any_io_executor executor,
                                                           const std::filesystem::path& path,
                                                           Answer answer,
                                                           ControlLimits limits = {});
  /// How long whoever asks waits for an answer of that kind.
  static constexpr auto patience = std::chrono::seconds(5);
  /// A request of this word is answered when the answer is there; with `late` when it is not in
  /// time, and if that is empty, not at all.
  void answer_later(std::string word, Later answer, std::string late = "");
  /// Gives the socket to a group, whose members may then connect.
  core::Result<void> give_to(gid_t group) const;

  /// Removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Inner;
  ControlServer(std::shared_ptr<Inner> inner, std::filesystem::path path);

  std::shared_ptr<Inner> inner_;
  std::filesystem::path path_;
};

/// Asks the running withdrawd; waits at most `limit`. An error is `nobody_answers`: there is none,
/// or it does not answer.
core::Result<std::string> ask_control(const std::filesystem::path& path, std::string_view request,
                                      core::Duration limit = std::chrono::seconds(2));

}  // namespace withdrawd::daemon
