// The one place where Boost's separately compiled bodies are instantiated (see meson.build).
#include <boost/asio/impl/src.hpp>
#include <boost/json/src.hpp>
