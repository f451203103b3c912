// The one place where the bodies of Boost.Asio's TLS are instantiated (see meson.build).
#include <boost/asio/ssl/impl/src.hpp>
