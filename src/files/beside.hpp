#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "as_result.hpp"
#include "core/time.hpp"

/// A disk may hang: a frozen file system, a network file system whose server is away. Then whoever
/// touches it sleeps in the kernel, and nothing ends that sleep. Where the loop must go on, it is a
/// thread of its own that sleeps.
namespace withdrawd::files {

/// Small: there may be many, and the memory of this process may be limited.
constexpr std::size_t usual_stack = std::size_t{256} * 1024;

/// Runs `work` on a thread that takes no signals and that nobody waits for. False: there is none to
/// be had.
bool start_thread(std::function<void()> work, std::size_t stack = usual_stack);

/// A thread that may sleep at a place. Where one has slept for long, one more would sleep as well:
/// so there are few of them, however often somebody asks.
class Sleeper {
 public:
  /// At `place`, a path; "": anywhere.
  explicit Sleeper(std::string place = "");
  ~Sleeper();
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  /// Does another sleep there for longer than `span`?
  static bool any(const std::string& place, core::Duration span);
  /// Does one sleep at all?
  static bool any();

 private:
  std::string place_;
  core::Time since_;
};

/// What `work` comes to, between the thread that does it and who waits for it.
template <class Result>
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  bool abandoned = false;  ///< nobody waits any more
  std::optional<Result> result;
  std::exception_ptr thrown;
  std::function<void()> wake;  ///< called once it is done, unless it was abandoned

  template <class Work>
  void run(Work& work) {
    std::optional<Result> made;
    std::exception_ptr failed;
    try {
      made.emplace(work());
    } catch (...) {
      failed = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    if (abandoned) return;
    if (made) result.emplace(std::move(*made));
    thrown = failed;
    done = true;
    changed.notify_all();
    if (wake) wake();
  }

  std::optional<Result> take() {
    const std::lock_guard lock(mutex);
    abandoned = true;
    if (thrown) std::rethrow_exception(thrown);
    return std::move(result);
  }
};

/// What `work`, which must touch nothing of its caller's, returns; nothing: it has not come back
/// within `limit`, and is left to itself. Blocks the caller for so long: for the start of a run.
template <class Work>
std::optional<std::invoke_result_t<Work&>> within(core::Duration limit, Work work) {
  using Result = std::invoke_result_t<Work&>;
  const auto shared = std::make_shared<Shared<Result>>();
  const auto sleeper = std::make_shared<Sleeper>();
  const auto task = std::make_shared<Work>(std::move(work));
  if (start_thread([sleeper, shared, task] { shared->run(*task); })) {
    std::unique_lock lock(shared->mutex);
    shared->changed.wait_for(lock, limit, [&] { return shared->done; });
  } else {
    shared->run(*task);
  }
  return shared->take();
}

/// The same, while the coroutine's executor goes on with other things. `limit` of
/// core::Duration::max(): however long it takes. Nothing, and at once, where an earlier one at
/// `place` has not come back for as long.
template <class Work>
boost::asio::awaitable<std::optional<std::invoke_result_t<Work&>>> beside(
    core::Duration limit, Work work, std::string place = "", std::size_t stack = usual_stack) {
  namespace asio = boost::asio;
  using Result = std::invoke_result_t<Work&>;
  const auto executor = co_await asio::this_coro::executor;
  if (!place.empty() && Sleeper::any(place, limit)) co_return std::nullopt;
  auto sleeper = std::make_shared<Sleeper>(std::move(place));
  const auto shared = std::make_shared<Shared<Result>>();
  const auto timer = std::make_shared<asio::steady_timer>(executor);
  if (limit == core::Duration::max()) {
    timer->expires_at(asio::steady_timer::time_point::max());
  } else {
    timer->expires_after(limit);
  }
  // The executor is there for as long as this frame is; `wake` is called under the lock.
  struct Leave {
    Shared<Result>& shared;
    ~Leave() {
      const std::lock_guard lock(shared.mutex);
      shared.abandoned = true;
    }
  } const leave{*shared};
  shared->wake = [executor, weak = std::weak_ptr(timer)] {
    asio::post(executor, [weak] {
      if (const auto waiting = weak.lock()) waiting->cancel();
    });
  };
  const auto task = std::make_shared<Work>(std::move(work));
  if (!start_thread([sleeper, shared, task] { shared->run(*task); }, stack)) shared->run(*task);
  // Cancelled when it is done.
  static_cast<void>(co_await timer->async_wait(as_result));
  co_return shared->take();
}

}  // namespace withdrawd::files
