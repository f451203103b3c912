#pragma once

#include "files/file_descriptor.hpp"

namespace withdrawd::process {

using files::FileDescriptor;

}  // namespace withdrawd::process
