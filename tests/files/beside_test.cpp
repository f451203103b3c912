#include "files/beside.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>

using namespace withdrawd;
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A disk that hangs until it is told to go on.
struct Disk {
  std::shared_ptr<std::promise<void>> go = std::make_shared<std::promise<void>>();
  std::shared_future<void> gone = go->get_future().share();
};

template <class Work>
auto awaited(core::Duration limit, Work work) {
  asio::io_context io;
  std::optional<std::invoke_result_t<Work&>> result;
  std::exception_ptr failed;
  asio::co_spawn(io, files::beside(limit, std::move(work)),
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
  CHECK_FALSE(awaited(milliseconds(20), [gone = disk.gone] {
    gone.wait();
    return std::string("too late");
  }));
  CHECK_FALSE(files::within(milliseconds(20), [gone = disk.gone] {
    gone.wait();
    return 1;
  }));
  disk.go->set_value();
}

TEST_CASE("the loop goes on meanwhile") {
  Disk disk;
  asio::io_context io;
  bool turned = false;
  int result = 0;
  asio::co_spawn(io,
                 files::beside(seconds(10),
                               [gone = disk.gone] {
                                 gone.wait();
                                 return 3;
                               }),
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
    asio::co_spawn(io,
                   files::beside(seconds(10),
                                 [gone = disk.gone] {
                                   gone.wait();
                                   return 3;
                                 }),
                   asio::detached);
    io.poll();
  }
  disk.go->set_value();
  CHECK(files::within(seconds(10), [] { return 7; }) == 7);
}
