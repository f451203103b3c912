#include "files/beside.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

using namespace withdrawd;
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A disk that hangs until it is told to go on.
struct Disk {
  std::shared_ptr<std::promise<void>> go = std::make_shared<std::promise<void>>();
  std::shared_future<void> gone = go->get_future().share();

  /// Work that hangs on it and comes to `result` then.
  template <class Result>
  auto hung(Result result) const {
    return [gone = gone, result] {
      gone.wait();
      return result;
    };
  }
};

/// Did every thread end that was left to itself?
bool all_have_ended() {
  const auto until = std::chrono::steady_clock::now() + seconds(10);
  while (files::Sleeper::any() && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  return !files::Sleeper::any();
}

template <class Work>
auto awaited(core::Duration limit, Work work, std::string place = "") {
  asio::io_context io;
  std::optional<std::invoke_result_t<Work&>> result;
  std::exception_ptr failed;
  asio::co_spawn(io, files::beside(limit, std::move(work), std::move(place)),
                 [&](const std::exception_ptr& thrown, auto got) {
                   failed = thrown;
                   result = std::move(got);
                 });
  io.run();
  if (failed) std::rethrow_exception(failed);
  return result;
}

}  // namespace

TEST_CASE("what is done beside the loop comes back to it") {
  CHECK(awaited(seconds(10), [] { return std::string("done"); }) == "done");
  CHECK(awaited(core::Duration::max(), [] { return 5; }) == 5);
  CHECK(files::within(seconds(10), [] { return 7; }) == 7);
}

TEST_CASE("what hangs is waited for no longer than was said, and does no harm when it comes back") {
  Disk disk;
  CHECK_FALSE(awaited(milliseconds(20), disk.hung(std::string("too late"))));
  CHECK_FALSE(files::within(milliseconds(20), disk.hung(1)));
  disk.go->set_value();
  CHECK(all_have_ended());
}

TEST_CASE("who sleeps is known from before it is waited for until it has ended") {
  CHECK(all_have_ended());
  Disk disk;
  CHECK_FALSE(files::within(milliseconds(1), disk.hung(1)));
  CHECK(files::Sleeper::any());
  Disk other;
  CHECK_FALSE(awaited(milliseconds(1), other.hung(1), "/elsewhere"));
  disk.go->set_value();
  CHECK(files::Sleeper::any());
  other.go->set_value();
  CHECK(all_have_ended());
}

TEST_CASE("where one has slept for as long as one waits, no other follows it") {
  Disk disk;
  CHECK_FALSE(awaited(milliseconds(20), disk.hung(1), "/nfs/a"));
  bool followed = false;
  const auto follow = [&followed] {
    followed = true;
    return 2;
  };
  CHECK_FALSE(awaited(milliseconds(20), follow, "/nfs/a"));
  CHECK_FALSE(followed);
  CHECK(awaited(seconds(10), [] { return 2; }, "/nfs/b") == 2);
  // Who waits longer than it has slept, or nowhere in particular, does follow.
  CHECK(awaited(seconds(10), [] { return 2; }, "/nfs/a") == 2);
  CHECK(awaited(seconds(10), [] { return 2; }) == 2);
  disk.go->set_value();
  CHECK(all_have_ended());
  CHECK(awaited(seconds(10), [] { return 2; }, "/nfs/a") == 2);
}

TEST_CASE("the loop goes on meanwhile") {
  Disk disk;
  asio::io_context io;
  bool turned = false;
  int result = 0;
  asio::co_spawn(io, files::beside(seconds(10), disk.hung(3)),
                 [&](const std::exception_ptr&, std::optional<int> got) { result = got.value(); });
  asio::post(io, [&] {
    turned = true;
    disk.go->set_value();
  });
  io.run();
  CHECK(turned);
  CHECK(result == 3);
}

TEST_CASE("what it throws is thrown where it is waited for") {
  CHECK_THROWS_AS(awaited(seconds(10), []() -> int { throw std::bad_alloc(); }), std::bad_alloc);
  CHECK_THROWS_AS(files::within(seconds(10), []() -> int { throw std::bad_alloc(); }),
                  std::bad_alloc);
}

TEST_CASE("a loop that is torn down is not woken any more") {
  Disk disk;
  {
    asio::io_context io;
    asio::co_spawn(io, files::beside(seconds(10), disk.hung(3)), asio::detached);
    io.poll();
  }
  disk.go->set_value();
  CHECK(all_have_ended());
}
