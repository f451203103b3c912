#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "core/check.hpp"
#include "core/time.hpp"

namespace withdrawd::process {

/// Tells at once when a process has died, by its pidfd. All that bear the name are watched (a DNS
/// server has several), in our own PID and network namespace as far as we may see the latter; or
/// the one whose pid stands in the file. What cannot be found is no error: nothing is told then.
class DeathWatch {
 public:
  /// `died` is called from the executor's loop, once for each process.
  DeathWatch(boost::asio::any_io_executor executor, core::WatchedProcess what,
             std::function<void()> died);
  ~DeathWatch();
  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

  /// Looks for processes that are not watched yet. Meant to be called often, with each asking: it
  /// looks only where something may have changed, while there is none and for a while after a
  /// death, else now and then; and never in quick succession, so that processes which come and go
  /// all the time cost little.
  void look(core::Time now);

  static constexpr core::Duration least_pause = std::chrono::milliseconds(200);
  static constexpr core::Duration longest_pause = std::chrono::seconds(10);

  /// How many processes are watched at the moment.
  std::size_t watched() const;

 private:
  struct Watched;
  void find();
  void watch(pid_t pid);

  boost::asio::any_io_executor executor_;
  core::WatchedProcess what_;
  std::shared_ptr<Watched> watched_;
  std::optional<core::Time> looked_;
};

}  // namespace withdrawd::process
