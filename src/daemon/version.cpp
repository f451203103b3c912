#include "daemon/version.hpp"

namespace withdrawd::daemon {

const std::string_view version = WITHDRAWD_VERSION;

}  // namespace withdrawd::daemon
