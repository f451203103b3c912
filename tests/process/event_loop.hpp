#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

namespace withdrawd::test {

/// Runs one coroutine to its end on a loop of its own, and gives what it returned.
template <class T>
T run_to_end(boost::asio::awaitable<T> coroutine) {
  boost::asio::io_context loop;
  std::optional<T> result;
  boost::asio::co_spawn(loop, std::move(coroutine),
                        [&result](const std::exception_ptr& thrown, T value) {
                          if (thrown) std::rethrow_exception(thrown);
                          result.emplace(std::move(value));
                        });
  loop.run();
  return std::move(*result);
}

}  // namespace withdrawd::test
