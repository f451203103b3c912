#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace withdrawd::files {

/// What an awaited operation gives, its error in front, and no exception. To be made into an
/// awaitable of a name of its own before it is awaited: g++ 12 destroys temporaries of a co_await
/// twice.
inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace withdrawd::files
