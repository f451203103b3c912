#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/time.hpp"

namespace withdrawd::process {

/// A program that has run to its end.
struct Finished {
  int exit_status = 0;  ///< as in a shell: 128 + N when signal N ended it
  std::string out;      ///< standard output, at most `Command::longest_output` bytes
  std::string err;      ///< standard error, likewise
};

/// A program to run: no shell, standard input is /dev/null, its own process group, default signals,
/// no file descriptor of ours, our environment.
struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH when it has no slash
  core::Duration limit;           ///< then its whole process group is killed
  std::size_t longest_output = std::size_t{16} * 1024 * 1024;  ///< what is over is read and dropped
  std::vector<std::string> environment{};  ///< "NAME=value": goes before what we have of it

  /// For people: the words, escaped and cut to a line's length.
  std::string text() const;
};

/// Runs it. Ends when the program itself has ended, also when a daemon that it started still holds
/// the other end of its output (`bgpd -d` does). An error: it could not be started, or took longer
/// than its limit (the error's text then carries the last line it printed). Never blocks the
/// executor, never leaves a zombie, also when the coroutine is cancelled.
boost::asio::awaitable<core::Result<Finished>> run(Command command);

}  // namespace withdrawd::process
